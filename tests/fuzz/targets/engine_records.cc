#include "index/base/bytes.h"
#include "index/engine/backup_record.h"
#include "index/engine/codebook_table.h"
#include "index/engine/list_cursor.h"
#include "index/engine/metadata.h"
#include "index/engine/recall_grid.h"
#include "index/engine/request_log.h"
#include "index/engine/unfinished.h"
#include "tests/fuzz/targets/target.h"

namespace tessera::fuzz {
namespace {

using namespace engine;  // NOLINT(google-build-using-namespace)

void RunSpec(const std::string& bytes) {
  const auto spec = DecodeSpec(bytes);
  if (spec.ok()) Require(DecodeSpec(EncodeSpec(*spec)).ok(), "a spec that is read can be read again");
}

void RunProgress(const std::string& bytes) {
  const auto progress = DecodeProgress(bytes);
  if (progress.ok()) Require(EncodeProgress(*progress) == bytes, "progress that is read is written the same");
  const auto work = DecodeUnfinished(bytes);
  if (!work.ok()) return;
  Require(DecodeUnfinished(EncodeUnfinished(*work)).ok(), "work that is read can be read again");
  const Unfinished again(work->Options());
  Require(again.sample_rows == work->sample_rows && again.seed == work->seed, "work is taken up as it was noted");
}

void RunActive(const std::string& bytes) {
  const auto active = DecodeActive(bytes);
  if (active.ok()) Require(EncodeActive(*active) == bytes, "what is active is written the same");
}

void RunCodebooks(const std::string& bytes) {
  const auto table = DecodeCodebooks(bytes);
  if (table.ok()) Require(EncodeCodebooks(*table) == bytes, "a table of codebooks that is read is written the same");
}

void RunGrid(const std::string& bytes) { (void)DecodeGrid(bytes); }

void RunReply(const std::string& bytes) {
  const auto reply = DecodeReply(bytes);
  if (reply.ok()) Require(EncodeReply(*reply) == bytes, "a reply that is read is written the same");
}

void RunBackup(const std::string& bytes) {
  BackupInfo info;
  if (!DecodeBackup(bytes, info).ok() || !CheckBackupFormat(info.format).ok()) return;
  Require(EncodeBackup(info) == bytes, "a description that is read is written the same");
}

void RunCursor(const std::string& bytes) {
  const auto cursor = DecodeCursor(bytes);
  if (cursor.ok()) Require(EncodeCursor(*cursor) == bytes, "a cursor that is read is written the same");
}

// With the crc that is asked for behind them.
template <void (*run)(const std::string&)>
void RunSealed(const std::string& bytes) {
  run(bytes);
  std::string sealed = bytes;
  ByteWriter(sealed).Put(Crc32c(bytes));
  run(sealed);
}

}  // namespace

void RunEngineRecords(std::string_view bytes) {
  constexpr void (*kRuns[])(const std::string&) = {RunSpec, RunProgress, RunActive, RunCodebooks, RunGrid,
                                                   RunReply, RunSealed<RunBackup>, RunSealed<RunCursor>};
  const auto run = kRuns[Choose(bytes, std::size(kRuns))];
  run(std::string(bytes));
}

}  // namespace tessera::fuzz
