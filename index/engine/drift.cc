#include "index/engine/drift.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

#include "index/engine/codebook_training.h"
#include "index/engine/sample.h"

namespace tessera {

const char* DriftAdviceName(DriftAdvice advice) {
  switch (advice) {
    case DriftAdvice::kNone:
      return "none";
    case DriftAdvice::kSplitLists:
      return "split lists";
    case DriftAdvice::kRetrain:
      return "retrain";
  }
  return "unknown";
}

}  // namespace tessera

namespace tessera::engine {
namespace {

constexpr uint64_t kLiveRows = 2000;      // measured of the live ones
constexpr uint64_t kEnoughMeasured = 30;  // for a mean that is nearly normal
// Rows written before a collection is trained again by itself: at least so many, and this part of those that it
// had. Each retraining starts the count anew, so that one that does not help is not repeated at once.
constexpr uint64_t kEnoughWritten = 1000;
constexpr uint64_t kPartWritten = 10;

// The ratio is above the threshold, and not by chance.
bool Exceeds(const ErrorSums& now, const ErrorSums& training) {
  if (now.rows < kEnoughMeasured || training.rows < kEnoughMeasured) return false;
  const double margin = std::hypot(now.margin(), kDriftErrorRatio * training.margin());
  return now.mean() - kDriftErrorRatio * training.mean() > margin;
}

std::string Times(double ratio) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.2f", ratio);
  return text;
}

std::string ErrorReason(const char* rows, const ErrorSums& now, const ErrorSums& training) {
  return std::string("the error of ") + rows + " (" + std::to_string(now.rows) + " measured) is " +
         Times(now.mean() / training.mean()) + " times that of rows left out of the training, the threshold " +
         Times(kDriftErrorRatio);
}

std::string ImbalanceReason(double imbalance) {
  return "lists are so unequal that searches read " + Times(imbalance) +
         " times the rows of equal ones, the threshold is " + Times(kDriftImbalance);
}

void Advise(const ErrorSums& training, const ErrorSums& written, const ErrorSums& live, DriftReport& report) {
  if (Exceeds(written, training) || Exceeds(live, training)) {
    report.advice = DriftAdvice::kRetrain;
    report.reason = Exceeds(written, training) ? ErrorReason("rows written since", written, training)
                                               : ErrorReason("live rows", live, training);
  } else if (report.list_imbalance > kDriftImbalance) {
    report.advice = DriftAdvice::kSplitLists;
    report.reason = ImbalanceReason(report.list_imbalance);
  } else if (training.rows < kEnoughMeasured) {
    report.reason = "there were too few rows to leave some out of the training, so errors cannot be compared";
  } else if (written.rows >= kEnoughMeasured) {
    report.reason = ErrorReason("rows written since", written, training);
  } else if (live.rows >= kEnoughMeasured) {
    report.reason = ErrorReason("live rows", live, training);
  } else {
    report.reason = "too few rows were written since the codebook is in force (" +
                    std::to_string(written.rows) + " measured) to tell";
  }
}

DriftReport Report(const Snapshot& snapshot, double list_imbalance, const ErrorSums& live) {
  DriftReport report;
  if (!snapshot.trained()) {
    report.reason = "not trained";
    return report;
  }
  const ErrorSums& training = snapshot.held_out;
  const ErrorSums& written = snapshot.written.errors;
  report.training_error = training.mean();
  report.training_margin = training.margin();
  report.training_measured = training.rows;
  report.written_rows = snapshot.written.rows;
  report.written_error = written.mean();
  report.written_margin = written.margin();
  report.written_measured = written.rows;
  report.live_error = live.mean();
  report.live_margin = live.margin();
  report.live_measured = live.rows;
  report.list_imbalance = list_imbalance;
  Advise(training, written, live, report);
  return report;
}

}  // namespace

DriftReport AssessDrift(const Snapshot& snapshot, double list_imbalance) {
  return Report(snapshot, list_imbalance, {});
}

StatusOr<DriftReport> MeasureDrift(const Core& core, const Snapshot& snapshot) {
  ErrorSums live;
  if (snapshot.trained() && snapshot.lists.live_rows() > 0) {
    const TrainingContext context;
    TESSERA_ASSIGN_OR_RETURN(const std::vector<float> rows,
                             ReadSample(core, snapshot, kLiveRows, context.seed,
                                        [&] { return CheckStop(core, context); }));
    live = MeasureRows(*snapshot.model, *snapshot.table, {rows.data(), rows.size() / core.dim, core.dim},
                       *core.options.upkeep);
  }
  return Report(snapshot, ListImbalance(snapshot), live);
}

bool WantsRetraining(const Snapshot& snapshot) {
  if (!snapshot.trained()) return false;
  const uint64_t enough = std::max(kEnoughWritten, snapshot.rows_at_training / kPartWritten);
  return snapshot.written.rows >= enough && Exceeds(snapshot.written.errors, snapshot.held_out);
}

double ListImbalance(const Snapshot& snapshot) {
  double squares = 0;
  for (uint32_t l = 0; l < snapshot.lists.nlist(); ++l) {
    const lists::List* list = snapshot.lists.list(ListId{l});
    const double n = list ? list->live_rows : 0;
    squares += n * n;
  }
  const auto rows = static_cast<double>(snapshot.lists.live_rows());
  return rows > 0 ? snapshot.lists.nlist() * squares / (rows * rows) : 0;
}

}  // namespace tessera::engine
