#include "index/engine/rebuild.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "index/base/failpoint.h"
#include "index/base/free_memory.h"
#include "index/engine/codebook_training.h"
#include "index/engine/codebooks.h"
#include "index/engine/loader.h"
#include "index/engine/memory_advice.h"
#include "index/engine/metadata.h"
#include "index/engine/planner.h"
#include "index/engine/sample.h"
#include "index/engine/unfinished.h"
#include "index/quant/encoder.h"

namespace tessera::engine {
namespace {

constexpr size_t kEncodeRows = 8192;   // encoded at a time
constexpr uint64_t kKeyBytes = 24;      // of a row, in postings and assignments
constexpr size_t kIngestBytes = 16u << 20;  // written at a time, as sorted files
constexpr size_t kFinalChanges = 1000; // few enough for the last round, inside a commit turn

// Shares of the whole, for progress.
constexpr double kTrainShare = 0.5;
constexpr double kSwitchAt = 0.95;
constexpr double kPlanShare = 0.6;  // of the whole with the rest behind it, where a plan is made

class Rebuild {
 public:
  // version: 0 = of the codebook that is trained.
  Rebuild(Core& core, Committer& committer, const TrainOptions& options, uint32_t version)
      : core_(core),
        committer_(committer),
        options_(options),
        version_(version),
        train_share_(version == 0 ? kTrainShare : 0),
        paced_(*core.options.upkeep, *core.options.pace, core.closing, options.context.stop) {}

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
    TESSERA_RETURN_IF_ERROR(version_ == 0 ? Train() : Load());
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
  Status CheckStop() const { return engine::CheckStop(core_, options_.context); }

  Status MakePlan();
  Status Train();
  Status Load();
  Status CreateFamilies();
  Status EncodeAll();
  // The lists as they are by now, instead of as they were projected.
  Status HoldLists();
  Status CatchUp();
  Status ApplyChanges(const RowChanges& changes, store::Batch& batch, Executor& executor);
  Status Switch();
  Status SwitchInTurn();
  // Records of the codebook that comes into force, and of those that go.
  StatusOr<CodebookTable> AddCodebook(store::Batch& batch) const;
  void Abandon();

  // Encodes the rows held in floats_/rows_, adds their records to the batch.
  void EncodeInto(store::Batch& batch, Executor& executor);

