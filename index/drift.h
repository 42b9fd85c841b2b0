// Drift: do the rows of today still fit the codebook that was trained on those of yesterday?
#pragma once

#include <cstdint>
#include <string>

namespace tessera {

// What a collection does by itself about drift.
// kDefault: retrain where the collection trains by itself, else none.
enum class DriftAction : uint8_t { kNone = 0, kRetrain = 1, kDefault = 2 };

enum class DriftAdvice : uint8_t { kNone = 0, kSplitLists = 1, kRetrain = 2 };
const char* DriftAdviceName(DriftAdvice advice);  // "none", "split lists", "retrain"

// Retraining is advised where the error of today's rows is above so many times that of the training's...
inline constexpr double kDriftErrorRatio = 1.15;
// ... and other lists where searches read so many times the rows that they would of equal lists.
inline constexpr double kDriftImbalance = 3;

// Errors are mean squared distances of rows (of unit length under cosine) to what their codes decode to; value +-
// margin is the 95 % confidence interval.
struct DriftReport {
  // Of rows that the training left out; of 0 rows if there were too few, and then nothing is advised for errors.
  double training_error = 0;
  double training_margin = 0;
  uint64_t training_measured = 0;
  // Of rows written since the codebook is in force: how many there were, and of how many the error is.
  uint64_t written_rows = 0;
  double written_error = 0;
  double written_margin = 0;
  uint64_t written_measured = 0;
  // Of a sample of all live rows; of 0 rows where none was asked for (CollectionStats).
  double live_error = 0;
  double live_margin = 0;
  uint64_t live_measured = 0;
  double list_imbalance = 0;  // as in CollectionStats
  DriftAdvice advice = DriftAdvice::kNone;
  std::string reason;  // in words, with the numbers and thresholds
};

}  // namespace tessera
