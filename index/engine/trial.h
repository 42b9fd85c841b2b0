// One quantizer tried on rows in memory: trained, and its lists filled as a collection's would be,
// without a store.
#pragma once

#include <vector>

#include "index/engine/snapshot.h"
#include "index/evaluation.h"
#include "index/quant/model.h"
#include "index/quantizer_spec.h"
#include "index/training.h"

namespace tessera::engine {

struct Trial {
  Snapshot snapshot;          // row ids are places in the rows
  std::vector<ListId> lists;  // of each row
  double train_seconds = 0;   // wall clock
  double encode_cpu_seconds = 0;
  // Mean squared distance of some rows to what they decode to, and its share of their mean squared
  // distance to the mean.
  double squared_error = 0;
  double relative_error = 0;
};

// Trains `spec` on rows (n x dim, normalised under cosine) and fills its lists with them, n being
// all rows there are. Errors are those of quant::TrainModel, and Cancelled.
StatusOr<Trial> MakeTrial(const QuantizerSpec& spec, Metric metric, MatrixView<const float> rows,
                          Executor& executor, const TrainingContext& context);

// The same with a model at hand.
StatusOr<Trial> MakeTrial(const quant::TrainedModel& trained, MatrixView<const float> rows,
                          Executor& executor, const TrainingContext& context);

// Fills in what is known without queries: resolved spec, lists, bytes, errors, times.
void Describe(const Trial& trial, EvaluatedQuantizer& out);

}  // namespace tessera::engine
