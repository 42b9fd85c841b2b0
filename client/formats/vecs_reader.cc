#include "client/formats/vecs_reader.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

namespace tessera::formats {
namespace {

constexpr size_t kDimBytes = 4;

uint32_t LoadDim(const uint8_t* row) {
  uint32_t dim;
  std::memcpy(&dim, row, sizeof dim);
  return dim;
}

bool IsPossible(uint32_t dim) { return dim > 0 && dim <= kMaxDim; }

class VecsReader final : public VectorReader {
 public:
  VecsReader(std::unique_ptr<ByteSource> source, ItemType item, uint32_t dim)
      : source_(std::move(source)), item_(item), row_bytes_(RowBytes(dim)) {
    dim_ = dim;
    type_ = ElementOf(item);
  }

  std::optional<uint64_t> total_rows() const override {
    if (!source_->size()) return std::nullopt;
    return *source_->size() / row_bytes_;
  }
  ReadProgress progress() const override { return source_->progress(); }

 protected:
  Status Fill(size_t max_rows, VectorBatch& out) override;
  Status SkipRows(uint64_t rows) override;

 private:
  size_t RowBytes(uint32_t dim) const { return kDimBytes + dim * ItemSize(item_); }
  StatusOr<uint32_t> NextDim();
  Status Truncated(uint32_t dim, uint64_t offset, uint64_t found) const;
  size_t TakeRows(std::span<const uint8_t> window, size_t max_rows, VectorBatch& out);
  Status LeaveOutRow(uint32_t dim, VectorBatch& out);

  std::unique_ptr<ByteSource> source_;
  ItemType item_;
  size_t row_bytes_;  // of a row of the file's dim, its dim field included
};

// The dim of the next row, 0 at the end of the file.
StatusOr<uint32_t> VecsReader::NextDim() {
  std::span<const uint8_t> window = source_->Window(kDimBytes);
  if (window.empty()) {
    TESSERA_RETURN_IF_ERROR(source_->status());
    return 0;
  }
  if (window.size() < kDimBytes) {
    return Truncated(static_cast<uint32_t>(dim_), source_->offset(), window.size());
  }
  uint32_t dim = LoadDim(window.data());
  if (IsPossible(dim)) return dim;
  return DataLoss(RowName(source_->name(), next_row_) + "dim is " + std::to_string(dim) +
                  " at offset " + std::to_string(source_->offset()) + ", expected " +
                  std::to_string(dim_));
}

// The row at `offset` has `found` bytes only.
Status VecsReader::Truncated(uint32_t dim, uint64_t offset, uint64_t found) const {
  TESSERA_RETURN_IF_ERROR(source_->status());
  return DataLoss(RowName(source_->name(), next_row_) + "truncated: expected " +
                  std::to_string(RowBytes(dim)) + " bytes at offset " + std::to_string(offset) +
                  ", found " + std::to_string(found));
}

// Appends the whole rows of the file's dim at the window's front; returns how many.
size_t VecsReader::TakeRows(std::span<const uint8_t> window, size_t max_rows, VectorBatch& out) {
  const size_t most = std::min(max_rows, window.size() / row_bytes_);
  size_t count = 0;
  while (count < most && LoadDim(window.data() + count * row_bytes_) == dim_) ++count;
  AppendRows({item_, window.data() + kDimBytes, row_bytes_, count, dim_}, next_row_,
             source_->name(), out);
  source_->Consume(count * row_bytes_);
  next_row_ += count;
  return count;
}

Status VecsReader::LeaveOutRow(uint32_t dim, VectorBatch& out) {
  const std::span<const uint8_t> window = source_->Window(RowBytes(dim));
  if (window.size() < RowBytes(dim)) return Truncated(dim, source_->offset(), window.size());
  out.bad.push_back(
      {next_row_, InvalidArgument(RowName(source_->name(), next_row_) + "dim is " +
                                  std::to_string(dim) + ", expected " + std::to_string(dim_))});
  source_->Consume(RowBytes(dim));
  ++next_row_;
  return OkStatus();
}

Status VecsReader::Fill(size_t max_rows, VectorBatch& out) {
  size_t left = max_rows;
  while (left > 0) {
    TESSERA_ASSIGN_OR_RETURN(uint32_t dim, NextDim());
    if (dim == 0) break;
    if (dim != dim_) {
      TESSERA_RETURN_IF_ERROR(LeaveOutRow(dim, out));
      --left;
      continue;
    }
    const std::span<const uint8_t> window = source_->Window(row_bytes_);
    if (window.size() < row_bytes_) return Truncated(dim, source_->offset(), window.size());
    left -= TakeRows(window, left, out);
  }
  return OkStatus();
}

Status VecsReader::SkipRows(uint64_t rows) {
  for (; rows > 0; --rows) {
    TESSERA_ASSIGN_OR_RETURN(uint32_t dim, NextDim());
    if (dim == 0) break;
    const uint64_t offset = source_->offset();
    const uint64_t found = source_->Skip(RowBytes(dim));
    if (found < RowBytes(dim)) return Truncated(dim, offset, found);
    ++next_row_;
  }
  return OkStatus();
}

}  // namespace

StatusOr<std::unique_ptr<VectorReader>> OpenVecs(std::unique_ptr<ByteSource> source, ItemType item,
                                                 size_t expected_dim) {
  const std::span<const uint8_t> window = source->Window(kDimBytes);
  if (window.size() < kDimBytes) {
    TESSERA_RETURN_IF_ERROR(source->status());
    return DataLoss(source->name() + ": truncated: expected the 4 bytes of row 0's dim, found " +
                    std::to_string(window.size()));
  }
  const uint32_t dim = LoadDim(window.data());
  if (!IsPossible(dim)) {
    return InvalidArgument(RowName(source->name(), 0) + "dim is " + std::to_string(dim) +
                           ", expected 1 to " + std::to_string(kMaxDim) +
                           "; is this another format?");
  }
  if (expected_dim != 0 && dim != expected_dim) {
    return InvalidArgument(source->name() + ": dim is " + std::to_string(dim) + ", expected " +
                           std::to_string(expected_dim));
  }
  return std::unique_ptr<VectorReader>(new VecsReader(std::move(source), item, dim));
}

}  // namespace tessera::formats
