#include "client/formats/hdf5_reader.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "client/formats/hdf5_dataset.h"
#include "client/formats/row_appender.h"

namespace tessera::formats {
namespace {

constexpr size_t kBlockBytes = 1 << 20;

class Hdf5Reader final : public VectorReader {
 public:
  explicit Hdf5Reader(std::unique_ptr<Hdf5Dataset> data)
      : data_(std::move(data)), row_bytes_(data_->dim() * ItemSize(data_->item())) {
    dim_ = data_->dim();
    type_ = ElementOf(data_->item());
  }

  std::optional<uint64_t> total_rows() const override { return data_->rows(); }
  // In bytes of the rows: where HDF5 is in its file, it does not tell.
  ReadProgress progress() const override {
    return {next_row_ * row_bytes_, data_->rows() * row_bytes_};
  }

 protected:
  Status Fill(size_t max_rows, VectorBatch& out) override {
    size_t left = max_rows;
    while (left > 0 && next_row_ < data_->rows()) {
      const auto count = static_cast<size_t>(std::min<uint64_t>(
          {left, data_->rows() - next_row_, std::max<size_t>(1, kBlockBytes / row_bytes_)}));
      block_.resize(count * row_bytes_);
      TESSERA_RETURN_IF_ERROR(data_->Read(next_row_, count, block_.data()));
      AppendRows({data_->item(), block_.data(), row_bytes_, count, dim_}, next_row_, data_->name(),
                 out);
      next_row_ += count;
      left -= count;
    }
    return OkStatus();
  }

  Status SkipRows(uint64_t rows) override {
    next_row_ += std::min(rows, data_->rows() - next_row_);
    return OkStatus();
  }

 private:
  std::unique_ptr<Hdf5Dataset> data_;
  size_t row_bytes_;
  std::vector<uint8_t> block_;
};

}  // namespace

StatusOr<std::unique_ptr<VectorReader>> OpenHdf5(const OpenOptions& options) {
  TESSERA_ASSIGN_OR_RETURN(auto data, Hdf5Dataset::Open(options.path, options.dataset));
  if (options.expected_dim != 0 && data->dim() != options.expected_dim) {
    return InvalidArgument(data->name() + ": dim is " + std::to_string(data->dim()) +
                           ", expected " + std::to_string(options.expected_dim));
  }
  return std::unique_ptr<VectorReader>(new Hdf5Reader(std::move(data)));
}

}  // namespace tessera::formats
