#include "index/engine/repair_records.h"

#include <algorithm>
#include <utility>

#include "index/base/bytes.h"
#include "index/base/format_version.h"
#include "index/engine/codebook_table.h"
#include "index/engine/loader.h"
#include "index/engine/recall_grid.h"
#include "index/engine/verify_records.h"
#include "index/quant/quantizer_bytes.h"

namespace tessera::engine {
namespace {

template <typename Value>
StatusOr<Value> Need(const SalvagedRecords& records, const std::string& name,
                     StatusOr<Value> (*decode)(const std::string&)) {
  const auto found = records.bytes.find(name);
  if (found == records.bytes.end()) return DataLoss("record \"" + name + "\" cannot be read: restore a backup");
  return decode(found->second);
}

Status ReadBytes(const store::Store& store, const store::StoreSnapshot& at, SalvagedRecords& records,
                 std::vector<std::string>& notes) {
  const Status scanned = store.ScanRecords(&at, [&](const std::string& name, StatusOr<std::string> bytes) {
    // What this version does not know is no damage, and is not to be lost.
    const Status known = bytes.ok() ? CheckRecord(name, *bytes) : bytes.status();
    if (IsNewerFormat(known)) return known;
    if (bytes.ok()) {
      records.bytes.emplace(name, *std::move(bytes));
    } else {
      notes.push_back("lost: " + MessageOf(bytes.status()));
    }
    return OkStatus();
  });
  if (scanned.ok() || scanned.code() != absl::StatusCode::kDataLoss) return scanned;
  // What the scan did not come to may still be found by its name.
  for (const char* name : {kSpecRecord, kActiveRecord, kProgressRecord, kCodebooksRecord, kPlanRecord}) {
    const auto bytes = store.GetRecord(name);
    if (bytes.ok() && *bytes) records.bytes.emplace(name, **bytes);
  }
  notes.push_back("some small records are lost: " + MessageOf(scanned));
  return OkStatus();
}

bool Fits(const SalvagedRecords& records, const quant::Model& model) {
  return model.dim == records.spec.dim && model.metric == records.spec.metric;
}

// The lists as they were trained, where the present ones are lost.
StatusOr<quant::TrainedModel> FromCodebook(const SalvagedRecords& records) {
  TESSERA_ASSIGN_OR_RETURN(const CodebookTable table, Need(records, kCodebooksRecord, DecodeCodebooks));
  const CodebookEntry* entry = table.Active(records.active.generation);
  if (!entry) return DataLoss("there is no codebook of the generation in force");
  const auto bytes = records.bytes.find(CodebookRecord(entry->version));
  if (bytes == records.bytes.end()) return DataLoss("codebook " + std::to_string(entry->version) + " cannot be read");
  return quant::ParseTrained(bytes->second);
}

Status ReadModel(const store::Store& store, const store::StoreSnapshot& at, SalvagedRecords& records,
                 std::vector<std::string>& notes) {
  const auto found = records.bytes.find(ModelRecord(records.active.generation));
  auto model = found == records.bytes.end() ? DataLoss("the model's record is lost") : quant::Model::Parse(found->second);
  if (model.ok() && Fits(records, *model)) {
    auto table = LoadTable(store, &at, records.active.generation, records.active.nlist, *model);
    if (table.ok()) {
      records.table = *table;
      records.model = std::make_shared<const quant::Model>(*std::move(model));
      records.keeps_lists = true;
      return OkStatus();
    }
    if (IsNewerFormat(table.status())) return table.status();
    notes.push_back("the lists' centroids are lost: " + MessageOf(table.status()));
  }
  auto trained = FromCodebook(records);
  if (!trained.ok() || !Fits(records, *trained->model)) {
    notes.push_back("no model can be read");
    return OkStatus();
  }
  records.model = trained->model;
  records.table = trained->lists;
  records.active.nlist = records.table->nlist();
  notes.push_back("lists are those of the codebook in force, and all rows were assigned to them anew");
  return OkStatus();
}

void PutCodebooks(const SalvagedRecords& records, store::Batch& batch, std::vector<std::string>& notes) {
  CodebookTable kept;
  const auto table = Need(records, kCodebooksRecord, DecodeCodebooks);
  if (!table.ok()) notes.push_back("the table of codebooks is lost");
  if (table.ok()) kept.next_version = table->next_version;
  for (const CodebookEntry& entry : table.ok() ? table->entries : std::vector<CodebookEntry>()) {
    const auto bytes = records.bytes.find(CodebookRecord(entry.version));
    const bool whole = bytes != records.bytes.end() && bytes->second.size() == entry.bytes &&
                       Crc32c(bytes->second) == entry.checksum;
    if (!whole) {
      notes.push_back("codebook " + std::to_string(entry.version) + " is lost");
      continue;
    }
    kept.entries.push_back(entry);
    // Without a model no generation is in force, and those to come begin at 1 again.
    if (!records.model) kept.entries.back().generation = {};
    batch.PutRecord(bytes->first, bytes->second);
  }
  batch.PutRecord(kCodebooksRecord, EncodeCodebooks(kept));
}

void PutModel(const SalvagedRecords& records, store::Batch& batch) {
  const Generation generation = records.active.generation;
  batch.PutRecord(ModelRecord(generation), records.model->Serialize());
  for (uint32_t l = 0; l < records.table->nlist(); ++l) {
    PutList(generation, ListId{l}, *records.model, *records.table, batch);
  }
  const auto curve = records.bytes.find(CurveRecord(generation));
  if (!records.keeps_lists || curve == records.bytes.end() || !DecodeGrid(curve->second).ok()) return;
  batch.PutRecord(curve->first, curve->second);
}

}  // namespace

StatusOr<SalvagedRecords> ReadSalvagedRecords(const store::Store& store, const store::StoreSnapshot& at,
                                              uint64_t durable, std::vector<std::string>& notes) {
  SalvagedRecords records;
  TESSERA_RETURN_IF_ERROR(ReadBytes(store, at, records, notes));
  TESSERA_ASSIGN_OR_RETURN(records.spec, Need(records, kSpecRecord, DecodeSpec));
  if (const auto progress = Need(records, kProgressRecord, DecodeProgress); progress.ok()) records.progress = *progress;
  records.progress.commit = std::max(records.progress.commit, durable);  // numbers are not given out again
  const std::vector<Generation> generations = store.Generations();
  const auto active = Need(records, kActiveRecord, DecodeActive);
  if (active.ok()) records.active = *active;
  // One that is there was in force, as a rule: others are dropped.
  if (!active.ok() && !generations.empty()) records.active.generation = generations.back();
  records.was_trained = records.active.generation.value > 0;
  if (records.was_trained) TESSERA_RETURN_IF_ERROR(ReadModel(store, at, records, notes));
  return records;
}

Status WriteSalvagedRecords(const SalvagedRecords& records, bool expiring, store::Store& store,
                            std::vector<std::string>& notes) {
  const std::unique_ptr<store::Batch> batch = store.NewBatch();
  batch->PutRecord(kSpecRecord, EncodeSpec(records.spec));
  const auto plan = records.bytes.find(kPlanRecord);
  if (plan != records.bytes.end()) batch->PutRecord(kPlanRecord, plan->second);
  if (expiring || records.bytes.contains(kExpiringRecord)) batch->PutRecord(kExpiringRecord, "");
  batch->PutRecord(kActiveRecord, EncodeActive(records.model ? records.active : Active{}));
  batch->PutRecord(kProgressRecord, EncodeProgress(records.progress));
  PutCodebooks(records, *batch, notes);
  if (records.model) PutModel(records, *batch);
  return store.Write(*batch, store::Durability::kSync);
}

}  // namespace tessera::engine
