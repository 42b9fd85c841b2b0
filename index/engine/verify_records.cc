#include "index/engine/verify_records.h"

#include <map>
#include <string>
#include <utility>

#include "index/base/bytes.h"
#include "index/base/format_version.h"
#include "index/engine/codebook_table.h"
#include "index/engine/loader.h"
#include "index/engine/metadata.h"
#include "index/engine/recall_grid.h"
#include "index/engine/unfinished.h"
#include "index/quant/quantizer_bytes.h"

namespace tessera::engine {
namespace {

constexpr const char* kDefault = "default";

void CompareCodebooks(VerifyRun& run, const std::map<std::string, std::string>& records) {
  const auto found = records.find(kCodebooksRecord);
  if (found == records.end()) return run.Find(kDefault, std::string("record \"") + kCodebooksRecord + "\" is missing");
  const auto table = DecodeCodebooks(found->second);
  if (!table.ok()) return;
  for (const CodebookEntry& entry : table->entries) {
    const auto bytes = records.find(CodebookRecord(entry.version));
    const bool same = bytes != records.end() && bytes->second.size() == entry.bytes &&
                      Crc32c(bytes->second) == entry.checksum;
    if (!same) run.Find(kDefault, "codebook " + std::to_string(entry.version) + ": its bytes are not those that were stored");
  }
}

}  // namespace

Status CheckRecord(const std::string& name, const std::string& bytes) {
  if (name == kSpecRecord) return DecodeSpec(bytes).status();
  if (name == kActiveRecord) return DecodeActive(bytes).status();
  if (name == kProgressRecord) return DecodeProgress(bytes).status();
  if (name == kUnfinishedRecord) return DecodeUnfinished(bytes).status();
  if (name == kCodebooksRecord) return DecodeCodebooks(bytes).status();
  if (name.starts_with("model/")) return quant::Model::Parse(bytes).status();
  if (name.starts_with("curve/")) return DecodeGrid(bytes).status();
  if (name.starts_with("codebook/")) return quant::ParseTrained(bytes).status();
  return OkStatus();
}

Status VerifyFiles(VerifyRun& run) {
  return run.state().store->CheckFiles([&](const store::Store::CheckedFile& file) {
    if (run.report().files++ == 0) run.Stage("files", 0, 0.2, file.bytes_total);
    if (!file.status.ok()) run.Find("files", MessageOf(file.status));
    const uint64_t before = std::exchange(run.report().file_bytes, file.bytes_done);
    return run.Advance(file.bytes_done - before);
  });
}

Status VerifyRecords(VerifyRun& run) {
  std::map<std::string, std::string> records;
  const Status scanned =
      run.state().store->ScanRecords(run.state().at, [&](const std::string& name, StatusOr<std::string> bytes) {
        ++run.report().records;
        const Status status = bytes.ok() ? CheckRecord(name, *bytes) : bytes.status();
        if (IsNewerFormat(status)) return status;
        if (!status.ok()) run.Find(kDefault, name + ": " + MessageOf(status));
        if (bytes.ok()) records.emplace(name, *std::move(bytes));
        return run.Advance();
      });
  if (!scanned.ok() && scanned.code() != absl::StatusCode::kDataLoss) return scanned;
  if (!scanned.ok()) {
    run.Find(kDefault, MessageOf(scanned));
    return OkStatus();
  }
  CompareCodebooks(run, records);
  return OkStatus();
}

Status VerifyCentroids(VerifyRun& run) {
  const VerifiedState& state = run.state();
  const std::string where = "centroids-" + std::to_string(state.generation.value);
  quant::Model model = *state.model;
  const auto table = LoadTable(*state.store, state.at, state.generation, state.table->nlist(), model);
  if (!table.ok()) {
    if (table.status().code() != absl::StatusCode::kDataLoss) return table.status();
    run.Find(where, MessageOf(table.status()));
    return OkStatus();
  }
  for (uint32_t l = 0; l < state.table->nlist(); ++l) {
    const ListId list{l};
    const float* kept = (*table)->centroid(list);
    if (!std::equal(kept, kept + (*table)->dim(), state.table->centroid(list)) ||
        model.list_scale(list) != state.model->list_scale(list)) {
      run.FindList("memory", list, "list " + std::to_string(l) + " has another centroid or scale in memory");
    }
  }
  return OkStatus();
}

}  // namespace tessera::engine
