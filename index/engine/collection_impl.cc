#include "index/engine/collection_impl.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "index/base/format_version.h"
#include "index/engine/collection_update.h"
#include "index/engine/drift.h"
#include "index/engine/evaluate.h"
#include "index/engine/group_query.h"
#include "index/engine/loader.h"
#include "index/engine/memory_advice.h"
#include "index/engine/metadata.h"
#include "index/engine/payload_upkeep.h"
#include "index/engine/query.h"
#include "index/engine/range_search.h"
#include "index/engine/rebalance.h"
#include "index/engine/rebuild.h"
#include "index/engine/reclaim.h"
#include "index/engine/resume.h"
#include "index/engine/statistics.h"
#include "index/engine/target.h"
#include "index/engine/tuner.h"
#include "index/engine/unfinished.h"
#include "index/engine/vector_data.h"
#include "index/engine/verify.h"
#include "index/quant/encoder.h"

namespace tessera::engine {
namespace {

constexpr uint64_t kTrainRows = 10000;
constexpr uint64_t kTrainGrowth = 4;
// Rows whose time has come that are looked up one by one, rather than all live ones gone through.
constexpr size_t kFewExpired = 256;

StatusOr<std::string> NeedRecord(const store::Store& store, const std::string& name) {
  TESSERA_ASSIGN_OR_RETURN(auto bytes, store.GetRecord(name));
  if (!bytes) return DataLoss("record \"" + name + "\" is missing");
  return *std::move(bytes);
}

// DataLoss if commits are missing that are known to have been durable.
StatusOr<Progress> ReadProgress(const store::Store& store, const std::string& path) {
  TESSERA_ASSIGN_OR_RETURN(const std::string bytes, NeedRecord(store, kProgressRecord));
  TESSERA_ASSIGN_OR_RETURN(Progress progress, DecodeProgress(bytes));
  const uint64_t durable = store::Store::DurableCommit(path);
  if (progress.commit >= durable) return progress;
  return DataLoss("commits " + std::to_string(progress.commit + 1) + " to " + std::to_string(durable) +
                  " were durable and are not there: a log in " + path + " is damaged");
}

// Opening would cut damaged logs off, so that nobody could look at them any more: it is found out before.
Status CheckLogs(const std::string& path, store::Store::Options options) {
  TESSERA_ASSIGN_OR_RETURN(const bool whole, store::Store::AreLogsWhole(path));
  if (whole) return OkStatus();
  options.read_only = true;
  TESSERA_ASSIGN_OR_RETURN(const auto store, store::Store::Open(path, options));
  return ReadProgress(*store, path).status();
}

// An index of no payloads where one cannot be read: filters then are refused, and all else is answered.
Status LoadPayloadIndex(Core& core, Snapshot& snapshot) {
  auto loaded = LoadPayloads(*core.store, *snapshot.store, snapshot.next_row, core.payload_schema);
  if (!loaded.ok() && loaded.status().code() != absl::StatusCode::kDataLoss) return loaded.status();
  if (!loaded.ok()) {
    core.payload_damage = Annotate(loaded.status(), "filters need every payload: ");
    core.filter_masks.Refuse(core.payload_damage);
    loaded = filter::PayloadIndex::Make(core.payload_schema);
  }
  snapshot.payloads = *std::move(loaded);
  return OkStatus();
}

uint64_t NextTraining(const Snapshot& snapshot) {
  return snapshot.trained() ? std::max(kTrainRows, snapshot.rows_at_training * kTrainGrowth) : kTrainRows;
}

// Precondition: `training` was set by the caller, which holds a pass.
Status TrainNow(Core& core, std::atomic<uint64_t>& train_at, const std::function<Status()>& train) {
  const Status status = core.read_only ? core.ReadOnlyStatus() : train();
  if (status.ok()) {
    train_at = NextTraining(*core.snapshot.Get());
    core.drift_at = 0;
  }
  core.training = false;
  return status;
}

// Families of generations that never came into force, or were replaced.
Status DropOtherGenerations(store::Store& store, Generation active) {
  for (const Generation g : store.Generations()) {
    if (g != active) TESSERA_RETURN_IF_ERROR(store.DropGeneration(g));
  }
  return OkStatus();
}

Status LoadModel(const store::Store& store, const Active& active, Snapshot& snapshot) {
  TESSERA_ASSIGN_OR_RETURN(const std::string bytes, NeedRecord(store, ModelRecord(active.generation)));
  TESSERA_ASSIGN_OR_RETURN(quant::Model model, quant::Model::Parse(bytes));
  TESSERA_ASSIGN_OR_RETURN(snapshot.table, LoadTable(store, nullptr, active.generation, active.nlist, model));
  snapshot.generation = active.generation;
  snapshot.model = std::make_shared<quant::Model>(std::move(model));
  return OkStatus();
}

}  // namespace

Status CollectionImpl::Initialize(const std::string& path, const CollectionSpec& spec,
                                  store::SharedResources& shared) {
  store::Store::Options options;
  options.create = true;
  options.shared = &shared;
  TESSERA_ASSIGN_OR_RETURN(const auto store, store::Store::Open(path, options));
  const std::unique_ptr<store::Batch> batch = store->NewBatch();
  batch->PutRecord(kSpecRecord, EncodeSpec(spec));
  batch->PutRecord(kActiveRecord, EncodeActive({}));
  batch->PutRecord(kCodebooksRecord, EncodeCodebooks({}));
  batch->PutRecord(kProgressRecord, EncodeProgress({}));
  return store->Write(*batch, store::Durability::kSync);
}

StatusOr<std::shared_ptr<CollectionImpl>> CollectionImpl::Open(const std::string& name,
                                                               const std::string& path,
                                                               const CoreOptions& options,
                                                               store::SharedResources& shared) {
  auto core = std::make_shared<Core>();
  core->name = name;
  core->options = options;
  store::Store::Options store_options;
  store_options.shared = &shared;
  store_options.disk_reserve_bytes = options.disk_reserve_bytes;
  TESSERA_RETURN_IF_ERROR(CheckLogs(path, store_options));
  TESSERA_ASSIGN_OR_RETURN(core->store, store::Store::Open(path, store_options));
  const store::Store& store = *core->store;
  TESSERA_ASSIGN_OR_RETURN(const std::string spec_bytes, NeedRecord(store, kSpecRecord));
  TESSERA_ASSIGN_OR_RETURN(core->spec, DecodeSpec(spec_bytes));
  TESSERA_ASSIGN_OR_RETURN(auto plan, store.GetRecord(kPlanRecord));
  if (plan) core->plan = *std::move(plan);
  core->dim = core->spec.dim;
  core->metric = core->spec.metric;
  core->sync_writes = core->spec.sync_writes;
  core->payload_schema = core->spec.payload;
  core->memory = std::make_unique<MemoryAccount>(options.memory, core->spec.memory_limit_bytes);
  core->filter_masks.SetAccount(core->memory.get());
  TESSERA_ASSIGN_OR_RETURN(const std::string active_bytes, NeedRecord(store, kActiveRecord));
  TESSERA_ASSIGN_OR_RETURN(const Active active, DecodeActive(active_bytes));
  TESSERA_ASSIGN_OR_RETURN(const Progress progress, ReadProgress(store, path));
  TESSERA_RETURN_IF_ERROR(DropOtherGenerations(*core->store, active.generation));

  auto snapshot = std::make_shared<Snapshot>();
  if (active.generation.value > 0) {
    TESSERA_RETURN_IF_ERROR(LoadModel(store, active, *snapshot));
    if (snapshot->model->dim != core->dim || snapshot->model->metric != core->metric) {
      return DataLoss("the model does not fit the collection's dimension and metric");
    }
  }
  // A damaged table is an error of the codebooks alone.
  StatusOr<CodebookTable> codebooks = LoadCodebooks(store);
  if (IsNewerFormat(codebooks.status())) return codebooks.status();
  if (codebooks.ok()) {
    const CodebookEntry* in_force = codebooks->Active(active.generation);
    if (in_force) snapshot->held_out = in_force->held_out;
  }
  core->codebooks.Set(std::move(codebooks));
  TESSERA_ASSIGN_OR_RETURN(core->has_payloads, store.HasPayloads());
  TESSERA_RETURN_IF_ERROR(LoadExpiry(*core, progress.next_row));
  core->requests.Bound(options.kept_requests, options.request_retention_ms);
  TESSERA_RETURN_IF_ERROR(core->requests.Open(store));
  snapshot->commit = progress.commit;
  snapshot->next_row = progress.next_row;
  snapshot->rows_at_training = active.rows;
  snapshot->written = progress.written;
  snapshot->store = store.GetSnapshot(active.generation);
  TESSERA_ASSIGN_OR_RETURN(
      snapshot->lists,
      LoadLists({&store, snapshot->store.get(), snapshot->store.get(), active.generation,
                 snapshot->model.get(), active.nlist, core->dim, core->metric, progress.next_row,
                 core->spec.refine_on_disk},
                *options.compute));
  TESSERA_RETURN_IF_ERROR(LoadPayloadIndex(*core, *snapshot));
  // A curve is derived: it is measured again.
  if (const Status curve = LoadCurve(*core, *snapshot); !curve.ok() && curve.code() != absl::StatusCode::kDataLoss) {
    return curve;
  }
  core->query_sample.Start(core->spec.query_sample, core->dim);
  core->live_recall.Start(options.background ? core->spec.recall_sampling : 0);
  core->live_recall.Reset(snapshot->generation);
  core->unfinished = options.background && HasUnfinished(store);
  core->reclaimed_rows = progress.next_row - std::min<uint64_t>(progress.next_row, snapshot->lists.live_rows());
  core->Publish(snapshot);
  std::shared_ptr<CollectionImpl> opened(new CollectionImpl(std::move(core)));
  opened->MaybeTune();
  opened->PostUpkeep();
  return opened;
}

CollectionImpl::CollectionImpl(std::shared_ptr<Core> core)
    : core_(std::move(core)),
      committer_(std::make_shared<Committer>(core_)),
      train_at_(std::make_shared<std::atomic<uint64_t>>(NextTraining(*core_->snapshot.Get()))),
      codebooks_(core_, committer_, [core = core_, committer = committer_, train_at = train_at_] {
        *train_at = NextTraining(*core->snapshot.Get());
        core->drift_at = 0;
        PostTuning(core, committer);
      }) {}

void CollectionImpl::Close() {
  core_->closing = true;
  core_->gate.Close();
  committer_->Finish();
  core_->live_recall.Reset({});  // what waits holds snapshots
  core_->listed.Clear();         // and so do these
  if (!core_->sync_writes && !core_->dropping && core_->store->SyncLog().ok()) {
    core_->store->MarkDurable(core_->snapshot.Get()->commit);
  }
  core_->Publish(nullptr);
  core_->filter_masks.Clear();
  core_->store.reset();
}

Status CollectionImpl::CheckFits() {
  core_->memory->SetLimit(0);  // its own refuses writes, never what is there
  auto shortage = core_->memory->Shortage(0);
  if (!shortage) return OkStatus();
  shortage->wanted = core_->memory->Read().used;
  shortage->used -= shortage->wanted;
  const SnapshotPtr snapshot = core_->snapshot.Get();
  return OutOfMemory(*core_, *snapshot, "opening it", *shortage, snapshot->lists.live_rows(), shortage->room);
}

StatusOr<BackupInfo> CollectionImpl::Checkpoint(const std::string& directory) {
  const Pass pass(core_->gate);
  if (!pass) return core_->ClosedStatus();
  if (core_->read_only) return core_->ReadOnlyStatus();
  // RocksDB rewrites a new file once no view is older than it. Done now, the next backup need not copy it again.
  committer_->RunExclusive([this] {
    auto next = std::make_shared<Snapshot>(*core_->snapshot.Get());
    next->store = core_->store->GetSnapshot(next->generation);
    core_->Publish(std::move(next));
  });
  // Beside the commits; what is left to be flushed in the turn is what comes meanwhile.
  TESSERA_RETURN_IF_ERROR(core_->store->FlushAll());
  SnapshotPtr snapshot;
  bool refine_on_disk = false;
  Status status;
  committer_->RunExclusive([&] {
    snapshot = core_->snapshot.Get();
    refine_on_disk = core_->RefineOnDisk();
    status = core_->store->Checkpoint(directory);
  });
  TESSERA_RETURN_IF_ERROR(status);
  BackupInfo info;
  info.collection = core_->name;
  info.commit = snapshot->commit;
  info.rows = snapshot->lists.live_rows();
  info.time_ms = core_->NowMs();
  info.dim = core_->dim;
  info.metric = core_->metric;
  if (snapshot->trained()) info.quantizer = snapshot->model->spec.ToString();
  info.refine_on_disk = refine_on_disk;
  return info;
}

CollectionSpec CollectionImpl::spec() const {
  std::lock_guard lock(core_->spec_mutex);
  return core_->spec;
}

Status CollectionImpl::Update(const CollectionUpdate& update) {
  const Pass pass(core_->gate);
  if (!pass) return core_->ClosedStatus();
  TESSERA_RETURN_IF_ERROR(UpdateCollection(*core_, *committer_, update));
  // A training that was refused may fit now.
  *train_at_ = NextTraining(*core_->snapshot.Get());
  PostUpkeep();
  return OkStatus();
}

Status CollectionImpl::QueryBatch(MatrixView<const float> queries, const QueryParams& params,
                                  std::vector<QueryResult>& results) {
  const Pass pass(core_->gate);
  if (!pass) return core_->ClosedStatus();
  core_->options.pace->OnQuery();
  return RunQueries(*core_, core_->View(), queries, params, results);
}

StatusOr<QueryResult> CollectionImpl::QueryByExamples(const Examples& examples, const QueryParams& params) {
  const Pass pass(core_->gate);
  if (!pass) return core_->ClosedStatus();
  core_->options.pace->OnQuery();
  const ReadView view = core_->View();
  TESSERA_ASSIGN_OR_RETURN(const QueryTarget target, FindTarget(*core_, view, examples));
  return RunTarget(*core_, view, target, params);
}

StatusOr<GroupResult> CollectionImpl::QueryGroups(const Examples& query, const GroupParams& groups,
                                                  const QueryParams& params) {
  const Pass pass(core_->gate);
  if (!pass) return core_->ClosedStatus();
  core_->options.pace->OnQuery();
  const ReadView view = core_->View();
  TESSERA_ASSIGN_OR_RETURN(const QueryTarget target, FindTarget(*core_, view, query));
  return RunGroups(*core_, view, target, groups, params);
}

StatusOr<RangeResult> CollectionImpl::QueryRange(const Examples& query, const RangeParams& params,
                                                 const RangeVisitor& visit) {
  const Pass pass(core_->gate);
  if (!pass) return core_->ClosedStatus();
  core_->options.pace->OnQuery();
  const ReadView view = core_->View();
  TESSERA_ASSIGN_OR_RETURN(const QueryTarget target, FindTarget(*core_, view, query));
  return SearchRange(*core_, view, target, params, visit);
}

StatusOr<std::vector<std::optional<StoredPoint>>> CollectionImpl::Get(const std::vector<PointId>& ids) {
  const Pass pass(core_->gate);
  if (!pass) return core_->ClosedStatus();
  return GetPoints(*core_, core_->View(), ids);
}

StatusOr<ListResult> CollectionImpl::List(const ListParams& params) {
  const Pass pass(core_->gate);
  if (!pass) return core_->ClosedStatus();
  return ListPoints(*core_, core_->View(), params);
}

StatusOr<uint64_t> CollectionImpl::Count(const Filter& filter) const {
  const Pass pass(core_->gate);
  if (!pass) return core_->ClosedStatus();
  const ReadView view = core_->View();
  TESSERA_ASSIGN_OR_RETURN(const FilteredRowsPtr rows,
                           core_->filter_masks.Get(*view.snapshot, *core_->store, filter));
  if (view.expired.empty()) return rows->mask.rows();
  return LiveRows(view).AndCardinality(rows->rows);
}

StatusOr<std::vector<FacetCount>> CollectionImpl::Facet(std::string_view field, const Filter* filter,
                                                        size_t limit) const {
  const Pass pass(core_->gate);
  if (!pass) return core_->ClosedStatus();
  TESSERA_RETURN_IF_ERROR(core_->payload_damage);
  const ReadView view = core_->View();
  filter::RowSet rows = LiveRows(view);
  if (filter) {
    TESSERA_ASSIGN_OR_RETURN(const FilteredRowsPtr passing,
                             core_->filter_masks.Get(*view.snapshot, *core_->store, *filter));
    rows = rows.And(passing->rows);
  }
  return view.snapshot->payloads->Facet(field, &rows, limit);
}

uint64_t CollectionImpl::Count() const {
  const Pass pass(core_->gate);
  if (!pass) return 0;
  const ReadView view = core_->View();
  if (view.expired.empty()) return view.snapshot->lists.live_rows();
  if (view.expired.size() > kFewExpired) return LiveRows(view).cardinality();
  const auto records = core_->store->GetRows(view.expired, view.snapshot->store.get());
  if (!records.ok()) return LiveRows(view).cardinality();
  const auto alive = std::ranges::count_if(*records, [](const auto& record) { return record.has_value(); });
  return view.snapshot->lists.live_rows() - static_cast<uint64_t>(alive);
}

Status CollectionImpl::Train(const TrainOptions& options) {
  const Pass pass(core_->gate);
  if (!pass) return core_->ClosedStatus();
  if (core_->training.exchange(true)) return core_->TrainingStatus();
  const Status status = TrainNow(*core_, *train_at_, [&]() -> Status {
    TESSERA_ASSIGN_OR_RETURN(const UnfinishedNote note, UnfinishedNote::Make(*core_, Unfinished(options)));
    return RebuildCollection(*core_, *committer_, options);
  });
  MaybeTune();
  return status;
}

Status CollectionImpl::ForgetUnfinished() {
  return HasUnfinished(*core_->store) ? ForgetWork(*core_->store) : OkStatus();
}

StatusOr<TuneResult> CollectionImpl::Tune(const TuneOptions& options) {
  const Pass pass(core_->gate);
  if (!pass) return core_->ClosedStatus();
  if (core_->tuning.exchange(true)) {
    return AlreadyExists("recall of collection \"" + core_->name + "\" is being measured");
  }
  const Status status = TuneCollection(core_, *committer_, options);
  core_->tuning = false;
  MaybeTune();  // another model may have come into force meanwhile
  TESSERA_RETURN_IF_ERROR(status);
  return core_->curve.Get()->Describe();
}

void CollectionImpl::PostTuning(const std::shared_ptr<Core>& core,
                                const std::shared_ptr<Committer>& committer) {
  if (!core->options.background || core->training || core->read_only) return;
  if (!NeedsTuning(*core, *core->snapshot.Get()) || core->tuning.exchange(true)) return;
  core->options.background->Post([core, committer] {
    const Pass pass(core->gate);
    // A failure leaves the curve before, or none: what answers then say is as good as it was.
    TuneOptions options;
    options.context.stop = StopToken(StopToken::Clock::time_point::max(), {core, &core->closing});
    if (pass) (void)TuneCollection(core, *committer, options);
    core->tuning = false;
    if (pass) PostTuning(core, committer);  // another model may have come into force meanwhile
  });
}

bool CollectionImpl::HasGrown() {
  const uint64_t rows = core_->snapshot.Get()->lists.live_rows();
  uint64_t at = *train_at_;
  if (rows < at) return false;
  {
    std::lock_guard lock(core_->spec_mutex);
    if (!core_->spec.auto_train) return false;
  }
  // One caller wins; the others see the raised mark.
  return train_at_->compare_exchange_strong(at, rows * 2);
}

bool CollectionImpl::HasDrifted() {
  const SnapshotPtr snapshot = core_->snapshot.Get();
  uint64_t at = core_->drift_at;
  if (snapshot->written.rows < at || !WantsRetraining(*snapshot)) return false;
  // Lists first: they are what drift costs most, and a training would hold them up.
  if (core_->options.rebalance && ListsLag(*core_, *snapshot)) return false;
  {
    std::lock_guard lock(core_->spec_mutex);
    if (!core_->spec.retrains_on_drift()) return false;
  }
  return core_->drift_at.compare_exchange_strong(at, snapshot->written.rows * 2);
}

void CollectionImpl::MaybeTrain() {
  if (!core_->options.background || core_->read_only) return;
  const bool unfinished = core_->unfinished;
  if (!unfinished && !HasGrown() && !HasDrifted()) return;
  if (core_->training.exchange(true)) return;
  core_->unfinished = false;
  core_->options.background->Post([core = core_, committer = committer_, train_at = train_at_, unfinished] {
    const Pass pass(core->gate);
    if (!pass) return;
    (void)TrainNow(*core, *train_at, [&] {
      return unfinished ? FinishWork(*core, *committer) : RebuildCollection(*core, *committer, TrainOptions());
    });
    PostTuning(core, committer);
    PostRebalance(core, committer);  // rows that came meanwhile
  });
}

StatusOr<EvaluateResult> CollectionImpl::Evaluate(const EvaluateOptions& options) const {
  const Pass pass(core_->gate);
  if (!pass) return core_->ClosedStatus();
  return EvaluateSnapshot(*core_, *core_->snapshot.Get(), options);
}

StatusOr<RebalanceResult> CollectionImpl::Rebalance(const StopToken& stop) {
  const Pass pass(core_->gate);
  if (!pass) return core_->ClosedStatus();
  if (core_->read_only) return core_->ReadOnlyStatus();
  if (core_->rebalancing.exchange(true)) {
    return AlreadyExists("lists of collection \"" + core_->name + "\" are being split and merged");
  }
  auto result = RebalanceLists(*core_, *committer_, stop);
  core_->rebalancing = false;
  MaybeTune();
  return result;
}

Status CollectionImpl::Reclaim() {
  const Pass pass(core_->gate);
  if (!pass) return core_->ClosedStatus();
  if (core_->read_only) return core_->ReadOnlyStatus();
  if (core_->reclaiming.exchange(true)) {
    return AlreadyExists("space of collection \"" + core_->name + "\" is being reclaimed");
  }
  const Status status = ReclaimSpace(*core_, *committer_);
  core_->reclaiming = false;
  return status;
}

void CollectionImpl::PostUpkeep() {
  const Pass pass(core_->gate);
  if (!pass) return;
  ResumeWrites(*core_, *committer_);
  MaybeTrain();
  MaybeTune();
  PostRebalance(core_, committer_);
  PostReclaim(core_, committer_);
}

StatusOr<VerifyReport> CollectionImpl::Verify(const VerifyOptions& options) const {
  const Pass pass(core_->gate);
  if (!pass) return core_->ClosedStatus();
  return VerifyCollection(*core_, options);
}

StatusOr<EncodedVectors> CollectionImpl::Encode(MatrixView<const float> rows) {
  const Pass pass(core_->gate);
  if (!pass) return core_->ClosedStatus();
  const SnapshotPtr snapshot = core_->snapshot.Get();
  if (!snapshot->trained()) return FailedPrecondition("collection \"" + core_->name + "\" is not trained");
  std::vector<float> prepared;
  TESSERA_RETURN_IF_ERROR(PrepareVectors(*core_, rows, "vectors", prepared));
  quant::EncodedRows encoded;
  quant::EncodeRows(*snapshot->model, *snapshot->table, {prepared.data(), rows.rows(), core_->dim},
                    *core_->options.compute, encoded);
  EncodedVectors out;
  out.generation = snapshot->generation;
  out.code_bytes = snapshot->model->code_bytes();
  for (const ListId list : encoded.lists) out.lists.push_back(list.value);
  out.codes.assign(encoded.codes.begin(), encoded.codes.end());
  return out;
}

Status CollectionImpl::Decode(const std::vector<uint32_t>& lists, std::string_view codes, float* out) {
  const Pass pass(core_->gate);
  if (!pass) return core_->ClosedStatus();
  const SnapshotPtr snapshot = core_->snapshot.Get();
  if (!snapshot->trained()) return FailedPrecondition("collection \"" + core_->name + "\" is not trained");
  const size_t code_bytes = snapshot->model->code_bytes();
  if (codes.size() != lists.size() * code_bytes) {
    return InvalidArgument("codes has " + std::to_string(codes.size()) + " bytes, " +
                           std::to_string(lists.size()) + " rows of " + std::to_string(code_bytes) +
                           " need " + std::to_string(lists.size() * code_bytes));
  }
  for (size_t i = 0; i < lists.size(); ++i) {
    if (lists[i] >= snapshot->table->nlist()) {
      return InvalidArgument("lists[" + std::to_string(i) + "] is " + std::to_string(lists[i]) +
                             ", the model has " + std::to_string(snapshot->table->nlist()) + " lists");
    }
    quant::DecodeRow(*snapshot->model, *snapshot->table, ListId{lists[i]},
                     reinterpret_cast<const uint8_t*>(codes.data()) + i * code_bytes, out + i * core_->dim);
  }
  return OkStatus();
}

StatusOr<DriftReport> CollectionImpl::Drift() {
  const Pass pass(core_->gate);
  if (!pass) return core_->ClosedStatus();
  return MeasureDrift(*core_, *core_->snapshot.Get());
}

CollectionStats CollectionImpl::Stats() const {
  const Pass pass(core_->gate);
  return pass ? ReadStatistics(*core_) : CollectionStats();
}

}  // namespace tessera::engine
