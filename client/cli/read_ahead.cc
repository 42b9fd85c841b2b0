#include "client/cli/read_ahead.h"

#include <algorithm>

namespace tessera::cli {
namespace {

constexpr size_t kBatchBytes = size_t{2} << 20;
constexpr size_t kMinRows = 64;
constexpr size_t kMaxRows = 8192;

}  // namespace

ReadAhead::ReadAhead(LoadInput& input, size_t batch_rows, uint64_t limit)
    : input_(input), batch_rows_(batch_rows), limit_(limit), batches_(kBatches) {
  for (ReadBatch& batch : batches_) free_.push_back(&batch);
  thread_ = std::thread([this] { Read(); });
}

ReadAhead::~ReadAhead() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

StatusOr<const ReadBatch*> ReadAhead::Next() {
  std::unique_lock lock(mutex_);
  if (lent_ != nullptr) free_.push_back(std::exchange(lent_, nullptr));
  changed_.notify_all();
  changed_.wait(lock, [&] { return !ready_.empty() || ended_; });
  if (ready_.empty()) {
    if (!status_.ok()) return status_;
    return static_cast<const ReadBatch*>(nullptr);
  }
  lent_ = ready_.front();
  ready_.pop_front();
  return lent_;
}

size_t ReadAhead::RowsToRead(uint64_t left) const {
  size_t rows = batch_rows_;
  if (rows == 0) {
    const size_t row_bytes = std::max<size_t>(1, input_.dim() * sizeof(float));
    rows = std::clamp(kBatchBytes / row_bytes, kMinRows, kMaxRows);
  }
  return static_cast<size_t>(std::min<uint64_t>(rows, left));
}

bool ReadAhead::TakeFree(ReadBatch** out) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !free_.empty() || stop_; });
  if (stop_) return false;
  *out = free_.back();
  free_.pop_back();
  return true;
}

void ReadAhead::Read() {
  Status status;
  ReadBatch* next = nullptr;
  for (uint64_t left = limit_; left > 0 && TakeFree(&next);) {
    const StatusOr<bool> more = input_.Next(RowsToRead(left), next->batch);
    status = more.status();
    if (!more.ok() || !*more) break;
    next->Note(input_);
    left -= std::min(left, next->batch.end_row - next->batch.first_row);
    std::lock_guard lock(mutex_);
    ready_.push_back(next);
    changed_.notify_all();
  }
  std::lock_guard lock(mutex_);
  status_ = status;
  ended_ = true;
  changed_.notify_all();
}

}  // namespace tessera::cli
