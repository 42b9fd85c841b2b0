#include "index/engine/request_log.h"

#include <algorithm>
#include <utility>

#include "index/base/bytes.h"
#include "index/base/format_version.h"

namespace tessera::engine {
namespace {

constexpr uint64_t kExpiredAtOnce = 256;
constexpr uint8_t kReplyVersion = 1;
constexpr size_t kErrorBytes = 8 + 1 + 4;  // the least of a row's error

}  // namespace

std::string EncodeReply(const WriteResult& result) {
  std::string bytes;
  ByteWriter writer(bytes);
  writer.Put(kReplyVersion);
  writer.Put(result.commit);
  writer.Put(uint64_t{result.rows});
  writer.Put(static_cast<uint32_t>(result.rejected.size()));
  for (const RowError& error : result.rejected) {
    writer.Put(uint64_t{error.index});
    writer.Put(static_cast<uint8_t>(error.status.code()));
    writer.PutString(MessageOf(error.status));
  }
  return bytes;
}

StatusOr<WriteResult> DecodeReply(std::string_view bytes) {
  ByteReader reader(bytes);
  const auto version = reader.Get<uint8_t>();
  if (!reader.ok()) return DataLoss("kept reply: cut off");
  TESSERA_RETURN_IF_ERROR(CheckFormatVersion("the kept reply", version, kReplyVersion));
  WriteResult result;
  result.commit = reader.Get<uint64_t>();
  result.rows = reader.Get<uint64_t>();
  const auto errors = reader.Get<uint32_t>();
  if (!reader.ok() || errors > reader.remaining() / kErrorBytes) return DataLoss("kept reply: cut off");
  for (uint32_t i = 0; i < errors; ++i) {
    RowError error;
    error.index = reader.Get<uint64_t>();
    const auto code = reader.Get<uint8_t>();
    const std::string_view message = reader.GetString();
    if (!reader.ok() || code == 0 || code > 16) return DataLoss("kept reply: a row's error is malformed");
    error.status = Status(static_cast<absl::StatusCode>(code), std::string(message));
    result.rejected.push_back(std::move(error));
  }
  if (reader.remaining() > 0) return DataLoss("kept reply: bytes behind its end");
  return result;
}

Status RequestLog::Open(const store::Store& store) {
  TESSERA_ASSIGN_OR_RETURN(const auto places, store.RequestPlaces());
  begin_ = places.first;
  end_ = places.second;
  return OkStatus();
}

StatusOr<std::vector<std::optional<store::RequestRecord>>> RequestLog::Find(
    const store::Store& store, const std::vector<std::string>& ids, int64_t now_ms) const {
  TESSERA_ASSIGN_OR_RETURN(auto found, store.GetRequests(ids, nullptr));
  const int64_t oldest = now_ms - retention_ms_;
  for (auto& record : found) {
    const bool kept = record && record->time_ms >= oldest && record->sequence + most_ >= end_;
    if (!kept) record.reset();
  }
  return found;
}

void RequestLog::Keep(const std::string& id, uint32_t fingerprint, const WriteResult& result,
                      int64_t now_ms, store::Batch& batch) {
  batch.PutRequest(id, {end_++, now_ms, fingerprint, EncodeReply(result)});
}

Status RequestLog::Expire(const store::Store& store, int64_t now_ms, store::Batch& batch) {
  const int64_t oldest = now_ms - retention_ms_;
  const uint64_t first_kept = end_ - std::min(end_, most_);
  struct Place {
    uint64_t sequence = 0;
    std::string id;
  };
  std::vector<std::string> ids;
  uint64_t next = begin_;
  TESSERA_RETURN_IF_ERROR(store.ScanRequests(
      begin_, begin_ + kExpiredAtOnce, nullptr,
      [&](uint64_t sequence, int64_t time_ms, std::string_view id) {
        if (sequence != next || (time_ms >= oldest && sequence >= first_kept)) return OkStatus();
        ids.emplace_back(id);
        ++next;
        return OkStatus();
      }));
  if (ids.empty()) return OkStatus();
  TESSERA_ASSIGN_OR_RETURN(const auto records, store.GetRequests(ids, nullptr));
  for (size_t i = 0; i < ids.size(); ++i) {
    batch.DeleteRequestPlace(begin_ + i);
    // The id may have been used again since, and stands at a later place.
    if (records[i] && records[i]->sequence == begin_ + i) batch.DeleteRequest(ids[i]);
  }
  begin_ = next;
  return OkStatus();
}

}  // namespace tessera::engine
