// One two-dimensional data set of an HDF5 file, read by blocks of rows.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "client/formats/row_appender.h"
#include "index/status.h"

namespace tessera::formats {

// One thread at a time. HDF5's own messages are kept from standard error.
class Hdf5Dataset {
 public:
  // Float data is read as f32, 8-bit integers as they are, other integers of up to 32 bits as i32.
  // NotFound (file or data set), InvalidArgument (no HDF5 file, other shape or type, dim 0 or above
  // kMaxDim), DataLoss (a data set without data).
  static StatusOr<std::unique_ptr<Hdf5Dataset>> Open(const std::string& path,
                                                     const std::string& dataset);
  ~Hdf5Dataset();

  ItemType item() const { return item_; }
  uint64_t rows() const { return rows_; }
  size_t dim() const { return dim_; }
  const std::string& name() const { return name_; }  // "file.hdf5:/train"

  // Reads rows [first, first + count), within rows(), packed, into `out`.
  Status Read(uint64_t first, size_t count, uint8_t* out);

 private:
  struct Handles;  // HDF5's types stay in the .cc file
  Hdf5Dataset();
  Status OpenFile(const std::string& path);
  Status OpenDataset(const std::string& dataset);
  Status ReadShape();
  Status ReadType();
  Status CheckStorage();

  std::string name_;
  std::unique_ptr<Handles> handles_;
  ItemType item_ = ItemType::kF32;
  uint64_t rows_ = 0;
  size_t dim_ = 0;
};

}  // namespace tessera::formats
