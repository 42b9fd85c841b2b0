#include "client/formats/hdf5_dataset.h"

#include <hdf5.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "client/formats/matrix_header.h"

namespace tessera::formats {
namespace {

// Holds a band of chunks of wide rows, so that none is decompressed once for every block of rows.
constexpr size_t kChunkCacheBytes = size_t{64} << 20;
constexpr size_t kChunkCacheSlots = 12421;  // a prime, far more than chunks in the cache

// An HDF5 handle of one kind.
class Handle {
 public:
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  hid_t get() const { return id_; }
  bool ok() const { return id_ >= 0; }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

// The error stack, and thus the printing of it, is per thread.
void SilenceErrors() { H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); }

hid_t MemoryType(ItemType item) {
  switch (item) {
    case ItemType::kI8:
      return H5T_NATIVE_INT8;
    case ItemType::kU8:
      return H5T_NATIVE_UINT8;
    case ItemType::kI32:
      return H5T_NATIVE_INT32;
    default:
      return H5T_NATIVE_FLOAT;
  }
}

}  // namespace

struct Hdf5Dataset::Handles {
  Handle file{-1, H5Fclose};
  Handle dataset{-1, H5Dclose};
};

Hdf5Dataset::Hdf5Dataset() : handles_(std::make_unique<Handles>()) {}
Hdf5Dataset::~Hdf5Dataset() = default;

StatusOr<std::unique_ptr<Hdf5Dataset>> Hdf5Dataset::Open(const std::string& path,
                                                         const std::string& dataset) {
  SilenceErrors();
  std::unique_ptr<Hdf5Dataset> opened(new Hdf5Dataset());
  opened->name_ = path;
  TESSERA_RETURN_IF_ERROR(opened->OpenFile(path));
  opened->name_ += ":" + dataset;
  TESSERA_RETURN_IF_ERROR(opened->OpenDataset(dataset));
  TESSERA_RETURN_IF_ERROR(opened->ReadType());
  TESSERA_RETURN_IF_ERROR(opened->ReadShape());
  TESSERA_RETURN_IF_ERROR(opened->CheckStorage());
  return opened;
}

Status Hdf5Dataset::OpenFile(const std::string& path) {
  if (access(path.c_str(), R_OK) != 0) {
    const std::string message = "cannot open " + path + ": " + std::strerror(errno);
    return errno == ENOENT ? NotFound(message) : FailedPrecondition(message);
  }
  // Reading takes no lock: it would fail on read-only and network file systems.
  const Handle access_list(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_file_locking(access_list.get(), false, true);
  handles_->file = Handle(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access_list.get()), H5Fclose);
  if (handles_->file.ok()) return OkStatus();
  return InvalidArgument(path + ": not an HDF5 file, or a damaged one");
}

Status Hdf5Dataset::OpenDataset(const std::string& dataset) {
  const Handle access_list(H5Pcreate(H5P_DATASET_ACCESS), H5Pclose);
  H5Pset_chunk_cache(access_list.get(), kChunkCacheSlots, kChunkCacheBytes, 1.0);
  handles_->dataset =
      Handle(H5Dopen2(handles_->file.get(), dataset.c_str(), access_list.get()), H5Dclose);
  return handles_->dataset.ok() ? OkStatus() : NotFound(name_ + ": no such data set");
}

Status Hdf5Dataset::ReadType() {
  const Handle type(H5Dget_type(handles_->dataset.get()), H5Tclose);
  const H5T_class_t kind = H5Tget_class(type.get());
  const size_t size = H5Tget_size(type.get());
  const bool is_signed = H5Tget_sign(type.get()) != H5T_SGN_NONE;
  if (kind == H5T_FLOAT && size <= 8) {
    item_ = ItemType::kF32;
  } else if (kind == H5T_INTEGER && size == 1) {
    item_ = is_signed ? ItemType::kI8 : ItemType::kU8;
  } else if (kind == H5T_INTEGER && (size == 2 || (size == 4 && is_signed))) {
    item_ = ItemType::kI32;
  } else {
    return InvalidArgument(name_ + ": items are no floats or integers of at most 32 bits");
  }
  return OkStatus();
}

Status Hdf5Dataset::ReadShape() {
  const Handle space(H5Dget_space(handles_->dataset.get()), H5Sclose);
  const int rank = H5Sget_simple_extent_ndims(space.get());
  if (rank != 2) {
    return InvalidArgument(name_ + ": has " + std::to_string(rank) + " dimensions, expected 2");
  }
  hsize_t shape[2] = {0, 0};
  H5Sget_simple_extent_dims(space.get(), shape, nullptr);
  TESSERA_RETURN_IF_ERROR(CheckShape({item_, shape[0], shape[1]}, name_));
  rows_ = shape[0];
  dim_ = shape[1];
  return OkStatus();
}

// HDF5 takes chunks of any size on trust, and answers with zeros where nothing was stored.
Status Hdf5Dataset::CheckStorage() {
  const hid_t dataset = handles_->dataset.get();
  const Handle creation(H5Dget_create_plist(dataset), H5Pclose);
  if (H5Pget_layout(creation.get()) == H5D_CHUNKED) {
    hsize_t chunk[2] = {0, 0};
    H5Pget_chunk(creation.get(), 2, chunk);
    const hsize_t items = kChunkCacheBytes / ItemSize(item_);
    if (chunk[0] == 0 || chunk[1] > items / chunk[0]) {
      return InvalidArgument(name_ + ": chunks of " + std::to_string(chunk[0]) + " x " +
                             std::to_string(chunk[1]) + " items, expected at most " +
                             std::to_string(items) + " items");
    }
  }
  if (rows_ == 0 || H5Dget_storage_size(dataset) > 0) return OkStatus();
  return DataLoss(name_ + ": says " + std::to_string(rows_) + " rows, but no data is stored");
}

Status Hdf5Dataset::Read(uint64_t first, size_t count, uint8_t* out) {
  SilenceErrors();
  const hsize_t start[2] = {first, 0};
  const hsize_t extent[2] = {count, dim_};
  const Handle file_space(H5Dget_space(handles_->dataset.get()), H5Sclose);
  const Handle memory_space(H5Screate_simple(2, extent, nullptr), H5Sclose);
  if (H5Sselect_hyperslab(file_space.get(), H5S_SELECT_SET, start, nullptr, extent, nullptr) < 0 ||
      H5Dread(handles_->dataset.get(), MemoryType(item_), memory_space.get(), file_space.get(),
              H5P_DEFAULT, out) < 0) {
    return DataLoss(name_ + ": cannot read rows " + std::to_string(first) + " to " +
                    std::to_string(first + count - 1) + " of " + std::to_string(rows_) +
                    "; truncated or damaged");
  }
  return OkStatus();
}

}  // namespace tessera::formats
