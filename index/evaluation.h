// What quantizers would make of given rows: each is trained, encodes the rows and is searched with
// queries that it has not seen, and the answers are compared with the exact ones.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "index/quantizer_spec.h"
#include "index/status.h"
#include "index/training.h"
#include "index/types.h"

namespace tessera {

struct EvaluateOptions {
  // Either these, or a range of bytes a vector (code, correction and refine code), for which specs
  // are chosen: min_bytes and max_bytes, both or neither above 0.
  std::vector<QuantizerSpec> quantizers;
  double min_bytes = 0;
  double max_bytes = 0;

  uint32_t k = 10;               // neighbours a query, 1..1000
  std::vector<uint32_t> nprobe;  // lists to probe, each measured; 0 and none at all: the default of queries
  uint32_t rerank_depth = 0;     // candidates to rerank; 0 = the default of queries
  // Rows that are looked at, drawn at random: queries and base together.
  uint64_t sample_rows = 50000;
  uint64_t sample_memory_bytes = 1ull << 30;  // bounds them too: twice their floats are held
  // Rows held out of the sample as queries, at most a tenth of it; or these vectors (n x dim,
  // borrowed), for queries that come from elsewhere than the rows.
  uint32_t queries = 1000;
  MatrixView<const float> query_vectors;
  TrainingContext context;  // executor null = the caller's thread, or the collection's
};

// A share measured on queries: value +- margin is its 95 % confidence interval (normal
// approximation of the mean over queries).
struct MeasuredShare {
  double value = 0;
  double margin = 0;
};

// Searches that probe `nprobe` lists. Of the true neighbours a share is lost because their lists
// were not probed (probe_loss), another although they were (code_loss): codes.value + probe_loss +
// code_loss = 1.
struct EvaluatedSearch {
  uint32_t nprobe = 0;  // in effect
  MeasuredShare codes;  // k-recall@k in the order of the codes alone
  MeasuredShare refine;  // after reranking by refine codes; that of codes if the model has none
  MeasuredShare raw;     // after reranking by raw vectors
  double probe_loss = 0;
  double code_loss = 0;
  uint32_t rerank_depth = 0;  // in effect
  double query_cpu_us = 0;    // by codes, and refine codes if there are any
};

struct EvaluatedQuantizer {
  std::string asked;     // the spec as given
  Status error;          // not OK: it could not be trained, and nothing below is set
  QuantizerSpec spec;    // resolved
  uint32_t nlist = 0;
  // Bytes a vector: its code with the correction; its refine code; all that is resident, ids,
  // padding, headers, centroids, model and refine code included, at the number of rows measured. (A collection whose
  // refine records are left on disk takes refine_bytes fewer.)
  double code_bytes = 0;
  double refine_bytes = 0;
  double resident_bytes = 0;
  // All lists probed, so that what is missing is the codes' loss. By codes alone, and after
  // reranking by refine codes (the same where there are none).
  MeasuredShare codes;
  MeasuredShare refine;
  std::vector<EvaluatedSearch> searches;  // parallel to EvaluateOptions::nprobe
  // Mean squared distance of rows to what their codes decode to, and its share of the rows' mean
  // squared distance to their mean.
  double squared_error = 0;
  double relative_error = 0;
  double train_seconds = 0;            // wall clock, on all threads of the executor
  double encode_rows_per_second = 0;   // CPU time of one thread, as are the next
  double scan_rows_per_second = 0;
};

struct EvaluateResult {
  uint32_t k = 0;
  uint64_t rows = 0;     // base rows: trained on, encoded, searched
  uint64_t queries = 0;  // held out or given, never trained on
  uint64_t seed = 0;
  std::vector<EvaluatedQuantizer> quantizers;  // in the order asked
};

// Evaluates on `rows` (n x dim, in the caller's space; cosine: normalised inside). Trained and
// searched is what EvaluateOptions::sample_rows draws from them, the rest is not looked at. A spec
// that cannot be trained is a row with its error. InvalidArgument names a bad option or row;
// FailedPrecondition if there are fewer than 1,000 rows. Cancelled by the context's stop.
StatusOr<EvaluateResult> EvaluateRows(MatrixView<const float> rows, Metric metric,
                                      const EvaluateOptions& options);

}  // namespace tessera