  Core& core_;
  Committer& committer_;
  const TrainOptions& options_;
  const uint32_t version_;
  const double train_share_;
  PacedExecutor paced_;
  SnapshotPtr start_;
  std::optional<Plan> plan_;
  QuantizerSpec asked_;
  ErrorSums held_out_;
  quant::TrainedModel trained_;
  Generation generation_;
  bool families_ = false;
  bool switched_ = false;
  MemoryReservation memory_{*core_.memory};  // until the new generation is the one that is accounted
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
  PacedExecutor executor = TrainingExecutor(core_, options_.context);
  TrainingContext context = options_.context;
  context.progress = [this](double fraction, const char* stage) {
    Report(kPlanShare * fraction, stage);
  };
  TESSERA_ASSIGN_OR_RETURN(plan_, PlanCollection(core_, *start_, goal, executor, context));
  return CheckStop();
}

Status Rebuild::Train() {
  // A codebook that could not be entered is not trained.
  TESSERA_RETURN_IF_ERROR(core_.codebooks.Get().status());
  TESSERA_RETURN_IF_ERROR(MakePlan());
  TrainOptions options = options_;
  if (plan_) options.quantizer = plan_->spec;
  TESSERA_ASSIGN_OR_RETURN(FreshCodebook fresh,
                           TrainCodebook(core_, *start_, options, TrainedFor::kAllRows, memory_,
                                         [this](double fraction, const char* stage) {
                                           Report(fraction * train_share_, stage);
                                         }));
  trained_ = std::move(fresh.trained);
  asked_ = fresh.asked;
  held_out_ = fresh.held_out;
  return OkStatus();
}

Status Rebuild::Load() {
  Report(0, "load");
  TESSERA_ASSIGN_OR_RETURN(const CodebookTable table, core_.codebooks.Get());
  const CodebookEntry* entry = table.Find(version_);
  if (!entry) return NoCodebook(core_, version_);
  if (table.Active(start_->generation) == entry) {
    return FailedPrecondition("codebook " + std::to_string(version_) + " of collection \"" + core_.name +
                              "\" is in force already");
  }
  TESSERA_ASSIGN_OR_RETURN(trained_, LoadCodebook(core_, *entry));
  asked_ = entry->asked;
  held_out_ = entry->held_out;
  if (held_out_.rows > 0) return OkStatus();
  TESSERA_ASSIGN_OR_RETURN(held_out_, MeasureHeldOut(core_, *start_, trained_, options_.context));
  return OkStatus();
}

Status Rebuild::CreateFamilies() {
  TESSERA_RETURN_IF_ERROR(ReserveGeneration(core_, *start_, *trained_.model, *trained_.lists, memory_));
  // Postings and assignments, and once more for the compaction that merges them.
  const uint64_t row_bytes = trained_.model->code_bytes() + trained_.model->refine_bytes() + kKeyBytes;
  TESSERA_RETURN_IF_ERROR(
      Annotate(core_.store->CheckSpace(2 * row_bytes * start_->lists.live_rows()), "codes of all rows: "));
  TESSERA_RETURN_IF_ERROR(core_.store->CreateGeneration(generation_));
  families_ = true;
  const std::unique_ptr<store::Batch> batch = core_.store->NewBatch();
  for (uint32_t l = 0; l < trained_.lists->nlist(); ++l) {
    PutList(generation_, ListId{l}, *trained_.model, *trained_.lists, *batch);
  }
  return core_.store->Write(*batch, store::Durability::kNoLog);
}

void Rebuild::EncodeInto(store::Batch& batch, Executor& executor) {
  quant::EncodeRows(*trained_.model, *trained_.lists, {floats_.data(), rows_.size(), core_.dim},
                    executor, encoded_);
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
    EncodeInto(*batch, paced_);
    if (batch->bytes() >= kIngestBytes) TESSERA_RETURN_IF_ERROR(write());
    done += rows_.size();
    rows_.clear();
    const double part = static_cast<double>(done) / static_cast<double>(total);
    Report(train_share_ + (kSwitchAt - train_share_) * part, "encode");
    return OkStatus();
  };
  TESSERA_RETURN_IF_ERROR(core_.store->ScanVectors(
      RowId{0}, RowId{UINT32_MAX}, start_->store.get(),
      [&](RowId row, const store::VectorView& vector) -> Status {
        TESSERA_RETURN_IF_ERROR(
            StoredFloats(core_, row, vector, floats_.data() + rows_.size() * core_.dim));
        rows_.push_back(row);
        return rows_.size() == kEncodeRows ? flush() : OkStatus();
      }));
  TESSERA_RETURN_IF_ERROR(flush());
  TESSERA_RETURN_IF_ERROR(write());
  TESSERA_ASSIGN_OR_RETURN(
      lists_, LoadLists({core_.store.get(), start_->store.get(), nullptr, generation_, trained_.model.get(),
                         trained_.lists->nlist(), core_.dim, core_.metric, start_->next_row, core_.RefineOnDisk()},
                        paced_));
  return HoldLists();
}

Status Rebuild::HoldLists() {
  const uint64_t held = lists_.Bytes().total() + trained_.model->bytes() + trained_.lists->bytes();
  const auto shortage = memory_.Resize(held);
  if (!shortage) return OkStatus();
  return OutOfMemory(core_, *start_, "what was written during the training", *shortage, lists_.live_rows(),
                     shortage->room);
}

// Changes since the last round, into the new families and the new mirror.
Status Rebuild::ApplyChanges(const RowChanges& changes, store::Batch& batch, Executor& executor) {
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
    TESSERA_RETURN_IF_ERROR(StoredFloats(core_, changes.added[i], vectors[i]->view(),
                                         floats_.data() + rows_.size() * core_.dim));
    rows_.push_back(changes.added[i]);
    ids.push_back(records[i]->id);
  }
  EncodeInto(batch, executor);
  for (size_t i = 0; i < rows_.size(); ++i) {
    lists::NewRow row;
    row.row = rows_[i];
    row.string_id = !ids[i].is_number();
    row.number = row.string_id ? 0 : ids[i].number();
    row.code = encoded_.codes.data() + i * trained_.model->code_bytes();
    row.correction = trained_.model->CorrectionUnits(encoded_.lists[i], encoded_.corrections[i]);
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
    TESSERA_RETURN_IF_ERROR(ApplyChanges(changes, *batch, paced_));
    TESSERA_RETURN_IF_ERROR(core_.store->Write(*batch, store::Durability::kNoLog));
    TESSERA_RETURN_IF_ERROR(HoldLists());
  }
  // From here on the families must survive: only the last round comes through the log.
  TESSERA_RETURN_IF_ERROR(Failpoint("rebuild.flush"));
  return core_.store->FlushGeneration(generation_);
}

