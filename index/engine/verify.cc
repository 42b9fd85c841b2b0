#include "index/engine/verify.h"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "index/base/format_version.h"
#include "index/engine/loader.h"
#include "index/engine/metadata.h"
#include "index/engine/verify_lists.h"
#include "index/engine/verify_records.h"
#include "index/engine/verify_rows.h"

namespace tessera::engine {
namespace {

constexpr int kAttempts = 3;

// In the order of what the later ones need of the earlier ones.
Status VerifyAll(VerifyRun& run) {
  const VerifiedState& state = run.state();
  run.Stage("files", 0, 0.2, 1);
  TESSERA_RETURN_IF_ERROR(VerifyFiles(run));
  run.Stage("records", 0.2, 0.22, 1);
  TESSERA_RETURN_IF_ERROR(VerifyRecords(run));
  run.Stage("rows", 0.22, 0.3, state.next_row);
  TESSERA_RETURN_IF_ERROR(VerifyRows(run));
  const uint64_t rows = run.report().rows;
  run.Stage("ids", 0.3, 0.36, rows);
  TESSERA_RETURN_IF_ERROR(VerifyIds(run));
  run.Stage("vectors", 0.36, 0.56, rows);
  TESSERA_RETURN_IF_ERROR(VerifyVectors(run));
  run.Stage("payloads", 0.56, 0.62, rows);
  TESSERA_RETURN_IF_ERROR(VerifyPayloads(run));
  run.Stage("requests", 0.62, 0.64, 1);
  TESSERA_RETURN_IF_ERROR(VerifyRequests(run));
  if (state.generation.value == 0) return OkStatus();
  run.Stage("assignments", 0.64, 0.68, rows);
  TESSERA_RETURN_IF_ERROR(VerifyAssignments(run));
  if (!state.model || !state.table) return OkStatus();  // a finding says why
  TESSERA_RETURN_IF_ERROR(VerifyCentroids(run));
  run.Stage("postings", 0.68, 1, rows);
  return VerifyPostings(run);
}

StatusOr<VerifyReport> Run(VerifyRun& run) {
  const auto start = std::chrono::steady_clock::now();
  run.report().commit = run.state().commit;
  run.report().generation = run.state().generation;
  TESSERA_RETURN_IF_ERROR(VerifyAll(run));
  run.report().seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (run.options().progress) run.options().progress(1, "done");
  return std::move(run.report());
}

// Decodes a record, or says what is wrong with it.
template <typename Value>
std::optional<Value> ReadNamed(const store::Store& store, const std::string& name,
                               StatusOr<Value> (*decode)(const std::string&), Status& wrong) {
  const auto bytes = store.GetRecord(name);
  Status status = bytes.status();
  if (status.ok() && !*bytes) status = DataLoss("record \"" + name + "\" is missing");
  if (status.ok()) {
    auto value = decode(**bytes);
    if (value.ok()) return *std::move(value);
    status = value.status();
  }
  wrong = status;
  return std::nullopt;
}

// Without spec, progress and the generation in force nothing else can be read.
StatusOr<VerifyReport> Unreadable(const Status& wrong) {
  if (IsNewerFormat(wrong)) return wrong;
  VerifyReport report;
  report.found = 1;
  report.findings.push_back({"default", std::nullopt, std::nullopt, MessageOf(wrong) + ": nothing else can be read"});
  return report;
}

}  // namespace

StatusOr<VerifyReport> VerifyCollection(const Core& core, const VerifyOptions& options) {
  for (int attempt = 1;; ++attempt) {
    const SnapshotPtr snapshot = core.snapshot.Get();
    VerifiedState state;
    state.store = core.store.get();
    state.at = snapshot->store.get();
    state.dim = core.dim;
    state.metric = core.metric;
    state.schema = &core.payload_schema;
    state.commit = snapshot->commit;
    state.next_row = snapshot->next_row;
    state.generation = snapshot->generation;
    state.model = snapshot->model;
    state.table = snapshot->table;
    state.lists = &snapshot->lists;
    state.closing = &core.closing;
    VerifyRun run(std::move(state), options);
    StatusOr<VerifyReport> report = Run(run);
    if (report.ok()) report->collection = core.name;
    const SnapshotPtr now = core.snapshot.Get();
    if (report.ok() || !now || now->generation == snapshot->generation) return report;
    // Its families are dropped as soon as another generation is in force.
    if (attempt == kAttempts) return Aborted("other models came into force meanwhile: " + MessageOf(report.status()));
  }
}

StatusOr<VerifyReport> VerifyStore(const store::Store& store, const VerifyOptions& options) {
  Status wrong;
  const auto spec = ReadNamed(store, kSpecRecord, DecodeSpec, wrong);
  if (!spec) return Unreadable(wrong);
  const auto active = ReadNamed(store, kActiveRecord, DecodeActive, wrong);
  if (!active) return Unreadable(wrong);
  const auto progress = ReadNamed(store, kProgressRecord, DecodeProgress, wrong);
  if (!progress) return Unreadable(wrong);
  const store::StoreSnapshotPtr at = store.GetSnapshot();
  VerifiedState state;
  state.store = &store;
  state.at = at.get();
  state.dim = spec->dim;
  state.metric = spec->metric;
  state.schema = &spec->payload;
  state.commit = progress->commit;
  state.next_row = progress->next_row;
  state.generation = active->generation;
  std::string where = "default";
  if (active->generation.value > 0) {
    auto model = ReadNamed(store, ModelRecord(active->generation), quant::Model::Parse, wrong);
    if (model) {
      where = "centroids-" + std::to_string(active->generation.value);
      auto table = LoadTable(store, at.get(), active->generation, active->nlist, *model);
      if (table.ok()) {
        state.table = *table;
        state.model = std::make_shared<const quant::Model>(*std::move(model));
      } else {
        wrong = table.status();
      }
    }
  }
  const bool lacks_model = state.generation.value > 0 && !state.model;
  if (IsNewerFormat(wrong)) return wrong;
  VerifyRun run(std::move(state), options);
  if (lacks_model) run.Find(where, MessageOf(wrong) + ": postings cannot be checked");
  return Run(run);
}

}  // namespace tessera::engine
