#include "client/formats/matrix_reader.h"

#include <algorithm>
#include <string>
#include <utility>

namespace tessera::formats {
namespace {

class MatrixReader final : public VectorReader {
 public:
  MatrixReader(std::unique_ptr<ByteSource> source, const MatrixHeader& header)
      : source_(std::move(source)),
        item_(header.item),
        rows_(header.rows),
        open_ended_(header.open_ended),
        row_bytes_(header.dim * ItemSize(header.item)),
        data_offset_(source_->offset()) {
    dim_ = header.dim;
    type_ = ElementOf(header.item);
  }

  std::optional<uint64_t> total_rows() const override {
    if (!source_->size()) return open_ended_ ? std::nullopt : std::optional(rows_);
    return std::min(rows_, (*source_->size() - data_offset_) / row_bytes_);
  }
  ReadProgress progress() const override { return source_->progress(); }

 protected:
  Status Fill(size_t max_rows, VectorBatch& out) override;
  Status SkipRows(uint64_t rows) override;

 private:
  Status Truncated(uint64_t bytes_of_row) const;
  // The source has ended, `bytes_of_row` bytes into a row.
  Status AtEnd(uint64_t bytes_of_row) const {
    return open_ended_ && bytes_of_row == 0 ? source_->status() : Truncated(bytes_of_row);
  }
  Status CheckEnd();

  std::unique_ptr<ByteSource> source_;
  ItemType item_;
  uint64_t rows_;  // as the header says
  bool open_ended_;
  size_t row_bytes_;
  uint64_t data_offset_;
};

Status MatrixReader::Truncated(uint64_t bytes_of_row) const {
  TESSERA_RETURN_IF_ERROR(source_->status());
  if (open_ended_) {
    return DataLoss(RowName(source_->name(), next_row_) + "truncated: found " +
                    std::to_string(bytes_of_row) + " of " + std::to_string(row_bytes_) + " bytes");
  }
  const uint64_t found = next_row_ * row_bytes_ + bytes_of_row;
  return DataLoss(RowName(source_->name(), next_row_) + "truncated: the header says " +
                  std::to_string(rows_) + " rows of " + std::to_string(row_bytes_) +
                  " bytes from offset " + std::to_string(data_offset_) + ", found " +
                  std::to_string(found) + " of " + std::to_string(rows_ * row_bytes_) + " bytes");
}

Status MatrixReader::CheckEnd() {
  const bool more = !source_->Window(1).empty();
  TESSERA_RETURN_IF_ERROR(source_->status());
  if (!more) return OkStatus();
  return DataLoss(source_->name() + ": bytes after the last of " + std::to_string(rows_) +
                  " rows at offset " + std::to_string(source_->offset()) +
                  "; does the header tell the truth?");
}

Status MatrixReader::Fill(size_t max_rows, VectorBatch& out) {
  uint64_t left = std::min<uint64_t>(max_rows, rows_ - next_row_);
  if (left == 0) return CheckEnd();
  while (left > 0) {
    const std::span<const uint8_t> window = source_->Window(row_bytes_);
    const auto count = static_cast<size_t>(std::min<uint64_t>(left, window.size() / row_bytes_));
    if (count == 0) return AtEnd(window.size());
    AppendRows({item_, window.data(), row_bytes_, count, dim_}, next_row_, source_->name(), out);
    source_->Consume(count * row_bytes_);
    next_row_ += count;
    left -= count;
  }
  return OkStatus();
}

Status MatrixReader::SkipRows(uint64_t rows) {
  const uint64_t wanted = std::min(rows, rows_ - next_row_) * row_bytes_;
  const uint64_t found = source_->Skip(wanted);
  next_row_ += found / row_bytes_;
  return found < wanted ? AtEnd(found % row_bytes_) : OkStatus();
}

}  // namespace

std::unique_ptr<VectorReader> MakeMatrixReader(std::unique_ptr<ByteSource> source,
                                               const MatrixHeader& header) {
  return std::make_unique<MatrixReader>(std::move(source), header);
}

}  // namespace tessera::formats
