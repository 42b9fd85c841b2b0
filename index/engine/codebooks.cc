#include "index/engine/codebooks.h"

#include <chrono>
#include <utility>

#include "index/base/bytes.h"
#include "index/base/failpoint.h"
#include "index/base/format_version.h"
#include "index/engine/evaluate.h"
#include "index/engine/rebuild.h"
#include "index/engine/unfinished.h"
#include "index/quant/quantizer_bytes.h"

namespace tessera::engine {
namespace {

int64_t NowSeconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// InvalidArgument says why the collection cannot be encoded with it; the spec must be one that it could be
// created with.
Status CheckFits(const Core& core, const quant::Model& model) {
  if (model.dim != core.dim) {
    return InvalidArgument("the codebook has " + std::to_string(model.dim) + " dimensions, collection \"" +
                           core.name + "\" has " + std::to_string(core.dim));
  }
  if (model.metric != core.metric) {
    return InvalidArgument(std::string("the codebook is for metric ") + MetricName(model.metric) +
                           ", collection \"" + core.name + "\" has " + MetricName(core.metric));
  }
  TESSERA_RETURN_IF_ERROR(quant::CheckTrainable(model.spec, model.metric));
  CollectionSpec spec;
  spec.dim = core.dim;
  spec.metric = core.metric;
  spec.quantizer = model.spec;
  return spec.Validate();
}

// One pass through the flag of trainings.
class TrainingTurn {
 public:
  explicit TrainingTurn(Core& core) : core_(core), taken_(!core.training.exchange(true)) {}
  ~TrainingTurn() {
    if (taken_) core_.training = false;
  }
  TrainingTurn(const TrainingTurn&) = delete;
  TrainingTurn& operator=(const TrainingTurn&) = delete;
  explicit operator bool() const { return taken_; }

