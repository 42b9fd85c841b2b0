#include "client/cli/loader.h"

#include <algorithm>
#include <span>

#include "client/cli/interrupt.h"
#include "client/cli/text.h"

namespace tessera::cli {
namespace {

// A request is told by the number of its batch and the first of its rows there.
constexpr int kRowBits = 24;

}  // namespace

Loader::Loader(client::Client& client, LoadInput& input, BadRows& bad, LoadState state,
               LoaderOptions options)
    : client_(client),
      input_(input),
      bad_(bad),
      state_(std::move(state)),
      options_(std::move(options)),
      rejected_before_(state_.rejected) {
  client::UpsertStreamOptions stream;
  stream.in_flight = options_.in_flight;
  stream.stop = &interrupt_flag;
  stream.expire_at_ms = options_.expire_at_ms;
  stream.on_ack = [this](client::UpsertAck ack) { OnAck(std::move(ack)); };
  stream_ = client_.StartUpserts(options_.collection, std::move(stream));
}

Status Loader::Run(const ReadBatch* first) {
  uint64_t limit = options_.max_rows == 0 ? UINT64_MAX : options_.max_rows;
  if (first != nullptr) {
    failure_ = SendBatch(*first);
    limit -= std::min(limit, first->batch.end_row - first->batch.first_row);
  }
  ReadAhead input(input_, options_.batch_rows, limit);
  while (failure_.ok()) {
    if (InterruptRequested()) {
      failure_ = Cancelled("interrupted");
      break;
    }
    const StatusOr<const ReadBatch*> read = input.Next();
    if (!read.ok()) {
      failure_ = read.status();
    } else if (*read == nullptr) {
      break;
    } else if (const Status sent = SendBatch(**read); !sent.ok() && failure_.ok()) {
      failure_ = sent;
    }
  }
  stream_->Drain();
  Settle();
  if (InterruptRequested() && absl::IsUnavailable(failure_)) return Cancelled("interrupted");
  return failure_;
}

Status Loader::SendBatch(const ReadBatch& read) {
  const formats::VectorBatch& batch = read.batch;
  fraction_ = read.fraction;
  const uint64_t sequence = first_sequence_ + pending_.size();
  Pending& pending = pending_.emplace_back();
  pending.row_numbers = batch.row_numbers;
  pending.end = read.end;
  pending.rejected = batch.bad.size();
  for (const formats::BadRow& row : batch.bad) {
    bad_.Add(input_.file(pending.end.file), row.row, MessageOf(row.reason));
  }
  CheckBad();
  const Status sent = SendRows(batch, read.base, sequence);
  Settle();
  return sent;
}

Status Loader::SendRows(const formats::VectorBatch& batch, uint64_t rows_before,
                        uint64_t sequence) {
  if (batch.rows == 0) return OkStatus();
  std::vector<uint64_t> numbers;
  client::IdRows ids;
  if (batch.ids.empty()) {
    numbers.reserve(batch.rows);
    const uint64_t base = options_.id_offset + rows_before;
    for (const uint64_t row : batch.row_numbers) numbers.push_back(base + row);
    ids.numbers = numbers;
  } else {
    ids.ids = batch.ids;
  }
  const client::VectorRows rows{batch.type, batch.rows, batch.dim, batch.data, batch.quantization};
  const std::span<const std::string> payloads = batch.payloads;
  const size_t step = client::RowsPerRequest(client_.options().max_request_bytes, ids, rows, payloads);
  Pending* pending = &pending_[sequence - first_sequence_];
  pending->last_id = batch.ids.empty() ? PointId(numbers.back()) : batch.ids.back();
  pending->outstanding = (batch.rows + step - 1) / step;
  for (size_t begin = 0; begin < batch.rows; begin += step) {
    const size_t count = std::min(step, batch.rows - begin);
    const Status sent = stream_->Send(sequence << kRowBits | begin, ids.Slice(begin, count),
                                      rows.Slice(begin, count),
                                      payloads.empty() ? payloads : payloads.subspan(begin, count));
    if (!sent.ok()) {
      pending_[sequence - first_sequence_].failed = true;
      return sent;
    }
  }
  return OkStatus();
}

void Loader::OnAck(client::UpsertAck ack) {
  const uint64_t sequence = ack.tag >> kRowBits;
  const uint64_t begin = ack.tag & ((uint64_t{1} << kRowBits) - 1);
  Pending& pending = pending_[sequence - first_sequence_];
  --pending.outstanding;
  if (!ack.status.ok()) {
    pending.failed = true;
    if (failure_.ok()) failure_ = ack.status;
    return;
  }
  pending.loaded += ack.result.upserted;
  pending.commit = std::max(pending.commit, ack.result.commit);
  pending.rejected += ack.result.rejected.size();
  for (const client::RowError& error : ack.result.rejected) {
    if (begin + error.index >= pending.row_numbers.size()) continue;
    const uint64_t row = pending.row_numbers[begin + error.index];
    bad_.Add(
        input_.file(pending.end.file), row,
        input_.RowName(pending.end.file, row) + ": " + WithoutRequestRow(MessageOf(error.status)));
  }
  CheckBad();
}

void Loader::CheckBad() {
  if (!failure_.ok() || rejected_before_ + bad_.count() <= options_.max_bad) return;
  failure_ = FailedPrecondition("stopped: more than " + FormatCount(options_.max_bad) +
                                " bad rows; --max-bad allows more");
}

// Batches that are done, as far as none before them is not, move into the state.
void Loader::Settle() {
  bool moved = false;
  while (!pending_.empty() && pending_.front().outstanding == 0 && !pending_.front().failed) {
    const Pending& done = pending_.front();
    state_.position = done.end;
    state_.loaded += done.loaded;
    state_.rejected += done.rejected;
    state_.commit = std::max(state_.commit, done.commit);
    if (done.loaded > 0) state_.last_id = done.last_id;
    pending_.pop_front();
    ++first_sequence_;
    moved = true;
  }
  if (moved && options_.on_progress) options_.on_progress(state_, fraction_);
}

}  // namespace tessera::cli
