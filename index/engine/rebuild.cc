#include "index/engine/rebuild.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "index/base/failpoint.h"
#include "index/engine/loader.h"
#include "index/engine/metadata.h"
#include "index/engine/planner.h"
#include "index/engine/sample.h"
#include "index/quant/encoder.h"

namespace tessera::engine {
namespace {

constexpr size_t kEncodeRows = 8192;   // encoded at a time
constexpr size_t kIngestBytes = 16u << 20;  // written at a time, as sorted files
constexpr size_t kFinalChanges = 1000; // few enough for the last round, inside a commit turn

// Shares of the whole, for progress.
constexpr double kTrainShare = 0.5;
constexpr double kEncodeShare = 0.45;
constexpr double kPlanShare = 0.6;  // of the whole with the rest behind it, where a plan is made

class Rebuild {
 public:
  Rebuild(Core& core, Committer& committer, const TrainOptions& options)
      : core_(core), committer_(committer), options_(options) {}

  Status Run() {
    Status status = RunSteps();
    if (!switched_) Abandon();
    return status;
  }

 private:
  Status RunSteps() {
    committer_.RunExclusive([this] {
      start_ = core_.snapshot.Get();
      committer_.TrackChanges(true);
    });
    TESSERA_RETURN_IF_ERROR(MakePlan());
    Report(0, "sample");
    std::vector<float> sample;
    TESSERA_RETURN_IF_ERROR(ReadSample(sample));
    TESSERA_RETURN_IF_ERROR(Train(sample));
    sample = {};
    generation_ = Generation{start_->generation.value + 1};
    TESSERA_RETURN_IF_ERROR(CreateFamilies());
    TESSERA_RETURN_IF_ERROR(EncodeAll());
    TESSERA_RETURN_IF_ERROR(CatchUp());
    return Switch();
  }

  // Progress to the caller and to Stats; a stop asked for by either side shows here.
  void Report(double fraction, const char* stage) {
    if (plan_) fraction = kPlanShare + (1 - kPlanShare) * fraction;
    core_.training_fraction = fraction;
    core_.training_stage = stage;
    if (options_.context.progress) options_.context.progress(fraction, stage);
  }
  Status CheckStop() const {
    if (core_.closing.load()) return Cancelled("the collection is being closed");
    return options_.context.stop.Check();
  }

  QuantizerSpec Spec() const {
    if (options_.quantizer) return *options_.quantizer;
    if (plan_) return plan_->spec;
    std::lock_guard lock(core_.spec_mutex);
    return core_.spec.quantizer;
  }

  Status MakePlan();
  Status ReadSample(std::vector<float>& sample);
  Status Train(const std::vector<float>& sample);
  Status CreateFamilies();
  Status EncodeAll();
  Status CatchUp();
  Status ApplyChanges(const RowChanges& changes, store::Batch& batch);
  Status Switch();
  Status SwitchInTurn();
  void Abandon();

  // Encodes the rows held in floats_/rows_, adds their records to the batch.
  void EncodeInto(store::Batch& batch);