Status Rebuild::Switch() {
  Report(kSwitchAt, "switch");
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
  TESSERA_RETURN_IF_ERROR(ApplyChanges(committer_.TakeChanges(), *batch, *core_.options.upkeep));
  CollectionSpec spec;
  {
    std::lock_guard lock(core_.spec_mutex);
    spec = core_.spec;
  }
  if (options_.quantizer) spec.goal = {};
  spec.quantizer = asked_;
  const std::string plan = plan_ ? plan_->text : std::string();
  TESSERA_ASSIGN_OR_RETURN(CodebookTable codebooks, AddCodebook(*batch));
  batch->PutRecord(kSpecRecord, EncodeSpec(spec));
  batch->PutRecord(kPlanRecord, plan);
  batch->PutRecord(ModelRecord(generation_), trained_.model->Serialize());
  if (start_->trained()) {
    batch->DeleteRecord(ModelRecord(start_->generation));
    batch->DeleteRecord(CurveRecord(start_->generation));
  }
  batch->PutRecord(kActiveRecord, EncodeActive({generation_, trained_.lists->nlist(), start_->lists.live_rows()}));
  batch->PutRecord(kProgressRecord, EncodeProgress({now->commit + 1, now->next_row, {}}));
  batch->DeleteRecord(kUnfinishedRecord);
  if (Status status = core_.store->Write(*batch, store::Durability::kSync); !status.ok()) {
    core_.SetReadOnly(status);
    return status;
  }
  core_.store->MarkDurable(now->commit + 1);
  switched_ = true;
  core_.codebooks.Set(std::move(codebooks));
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
  next->store = core_.store->GetSnapshot(next->generation);
  next->payloads = now->payloads;
  next->next_row = now->next_row;
  next->rows_at_training = start_->lists.live_rows();
  next->held_out = held_out_;
  core_.Publish(next);
  core_.filter_masks.Clear();
  core_.live_recall.Reset(generation_);
  core_.tuned_rows = 0;
  committer_.TrackChanges(false);
  return Failpoint("rebuild.switched");
}

StatusOr<CodebookTable> Rebuild::AddCodebook(store::Batch& batch) const {
  TESSERA_ASSIGN_OR_RETURN(CodebookTable table, core_.codebooks.Get());
  const uint32_t version =
      version_ > 0 ? version_ : PutCodebook({trained_, asked_, held_out_}, std::string(), table, batch);
  CodebookEntry* entry = table.Find(version);
  if (!entry) return Aborted("codebook " + std::to_string(version) + " was deleted meanwhile");
  entry->generation = generation_;
  entry->held_out = held_out_;
  for (const uint32_t retired : table.Retire(generation_, core_.options.kept_codebooks)) {
    batch.DeleteRecord(CodebookRecord(retired));
  }
  batch.PutRecord(kCodebooksRecord, EncodeCodebooks(table));
  return table;
}

void Rebuild::Abandon() {
  committer_.RunExclusive([this] { committer_.TrackChanges(false); });
  if (families_) (void)core_.store->DropGeneration(generation_);
}

}  // namespace

Status RebuildCollection(Core& core, Committer& committer, const TrainOptions& options) {
  const Status status = Rebuild(core, committer, options, 0).Run();
  ReturnFreeMemory();  // the sample, and the lists that were
  return status;
}

Status RebuildWith(Core& core, Committer& committer, uint32_t version, const TrainingContext& context) {
  TrainOptions options;
  options.context = context;
  const Status status = Rebuild(core, committer, options, version).Run();
  ReturnFreeMemory();
  return status;
}

}  // namespace tessera::engine
