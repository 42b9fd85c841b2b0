// Recall as something that is measured, asked for and watched. k-recall@k throughout: the share of
// the k true nearest neighbours that are among the k found.
#pragma once

#include <cstdint>
#include <vector>

#include "index/training.h"
#include "index/types.h"

namespace tessera {

// Which stored form decides the order of the final candidates.
enum class RerankTier : uint8_t {
  kAuto = 0,    // refine codes if the model has them, else raw vectors
  kNone = 1,    // codes alone
  kRefine = 2,  // refine codes, in memory unless left on disk; FailedPrecondition if the model has none
  kRaw = 3,     // raw vectors from RocksDB: scores are exact
};

// A mean over queries with its two-sided 95 % confidence interval: how sure the mean is, not how
// far single queries lie from it.
struct RecallEstimate {
  double value = 0;
  double low = 0;
  double high = 0;
};

// What queries a recall curve was measured on.
enum class CalibrationSource : uint8_t {
  kRows = 0,    // rows of the collection, each left out of its own answer
  kSample = 1,  // live queries that the collection kept (CollectionSpec::query_sample)
  kGiven = 2,   // TuneOptions::queries
};
const char* CalibrationSourceName(CalibrationSource source);  // "rows", "query sample", "given"

// One point of a recall curve: the cheapest parameters for that recall.
struct RecallPoint {
  uint32_t k = 0;
  uint32_t nprobe = 0;
  RerankTier rerank = RerankTier::kNone;
  uint32_t rerank_depth = 0;
  RecallEstimate recall;
  double cpu_us = 0;  // processor time of one query, modelled from measured ones
};

struct TuneOptions {
  // n x dim, or none: then the collection's query sample if it has enough of them, else rows of it.
  MatrixView<const float> queries;
  uint32_t max_queries = 1000;  // of sample or rows
  TrainingContext context;      // executor null = the calling thread
};

// A recall curve in force.
struct TuneResult {
  Generation generation;
  uint64_t rows = 0;  // of the collection when it was measured
  uint32_t queries = 0;
  CalibrationSource source = CalibrationSource::kRows;
  uint64_t unix_ms = 0;  // when
  // By k (1, 10, 100), then ascending recall.
  std::vector<RecallPoint> points;
};

// Recall of live queries, over the last ones that were run again exactly.
struct LiveRecall {
  RecallEstimate recall;
  double probe_loss =
      0;  // true neighbours in lists that were not probed, as a share of all true ones
  double code_loss = 0;        // in probed lists, lost by codes or rerank; recall + both losses = 1
  uint64_t queries = 0;        // in the window; 0 = nothing known
  uint64_t dropped = 0;        // drawn since the last reset but not run, as the background was busy
  uint64_t since_unix_ms = 0;  // of the last reset: opening, or another model; 0 = off
};

}  // namespace tessera
