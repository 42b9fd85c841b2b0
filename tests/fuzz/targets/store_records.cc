#include <algorithm>
#include <vector>

#include "index/base/bytes.h"
#include "index/store/durable_mark.h"
#include "index/store/keys.h"
#include "index/store/log_files.h"
#include "index/store/records.h"
#include "tests/fuzz/targets/target.h"

namespace tessera::fuzz {
namespace {

using namespace store;  // NOLINT(google-build-using-namespace)

// What follows a crc is read only if that is right, so bytes come as they are and with one of their own.
std::string Sealed(std::string_view bytes) {
  std::string sealed(bytes);
  ByteWriter(sealed).Put(Crc32c(bytes));
  return sealed;
}

void RunRow(std::string_view bytes) {
  RowRecord row;
  if (!DecodeRow(bytes, row).ok()) return;
  std::string again;
  Require(EncodeRow(row, again).ok() && again == bytes, "a row that is read is written the same");
}

void RunRequest(std::string_view bytes) {
  RequestRecord record;
  if (!DecodeRequest(bytes, record).ok()) return;
  std::string again;
  EncodeRequest(record, again);
  Require(again == bytes, "a request that is read is written the same");
}

void RunRequestPlace(std::string_view bytes) {
  int64_t time_ms = 0;
  std::string_view id;
  if (!DecodeRequestPlace(bytes, time_ms, id).ok()) return;
  std::string again;
  EncodeRequestPlace(time_ms, id, again);
  Require(again == bytes, "a request's place that is read is written the same");
}

void RunPayloadRecord(std::string_view bytes) {
  std::string_view text;
  if (!DecodePayload(bytes, text).ok()) return;
  std::string again;
  EncodePayload(text, again);
  Require(again == bytes, "a payload that is read is written the same");
}

void RunVector(std::string_view bytes) {
  VectorView vector;
  if (!DecodeVector(bytes, vector).ok()) return;
  // Integers that stand for themselves have a shorter form, too.
  std::string again;
  EncodeVectorHead(vector, again);
  again += vector.bytes;
  VectorView other;
  Require(DecodeVector(again, other).ok() && other.type == vector.type && other.quantization == vector.quantization &&
              other.bytes == vector.bytes,
          "a vector that is written is read as the same");
}

void RunCentroid(std::string_view bytes) {
  const auto dim = static_cast<uint32_t>(1 + Choose(bytes, 64));
  std::vector<float> centroid(dim);
  (void)DecodeCentroid(bytes, dim, centroid.data());
  (void)DecodeCentroid(Sealed(bytes), dim, centroid.data());
}

void RunPosting(std::string_view bytes) {
  const auto code_bytes = static_cast<uint32_t>(Choose(bytes, 80));
  const auto refine_bytes = static_cast<uint32_t>(Choose(bytes, 80));
  PostingView posting;
  if (!DecodePosting(bytes, code_bytes, refine_bytes, posting).ok()) return;
  Require(posting.code.size() == code_bytes && posting.refine.size() == refine_bytes, "a posting has its lengths");
}

void RunKeys(std::string_view bytes) {
  RowId row;
  ListId list;
  PointId id;
  uint64_t sequence = 0;
  (void)ParseRowKey(bytes, row);
  (void)ParseListKey(bytes, list);
  (void)ParsePostingKey(bytes, list, row);
  (void)ParseRequestPlaceKey(bytes, sequence);
  for (const auto& prefix : {kAssignPrefix, kPostingsPrefix}) (void)ParseGenerationFamily(prefix, bytes);
  if (!ParseIdKey(bytes, id)) return;
  std::string again;
  Require(AppendIdKey(id, again) && again == bytes, "an id that is read is written the same");
}

void RunMark(std::string_view bytes) {
  const uint64_t number = DurableMark::Decode(bytes);
  if (number > 0) Require(DurableMark::Encode(number) == bytes, "a mark that is read is written the same");
}

void AddLogged(uint8_t type, std::string_view content, std::string& log) {
  std::string covered(1, static_cast<char>(type));
  covered += content;
  const uint32_t crc = Crc32c(covered);
  ByteWriter writer(log);
  writer.Put(((crc >> 15) | (crc << 17)) + 0xa282ead8u);
  writer.Put(static_cast<uint16_t>(content.size()));
  log += covered;
}

void ReadLog(std::string_view log) {
  const bool whole = IsWholeLog(log);
  const size_t kept = BytesBeforeTornEnd(log);
  Require(kept <= log.size() && (!whole || kept == log.size()), "a whole log has no torn end");
}

// A log as it comes, and one whose pieces have the right checksums, now and then at the end of a block.
void RunLog(std::string_view bytes) {
  constexpr size_t kBlock = 32768;
  constexpr uint8_t kFull = 1;
  ReadLog(bytes);
  ByteReader in(bytes);
  std::string log;
  if (in.Get<uint8_t>() % 8 == 0) AddLogged(kFull, std::string(kBlock - 7 - in.Get<uint8_t>() % 32, 'x'), log);
  for (size_t pieces = 0; in.ok() && in.remaining() > 0 && pieces < 64; ++pieces) {
    const auto type = in.Get<uint8_t>();
    const size_t size = in.Get<uint8_t>();
    const std::string_view content = in.GetBytes(std::min(in.remaining(), size));
    if (type % 8 < 6) AddLogged(type % 8, content, log);
    if (type % 8 == 6) log += content;
    if (type % 8 == 7) log.append(size, 0);
  }
  ReadLog(log);
}

}  // namespace

void RunStoreRecords(std::string_view bytes) {
  constexpr void (*kRuns[])(std::string_view) = {RunRow,      RunRequest, RunRequestPlace, RunPayloadRecord, RunVector,
                                                 RunCentroid, RunPosting, RunKeys,         RunMark,          RunLog};
  const auto run = kRuns[Choose(bytes, std::size(kRuns))];
  run(bytes);
  run(Sealed(bytes));
  std::string_view payload;
  (void)DecodeRecord(bytes, payload);
  uint32_t number = 0;
  (void)DecodeU32(bytes, number);
}

}  // namespace tessera::fuzz
