// Writers of vector files: fvecs, bvecs, ivecs and npy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "client/formats/format.h"
#include "index/status.h"
#include "index/types.h"

namespace tessera::formats {

// Writes "<path>.tmp"; Finish makes it durable and gives it its name, replacing a file there.
// Without Finish (or after an error) the destructor removes it: a file under its name is whole. One
// thread at a time.
class VectorWriter {
 public:
  // fvecs takes f32, bvecs u8, npy all four element types; dim is 1 to kMaxDim. kAuto: by the name.
  // InvalidArgument for anything else, FailedPrecondition with the system's reason if the file
  // cannot be made.
  static StatusOr<std::unique_ptr<VectorWriter>> Create(const std::string& path, Format format,
                                                        ElementType type, size_t dim);
  ~VectorWriter();
  VectorWriter(const VectorWriter&) = delete;
  VectorWriter& operator=(const VectorWriter&) = delete;

  // Whole rows, packed, little-endian; InvalidArgument if the size is no multiple of a row.
  // FailedPrecondition with the system's reason if writing fails.
  Status Append(std::span<const uint8_t> rows);
  // Writes what is left, the npy header, syncs, renames. Nothing can be appended afterwards.
  Status Finish();

  uint64_t rows() const { return rows_; }

 private:
  friend Status WriteIvecs(const std::string& path, MatrixView<const int32_t> matrix);
  VectorWriter(std::string path, Format format, ElementType type, size_t item_bytes, size_t dim);
  static StatusOr<std::unique_ptr<VectorWriter>> Open(std::unique_ptr<VectorWriter> writer);
  std::string NpyHeader() const;
  Status Flush();
  Status WriteAt(const uint8_t* data, size_t n, uint64_t offset);
  Status Failed(const std::string& what) const;

  std::string path_;
  std::string tmp_path_;
  Format format_;
  ElementType type_;
  size_t dim_;
  size_t row_bytes_;  // packed, without the dim field of the -vecs formats
  int fd_ = -1;
  uint64_t rows_ = 0;
  uint64_t written_ = 0;
  std::vector<uint8_t> buffer_;
};

// A whole matrix at once, as ivecs: ground truth, for example. Errors as above.
Status WriteIvecs(const std::string& path, MatrixView<const int32_t> matrix);

}  // namespace tessera::formats