 private:
  Core& core_;
  const bool taken_;
};

}  // namespace

StatusOr<CodebookTable> LoadCodebooks(const store::Store& store) {
  TESSERA_ASSIGN_OR_RETURN(const auto bytes, store.GetRecord(kCodebooksRecord));
  if (!bytes) return DataLoss(std::string("record \"") + kCodebooksRecord + "\" is missing");
  return DecodeCodebooks(*bytes);
}

StatusOr<std::string> LoadCodebookBytes(const Core& core, const CodebookEntry& entry) {
  const std::string name = "codebook " + std::to_string(entry.version) + " of collection \"" + core.name + "\"";
  auto bytes = core.store->GetRecord(CodebookRecord(entry.version));
  if (!bytes.ok()) return Annotate(bytes.status(), name + ": ");
  if (!*bytes) return DataLoss(name + " has lost its bytes");
  if ((*bytes)->size() != entry.bytes || Crc32c(**bytes) != entry.checksum) {
    return DataLoss(name + ": its bytes are not those that were stored");
  }
  return **std::move(bytes);
}

StatusOr<quant::TrainedModel> LoadCodebook(const Core& core, const CodebookEntry& entry) {
  TESSERA_ASSIGN_OR_RETURN(const std::string bytes, LoadCodebookBytes(core, entry));
  auto trained = quant::ParseTrained(bytes);
  const Status status = trained.ok() ? CheckFits(core, *trained->model) : trained.status();
  if (!status.ok()) {
    return DataLoss("codebook " + std::to_string(entry.version) + " of collection \"" + core.name +
                    "\": " + MessageOf(status));
  }
  return trained;
}

uint32_t PutCodebook(const FreshCodebook& fresh, const std::string& label, CodebookTable& table,
                     store::Batch& batch) {
  const std::string bytes = quant::SerializeTrained(fresh.trained);
  CodebookEntry entry;
  entry.version = table.next_version++;
  entry.created_seconds = NowSeconds();
  entry.asked = fresh.asked;
  entry.spec = fresh.trained.model->spec;
  entry.bytes = bytes.size();
  entry.checksum = Crc32c(bytes);
  entry.trained_rows = fresh.trained.model->trained_rows;
  entry.training_error = fresh.trained.model->training_error;
  entry.held_out = fresh.held_out;
  entry.label = label;
  batch.PutRecord(CodebookRecord(entry.version), bytes);
  table.entries.push_back(std::move(entry));
  return table.entries.back().version;
}

Status NoCodebook(const Core& core, uint32_t version) {
  return NotFound("collection \"" + core.name + "\" has no codebook " + std::to_string(version));
}

StatusOr<CodebookEntry> CodebooksImpl::Entry(uint32_t version) const {
  TESSERA_ASSIGN_OR_RETURN(const CodebookTable table, core_->codebooks.Get());
  const CodebookEntry* entry = table.Find(version);
  if (!entry) return NoCodebook(*core_, version);
  return *entry;
}

CodebookInfo CodebooksImpl::Info(const CodebookEntry& entry) const {
  const SnapshotPtr snapshot = core_->snapshot.Get();
  CodebookInfo info = Describe(entry, snapshot->generation);
  if (info.state == CodebookState::kActive) {
    info.live_error = snapshot->written.errors.mean();
    info.live_rows = snapshot->written.errors.rows;
  }
  return info;
}

StatusOr<std::vector<CodebookInfo>> CodebooksImpl::List() const {
  const Pass pass(core_->gate);
  if (!pass) return core_->ClosedStatus();
  TESSERA_ASSIGN_OR_RETURN(const CodebookTable table, core_->codebooks.Get());
  std::vector<CodebookInfo> all;
  for (const CodebookEntry& entry : table.entries) all.push_back(Info(entry));
  return all;
}

StatusOr<CodebookInfo> CodebooksImpl::Get(uint32_t version) const {
  const Pass pass(core_->gate);
  if (!pass) return core_->ClosedStatus();
  TESSERA_ASSIGN_OR_RETURN(const CodebookEntry entry, Entry(version));
  return Info(entry);
}

Status CodebooksImpl::Change(const TableEdit& edit) {
  Status status;
  committer_->RunExclusive([&] {
    status = [&]() -> Status {
      if (core_->read_only) return core_->ReadOnlyStatus();
      TESSERA_ASSIGN_OR_RETURN(CodebookTable table, core_->codebooks.Get());
      const std::unique_ptr<store::Batch> batch = core_->store->NewBatch();
      TESSERA_RETURN_IF_ERROR(edit(table, *batch));
      batch->PutRecord(kCodebooksRecord, EncodeCodebooks(table));
      if (Status written = core_->store->Write(*batch, store::Durability::kSync); !written.ok()) {
        core_->SetReadOnly(written);
        return written;
      }
      core_->codebooks.Set(std::move(table));
      return OkStatus();
    }();
  });
  return status;
}

StatusOr<CodebookInfo> CodebooksImpl::Keep(const FreshCodebook& fresh, const std::string& label) {
  CodebookEntry entry;
  TESSERA_RETURN_IF_ERROR(Failpoint("codebook.keep"));
  TESSERA_RETURN_IF_ERROR(Change([&](CodebookTable& table, store::Batch& batch) -> Status {
    entry = *table.Find(PutCodebook(fresh, label, table, batch));
    return OkStatus();
  }));
  TESSERA_RETURN_IF_ERROR(Failpoint("codebook.kept"));
  return Info(entry);
}

Status CodebooksImpl::RunAlone(const std::function<Status()>& work) {
  const TrainingTurn turn(*core_);
  if (!turn) return core_->TrainingStatus();
  if (core_->read_only) return core_->ReadOnlyStatus();
  TESSERA_RETURN_IF_ERROR(core_->codebooks.Get().status());
  return work();
}

StatusOr<CodebookInfo> CodebooksImpl::Train(const TrainOptions& options, const std::string& label) {
  const Pass pass(core_->gate);
  if (!pass) return core_->ClosedStatus();
  TESSERA_RETURN_IF_ERROR(CheckLabel(label));
  CodebookInfo info;
  TESSERA_RETURN_IF_ERROR(RunAlone([&]() -> Status {
    const auto report = [&](double fraction, const char* stage) {
      core_->training_fraction = fraction;
      core_->training_stage = stage;
      if (options.context.progress) options.context.progress(fraction, stage);
    };
    MemoryReservation memory(*core_->memory);
    TESSERA_ASSIGN_OR_RETURN(const FreshCodebook fresh,
                             TrainCodebook(*core_, *core_->snapshot.Get(), options, TrainedFor::kKeeping, memory, report));
    TESSERA_ASSIGN_OR_RETURN(info, Keep(fresh, label));
    return OkStatus();
  }));
  return info;
}

StatusOr<EvaluateResult> CodebooksImpl::Evaluate(uint32_t version, const EvaluateOptions& options) {
  const Pass pass(core_->gate);
  if (!pass) return core_->ClosedStatus();
  TESSERA_ASSIGN_OR_RETURN(const CodebookEntry entry, Entry(version));
  TESSERA_ASSIGN_OR_RETURN(const quant::TrainedModel trained, LoadCodebook(*core_, entry));
  return EvaluateTrained(*core_, *core_->snapshot.Get(), trained, options);
}

Status CodebooksImpl::ActivateNow(uint32_t version, const TrainingContext& context) {
  Unfinished work;
  work.version = version;
  TESSERA_ASSIGN_OR_RETURN(const UnfinishedNote note, UnfinishedNote::Make(*core_, work));
  return RebuildWith(*core_, *committer_, version, context);
}

Status CodebooksImpl::Activate(uint32_t version, const TrainingContext& context) {
  const Pass pass(core_->gate);
  if (!pass) return core_->ClosedStatus();
  TESSERA_RETURN_IF_ERROR(
      RunAlone([&] { return ActivateNow(version, context); }));
  switched_();
  return OkStatus();
}

Status CodebooksImpl::RollBack(const TrainingContext& context) {
  const Pass pass(core_->gate);
  if (!pass) return core_->ClosedStatus();
  TESSERA_RETURN_IF_ERROR(RunAlone([&]() -> Status {
    TESSERA_ASSIGN_OR_RETURN(const CodebookTable table, core_->codebooks.Get());
    const CodebookEntry* previous = table.Previous(core_->snapshot.Get()->generation);
    if (!previous) {
      return FailedPrecondition("collection \"" + core_->name + "\" keeps no codebook that was in force before");
    }
    return ActivateNow(previous->version, context);
  }));
  switched_();
  return OkStatus();
}

StatusOr<std::string> CodebooksImpl::Export(uint32_t version) const {
  const Pass pass(core_->gate);
  if (!pass) return core_->ClosedStatus();
  TESSERA_ASSIGN_OR_RETURN(const CodebookEntry entry, Entry(version));
  return LoadCodebookBytes(*core_, entry);
}

StatusOr<CodebookInfo> CodebooksImpl::Import(const std::string& bytes, const std::string& label) {
  const Pass pass(core_->gate);
  if (!pass) return core_->ClosedStatus();
  TESSERA_RETURN_IF_ERROR(CheckLabel(label));
  FreshCodebook fresh;
  auto trained = quant::ParseTrained(bytes);
  if (IsNewerFormat(trained.status())) return trained.status();
  if (!trained.ok()) return InvalidArgument("the codebook is no file of one: " + MessageOf(trained.status()));
  fresh.trained = *std::move(trained);
  TESSERA_RETURN_IF_ERROR(CheckFits(*core_, *fresh.trained.model));
  fresh.asked = fresh.trained.model->spec;
  const SnapshotPtr snapshot = core_->snapshot.Get();
  if (snapshot->lists.live_rows() > 0) {
    TESSERA_ASSIGN_OR_RETURN(fresh.held_out, MeasureHeldOut(*core_, *snapshot, fresh.trained, TrainingContext()));
  }
  return Keep(fresh, label);
}

Status CodebooksImpl::Delete(uint32_t version) {
  const Pass pass(core_->gate);
  if (!pass) return core_->ClosedStatus();
  TESSERA_RETURN_IF_ERROR(Failpoint("codebook.delete"));
  TESSERA_RETURN_IF_ERROR(Change([&](CodebookTable& table, store::Batch& batch) -> Status {
    if (!table.Find(version)) return NoCodebook(*core_, version);
    if (table.Active(core_->snapshot.Get()->generation) == table.Find(version)) {
      return FailedPrecondition("codebook " + std::to_string(version) + " of collection \"" + core_->name +
                                "\" is in force: activate another first");
    }
    table.Remove(version);
    batch.DeleteRecord(CodebookRecord(version));
    return OkStatus();
  }));
  return Failpoint("codebook.deleted");
}

}  // namespace tessera::engine
