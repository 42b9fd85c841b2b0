#include <vector>

#include "index/base/bytes.h"
#include "index/store/keys.h"
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

}  // namespace

void RunStoreRecords(std::string_view bytes) {
  constexpr void (*kRuns[])(std::string_view) = {RunRow,    RunRequest,  RunRequestPlace, RunPayloadRecord,
                                                 RunVector, RunCentroid, RunPosting,      RunKeys};
  const auto run = kRuns[Choose(bytes, std::size(kRuns))];
  run(bytes);
  run(Sealed(bytes));
  std::string_view payload;
  (void)DecodeRecord(bytes, payload);
  uint32_t number = 0;
  (void)DecodeU32(bytes, number);
}

}  // namespace tessera::fuzz
