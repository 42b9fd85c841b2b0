// A new codebook from a sample of a snapshot's rows, measured on rows that were left out of it.
#pragma once

#include <cstdint>
#include <functional>

#include "index/collection.h"
#include "index/engine/code_error.h"
#include "index/engine/core.h"
#include "index/engine/snapshot.h"
#include "index/quant/model.h"
#include "index/status.h"

namespace tessera::engine {

struct FreshCodebook {
  quant::TrainedModel trained;
  QuantizerSpec asked;
  ErrorSums held_out;  // of no rows if there were too few to leave some out
};

// What is to be done with a codebook, and so what has to fit into memory.
enum class TrainedFor { kKeeping, kAllRows };

// `memory` holds what training takes, and of kAllRows what encoding all rows will, from the start: ResourceExhausted
// before anything is done. The sample is smaller where there is less room. `report` hears fractions up to 1. FailedPrecondition if the rows are too few, Cancelled.
StatusOr<FreshCodebook> TrainCodebook(const Core& core, const Snapshot& snapshot,
                                      const TrainOptions& options, TrainedFor purpose, MemoryReservation& memory,
                                      const std::function<void(double, const char*)>& report);

// The error of a codebook on rows of the snapshot that trainings leave out, or on any if there are few.
StatusOr<ErrorSums> MeasureHeldOut(const Core& core, const Snapshot& snapshot,
                                   const quant::TrainedModel& trained, const TrainingContext& context);

// The context's executor, or that of the upkeep, at the pace of background work.
PacedExecutor TrainingExecutor(const Core& core, const TrainingContext& context);

// Cancelled if the collection is being closed or the context says so.
Status CheckStop(const Core& core, const TrainingContext& context);

}  // namespace tessera::engine