  Core& core_;
  Committer& committer_;
  const TrainOptions& options_;
  SnapshotPtr start_;
  std::optional<Plan> plan_;
  quant::TrainedModel trained_;
  Generation generation_;
  bool families_ = false;
  bool switched_ = false;
  lists::ListSet lists_;
  std::vector<float> floats_;
  std::vector<RowId> rows_;
  quant::EncodedRows encoded_;
};

// Chooses the quantizer where the collection has a goal and the caller no other wish.
Status Rebuild::MakePlan() {
  QuantizerGoal goal;
  {
    std::lock_guard lock(core_.spec_mutex);
    goal = core_.spec.goal;
  }
  if (options_.quantizer || !goal.given()) return OkStatus();
  Report(0, "plan");
  Executor& executor =
      options_.context.executor ? *options_.context.executor : *core_.options.compute;
  TrainingContext context = options_.context;
  context.progress = [this](double fraction, const char* stage) {
    Report(kPlanShare * fraction, stage);
  };
  TESSERA_ASSIGN_OR_RETURN(plan_, PlanCollection(core_, *start_, goal, executor, context));
  return CheckStop();
}

Status Rebuild::ReadSample(std::vector<float>& sample) {
  const uint64_t live = start_->lists.live_rows();
  const QuantizerSpec spec = Spec();
  TESSERA_RETURN_IF_ERROR(Annotate(quant::CheckTrainable(spec), "quantizer: "));
  TESSERA_RETURN_IF_ERROR(Annotate(spec.Validate(core_.dim), "quantizer: "));
  const uint64_t needed = quant::MinTrainingRows(spec, core_.dim);
  if (live < needed) {
    return FailedPrecondition("training " + spec.ToString() + " needs at least " + std::to_string(needed) +
                              " rows, collection \"" + core_.name + "\" has " + std::to_string(live));
  }
  uint64_t want = options_.sample_rows > 0
                      ? std::min(options_.sample_rows, options_.sample_memory_bytes / (core_.dim * sizeof(float)))
                      : quant::TrainingSampleRows(spec, core_.dim, live, options_.sample_memory_bytes);
  TESSERA_ASSIGN_OR_RETURN(sample, engine::ReadSample(core_, *start_, std::max(want, needed),
                                                      options_.context.seed, [this] { return CheckStop(); }));
  return OkStatus();
}

Status Rebuild::Train(const std::vector<float>& sample) {
  TESSERA_RETURN_IF_ERROR(Failpoint("rebuild.train"));
  TrainingContext context = options_.context;
  if (!context.executor) context.executor = core_.options.compute;
  context.progress = [this](double fraction, const char* stage) { Report(fraction * kTrainShare, stage); };
  TESSERA_ASSIGN_OR_RETURN(
      trained_, quant::TrainModel(Spec(), core_.metric, {sample.data(), sample.size() / core_.dim, core_.dim},
                                  start_->lists.live_rows(), context));
  return CheckStop();
}

Status Rebuild::CreateFamilies() {
  TESSERA_RETURN_IF_ERROR(core_.store->CreateGeneration(generation_));
  families_ = true;
  const std::unique_ptr<store::Batch> batch = core_.store->NewBatch();
  for (uint32_t l = 0; l < trained_.lists->nlist(); ++l) {
    batch->PutCentroid(generation_, ListId{l}, trained_.lists->centroid(ListId{l}), core_.dim);
  }
  return core_.store->Write(*batch, store::Durability::kNoLog);
}

void Rebuild::EncodeInto(store::Batch& batch) {
  quant::EncodeRows(*trained_.model, *trained_.lists, {floats_.data(), rows_.size(), core_.dim},
                    *core_.options.compute, encoded_);
  const size_t code_bytes = trained_.model->code_bytes();
  const size_t refine_bytes = trained_.model->refine_bytes();
  const auto* codes = reinterpret_cast<const char*>(encoded_.codes.data());
  const auto* refine = reinterpret_cast<const char*>(encoded_.refine.data());
  for (size_t i = 0; i < rows_.size(); ++i) {
    const ListId list = encoded_.lists[i];
    batch.PutAssign(generation_, rows_[i], list);
    batch.PutPosting(generation_, list, rows_[i], {codes + i * code_bytes, code_bytes},
                     encoded_.corrections[i],
                     {refine_bytes ? refine + i * refine_bytes : nullptr, refine_bytes});
  }
}

// All rows as of the start, in row order, without the log: in sorted files, each of some MiB of rows.
Status Rebuild::EncodeAll() {
  const uint64_t total = std::max<uint64_t>(1, start_->lists.live_rows());
  uint64_t done = 0;
  floats_.resize(kEncodeRows * core_.dim);
  rows_.clear();
  std::unique_ptr<store::Batch> batch = core_.store->NewBatch();
  const auto write = [&]() -> Status {
    TESSERA_RETURN_IF_ERROR(core_.store->Write(*batch, store::Durability::kIngest));
    batch.reset();  // its memory is the next one's
    batch = core_.store->NewBatch();
    return OkStatus();
  };
  const auto flush = [&]() -> Status {
    TESSERA_RETURN_IF_ERROR(CheckStop());
    TESSERA_RETURN_IF_ERROR(Failpoint("rebuild.encode"));
    EncodeInto(*batch);
    if (batch->bytes() >= kIngestBytes) TESSERA_RETURN_IF_ERROR(write());
    done += rows_.size();
    rows_.clear();
    Report(kTrainShare + kEncodeShare * static_cast<double>(done) / static_cast<double>(total), "encode");
    return OkStatus();
  };
  TESSERA_RETURN_IF_ERROR(core_.store->ScanVectors(
      RowId{0}, RowId{UINT32_MAX}, start_->store.get(),
      [&](RowId row, ElementType type, std::string_view bytes) -> Status {
        TESSERA_RETURN_IF_ERROR(StoredFloats(core_, row, type, bytes, floats_.data() + rows_.size() * core_.dim));
        rows_.push_back(row);
        return rows_.size() == kEncodeRows ? flush() : OkStatus();
      }));
  TESSERA_RETURN_IF_ERROR(flush());
  TESSERA_RETURN_IF_ERROR(write());
  TESSERA_ASSIGN_OR_RETURN(
      lists_, LoadLists({core_.store.get(), start_->store.get(), nullptr, generation_, trained_.model.get(),
                         trained_.lists->nlist(), core_.dim, core_.metric, start_->next_row},
                        *core_.options.compute));
  return OkStatus();
}

// Changes since the last round, into the new families and the new mirror.
Status Rebuild::ApplyChanges(const RowChanges& changes, store::Batch& batch) {
  lists::ListSetEditor editor(lists_);
  // A row that came and went within the round has no vector any more and is never added.
  TESSERA_ASSIGN_OR_RETURN(auto assigns, core_.store->GetAssigns(generation_, changes.removed, nullptr));
  for (size_t i = 0; i < changes.removed.size(); ++i) {
    if (!assigns[i]) continue;
    batch.DeleteAssign(generation_, changes.removed[i]);
    batch.DeletePosting(generation_, *assigns[i], changes.removed[i]);
    editor.Erase(*assigns[i], changes.removed[i]);
  }
  TESSERA_ASSIGN_OR_RETURN(auto vectors, core_.store->GetVectors(changes.added, nullptr));
  TESSERA_ASSIGN_OR_RETURN(auto records, core_.store->GetRows(changes.added, nullptr));
  rows_.clear();
  floats_.resize(std::max(floats_.size(), changes.added.size() * core_.dim));
  std::vector<PointId> ids;
  for (size_t i = 0; i < changes.added.size(); ++i) {
    if (!vectors[i] || !records[i]) continue;
    TESSERA_RETURN_IF_ERROR(StoredFloats(core_, changes.added[i], vectors[i]->type, vectors[i]->bytes,
                                         floats_.data() + rows_.size() * core_.dim));
    rows_.push_back(changes.added[i]);
    ids.push_back(records[i]->id);
  }
  EncodeInto(batch);
  for (size_t i = 0; i < rows_.size(); ++i) {
    lists::NewRow row;
    row.row = rows_[i];
    row.string_id = !ids[i].is_number();
    row.number = row.string_id ? 0 : ids[i].number();
    row.code = encoded_.codes.data() + i * trained_.model->code_bytes();
    row.correction = lists::CorrectionUnits(encoded_.corrections[i], trained_.model->correction_step);
    row.record = encoded_.refine.data() + i * trained_.model->refine_bytes();
    editor.Append(encoded_.lists[i], row);
  }
  lists_ = editor.Finish();
  return OkStatus();
}

Status Rebuild::CatchUp() {
  for (size_t changed = kFinalChanges + 1; changed > kFinalChanges;) {
    TESSERA_RETURN_IF_ERROR(CheckStop());
    RowChanges changes;
    committer_.RunExclusive([&] { changes = committer_.TakeChanges(); });
    changed = changes.added.size() + changes.removed.size();
    if (changed == 0) break;
    const std::unique_ptr<store::Batch> batch = core_.store->NewBatch();
    TESSERA_RETURN_IF_ERROR(ApplyChanges(changes, *batch));
    TESSERA_RETURN_IF_ERROR(core_.store->Write(*batch, store::Durability::kNoLog));
  }
  // From here on the families must survive: only the last round comes through the log.
  TESSERA_RETURN_IF_ERROR(Failpoint("rebuild.flush"));
  return core_.store->FlushGeneration(generation_);
}

Status Rebuild::Switch() {
  Report(kTrainShare + kEncodeShare, "switch");
  Status status;
  committer_.RunExclusive([&] { status = SwitchInTurn(); });
  TESSERA_RETURN_IF_ERROR(status);
  Report(1, "done");
  // The new generation is in force; what is left of the old one is dropped, now or at the next open.
  if (start_->trained()) (void)core_.store->DropGeneration(start_->generation);
  return OkStatus();
}

Status Rebuild::SwitchInTurn() {
  if (core_.read_only) return core_.ReadOnlyStatus();
  TESSERA_RETURN_IF_ERROR(Failpoint("rebuild.switch"));
  const SnapshotPtr now = core_.snapshot.Get();
  const std::unique_ptr<store::Batch> batch = core_.store->NewBatch();
  TESSERA_RETURN_IF_ERROR(ApplyChanges(committer_.TakeChanges(), *batch));
  CollectionSpec spec;
  {
    std::lock_guard lock(core_.spec_mutex);
    spec = core_.spec;
  }
  if (options_.quantizer) {
    spec.quantizer = *options_.quantizer;
    spec.goal = {};
  }
  if (plan_) spec.quantizer = plan_->spec;
  const std::string plan = plan_ ? plan_->text : std::string();
  batch->PutRecord(kSpecRecord, EncodeSpec(spec));
  batch->PutRecord(kPlanRecord, plan);
  batch->PutRecord(ModelRecord(generation_), trained_.model->Serialize());
  if (start_->trained()) batch->DeleteRecord(ModelRecord(start_->generation));
  batch->PutRecord(kActiveRecord, EncodeActive({generation_, trained_.lists->nlist(), start_->lists.live_rows()}));
  batch->PutRecord(kProgressRecord, EncodeProgress({now->commit + 1, now->next_row}));
  if (Status status = core_.store->Write(*batch, store::Durability::kSync); !status.ok()) {
    core_.SetReadOnly(status);
    return status;
  }
  switched_ = true;
  {
    std::lock_guard lock(core_.spec_mutex);
    core_.spec = spec;
    core_.plan = plan;
  }
  auto next = std::make_shared<Snapshot>();
  next->commit = now->commit + 1;
  next->generation = generation_;
  next->model = trained_.model;
  next->table = trained_.lists;
  next->lists = std::move(lists_);
  next->store = core_.store->GetSnapshot();
  next->next_row = now->next_row;
  next->rows_at_training = start_->lists.live_rows();
  core_.snapshot.Set(next);
  committer_.TrackChanges(false);
  return Failpoint("rebuild.switched");
}

void Rebuild::Abandon() {
  committer_.RunExclusive([this] { committer_.TrackChanges(false); });
  if (families_) (void)core_.store->DropGeneration(generation_);
}

}  // namespace

Status RebuildCollection(Core& core, Committer& committer, const TrainOptions& options) {
  return Rebuild(core, committer, options).Run();
}

}  // namespace tessera::engine
