#include "index/engine/tuner.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "index/base/failpoint.h"
#include "index/engine/cost_meter.h"
#include "index/engine/metadata.h"
#include "index/engine/target.h"
#include "index/engine/recall_meter.h"
#include "index/engine/sample.h"
#include "index/engine/spared_rows.h"

namespace tessera::engine {
namespace {

// Fewer live queries say less than rows do.
constexpr size_t kLeastSample = 200;
constexpr size_t kMostGiven = 20000;

// Shares of the whole, for progress.
constexpr double kTruthShare = 0.4;
constexpr double kRecallShare = 0.4;

uint64_t UnixMillis() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                   std::chrono::system_clock::now().time_since_epoch())
                                   .count());
}

class Tuner {
 public:
  Tuner(const std::shared_ptr<Core>& core, Committer& committer, const TuneOptions& options)
      : core_(*core),
        committer_(committer),
        options_(options),
        snapshot_(core->snapshot.Get()) {}

  Status Run() {
    core_.tuned_rows = snapshot_->lists.live_rows();
    core_.tuned_next_row = snapshot_->next_row;
    core_.tuned_nlist = snapshot_->lists.nlist();
    if (!snapshot_->trained()) {
      return FailedPrecondition("collection \"" + core_.name +
                                "\" is not trained: its answers are exact");
    }
    if (snapshot_->lists.live_rows() < 2) {
      return FailedPrecondition("collection \"" + core_.name +
                                "\" has too few rows to measure recall");
    }
    TESSERA_RETURN_IF_ERROR(Report(0, "queries"));
    TESSERA_RETURN_IF_ERROR(ChooseQueries());
    TESSERA_RETURN_IF_ERROR(Measure());
    TESSERA_RETURN_IF_ERROR(Report(1, "publish"));
    return Publish();
  }

 private:
  Status Report(double fraction, const char* stage) {
    if (options_.context.progress) options_.context.progress(fraction, stage);
    if (core_.closing.load()) return Cancelled("the collection is being closed");
    return options_.context.stop.Check();
  }

  Status ChooseQueries() {
    queries_.dim = core_.dim;
    if (options_.queries.rows() > 0) {
      if (options_.queries.rows() > kMostGiven) {
        return InvalidArgument("queries has " + std::to_string(options_.queries.rows()) +
                               " rows, the most is " + std::to_string(kMostGiven));
      }
      grid_.source = CalibrationSource::kGiven;
      return PrepareVectors(core_, options_.queries, "queries", queries_.vectors);
    }
    queries_.vectors = core_.query_sample.Take(options_.max_queries);
    if (queries_.size() >= kLeastSample) {
      grid_.source = CalibrationSource::kSample;
      return OkStatus();
    }
    queries_.vectors.clear();
    grid_.source = CalibrationSource::kRows;
    return ReadRows();
  }

  Status ReadRows() {
    queries_.self = CalibrationRows(
        *snapshot_, std::clamp<size_t>(options_.max_queries, 1, kMostGiven), options_.context.seed);
    TESSERA_ASSIGN_OR_RETURN(const auto vectors,
                             core_.store->GetVectors(queries_.self, snapshot_->store.get()));
    queries_.vectors.resize(queries_.self.size() * core_.dim);
    for (size_t i = 0; i < vectors.size(); ++i) {
      const RowId row = queries_.self[i];
      if (!vectors[i])
        return DataLoss("vector of row " + std::to_string(row.value) + " is missing");
      TESSERA_RETURN_IF_ERROR(StoredFloats(core_, row, vectors[i]->view(),
                                           queries_.vectors.data() + i * core_.dim));
    }
    return OkStatus();
  }

  Status Measure() {
    InlineExecutor inline_executor;
    Executor& given = options_.context.executor ? *options_.context.executor : inline_executor;
    PacedExecutor executor(given, *core_.options.pace, core_.closing, options_.context.stop);
    const Snapshot& snapshot = *snapshot_;
    const StopToken& stop = options_.context.stop;
    grid_.generation = snapshot.generation;
    grid_.rows = snapshot.lists.live_rows();
    grid_.next_row = snapshot.next_row;
    grid_.nlist = snapshot.lists.nlist();
    grid_.queries = static_cast<uint32_t>(queries_.size());
    grid_.refine = snapshot.model->refine_bytes() > 0;
    grid_.depths = DepthGrid(grid_.rows);
    TESSERA_RETURN_IF_ERROR(Report(0, "exact search"));
    TESSERA_ASSIGN_OR_RETURN(const Truth truth,
                             FindTruth(snapshot, *core_.store, queries_, executor, stop));
    TESSERA_RETURN_IF_ERROR(Report(kTruthShare, "recall"));
    TESSERA_ASSIGN_OR_RETURN(const uint32_t most,
                             MostProbes(snapshot, queries_, truth, executor, stop));
    grid_.nprobe = ProbeGrid(most);
    TESSERA_RETURN_IF_ERROR(MeasureGrid(snapshot, *core_.store, queries_, truth, executor, stop, grid_));
    TESSERA_RETURN_IF_ERROR(Report(kTruthShare + kRecallShare, "cost"));
    TESSERA_RETURN_IF_ERROR(MeasureCost(snapshot, *core_.store, queries_, stop, grid_));
    grid_.unix_ms = UnixMillis();
    return OkStatus();
  }

  Status Publish() {
    TESSERA_RETURN_IF_ERROR(Failpoint("tune.publish"));
    const auto curve = std::make_shared<const RecallCurve>(grid_);
    Status status;
    committer_.RunExclusive([&] {
      if (core_.read_only) {
        status = core_.ReadOnlyStatus();
        return;
      }
      if (core_.snapshot.Get()->generation != grid_.generation) {
        status = Aborted("another model came into force while recall was measured");
        return;
      }
      const std::unique_ptr<store::Batch> batch = core_.store->NewBatch();
      batch->PutRecord(CurveRecord(grid_.generation), EncodeGrid(grid_));
      status = core_.store->Write(*batch, store::Durability::kLogged);
      if (status.ok()) {
        core_.curve.Set(curve);
      } else {
        core_.SetReadOnly(status);
      }
    });
    return status;
  }

  Core& core_;
  Committer& committer_;
  const TuneOptions& options_;
  const SnapshotPtr snapshot_;
  CalibrationQueries queries_;
  RecallGrid grid_;
};

}  // namespace

Status TuneCollection(const std::shared_ptr<Core>& core, Committer& committer,
                      const TuneOptions& options) {
  return Tuner(core, committer, options).Run();
}

bool NeedsTuning(const Core& core, const Snapshot& snapshot) {
  if (!snapshot.trained() || snapshot.lists.live_rows() < 2) return false;
  const uint64_t tuned = core.tuned_rows;
  if (tuned == 0) return true;
  const uint64_t nlist = snapshot.lists.nlist();
  if (4 * nlist >= 5 * core.tuned_nlist || 5 * nlist <= 4 * core.tuned_nlist) return true;
  const uint64_t rows = snapshot.lists.live_rows();
  const uint64_t written =
      snapshot.next_row - std::min<uint64_t>(core.tuned_next_row, snapshot.next_row);
  const uint64_t replaced = written - std::min(written, rows - std::min(rows, tuned));
  return 2 * rows >= 3 * tuned || 4 * rows <= 3 * tuned || 4 * replaced >= tuned;
}

Status LoadCurve(Core& core, const Snapshot& snapshot) {
  core.curve.Set(nullptr);
  if (!snapshot.trained()) return OkStatus();
  const std::string name = CurveRecord(snapshot.generation);
  TESSERA_ASSIGN_OR_RETURN(const auto bytes, core.store->GetRecord(name));
  if (!bytes) return OkStatus();
  StatusOr<RecallGrid> grid = DecodeGrid(*bytes);
  if (!grid.ok()) return Annotate(grid.status(), "record \"" + name + "\": ");
  if (grid->generation != snapshot.generation) {
    return DataLoss("record \"" + name + "\" is of another generation");
  }
  core.tuned_rows = grid->rows;
  core.tuned_next_row = grid->next_row;
  core.tuned_nlist = grid->nlist;
  core.curve.Set(std::make_shared<const RecallCurve>(*std::move(grid)));
  return OkStatus();
}

}  // namespace tessera::engine
