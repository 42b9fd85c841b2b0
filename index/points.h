// What may be asked of a collection's points, and what comes back. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "index/deadline.h"
#include "index/filter.h"
#include "index/payload.h"
#include "index/recall.h"
#include "index/types.h"

namespace tessera {

struct QueryParams {
  uint32_t limit = 10;   // k, 1..kMaxLimit together with offset
  uint32_t offset = 0;   // best hits to skip
  bool exact = false;    // compare with every raw vector
  uint32_t nprobe = 0;   // lists to probe; 0 = max(8, nlist / 32); more are probed while fewer than k are found
  RerankTier rerank = RerankTier::kAuto;
  // Candidates to rerank, all of them; 0 = max(100, 10 * (limit + offset)), less those that a bound on the
  // errors of estimates rules out.
  uint32_t rerank_depth = 0;
  // Recall wanted of limit + offset hits, up to 1: nprobe, rerank and rerank_depth, which must then be left out, are
  // chosen as the cheapest that reach it on the collection's recall curve (Collection::Tune). What only exact search
  // reaches, 1 above all, is searched exactly. While there is no curve: so many lists and candidates as most data
  // need, and no estimate in the result. 0 = not asked.
  float target_recall = 0;
  // Worst score to return: the largest distance under L2, the smallest similarity else.
  std::optional<float> score_threshold;
  bool with_vector = false;
  bool with_payload = false;
  bool explain = false;
  // The only points that may be found: limit + offset of them whenever so many pass. More lists than nprobe are
  // probed, the more the fewer points pass, and no recall_estimate is given.
  std::optional<Filter> filter;
  StopToken stop;
};
inline constexpr uint32_t kMaxLimit = 16384;

struct Hit {
  PointId id;
  float score = 0;
  bool exact = false;  // computed from the raw vector
  uint64_t version = 0;  // filled with with_vector or with_payload
  std::string vector;  // as sent; filled with with_vector
  ElementType vector_type = ElementType::kF32;
  ScalarParams vector_quantization{};  // of i8 and u8
  std::string payload;  // filled with with_payload; empty if it has none
};

struct QueryExplain {
  uint32_t lists_probed = 0;
  uint64_t rows_scanned = 0;
  uint64_t rows_reranked = 0;
  uint64_t rows_passing = 0;  // the filter, of all live ones
  double coarse_us = 0;
  double tables_us = 0;
  double scan_us = 0;
  double rerank_us = 0;
  double filter_us = 0;  // finding the rows that pass, unless they were known
  double fetch_us = 0;  // ids and vectors of the final hits
  std::string isa;      // kernels in use
};

struct QueryResult {
  std::vector<Hit> hits;   // best first, ties by row number
  bool exhausted = false;  // everything was searched and no more than these exist
  uint64_t commit = 0;     // the state that was searched
  Generation generation;   // model used; 0 = none, exact
  uint32_t nprobe = 0;     // in effect
  RerankTier rerank = RerankTier::kNone;
  uint32_t rerank_depth = 0;
  bool exact = false;      // every raw vector was compared
  std::optional<RecallEstimate> recall_estimate;  // with target_recall, if it is known
  QueryExplain explain;    // filled with params.explain
};

struct StoredPoint {
  PointId id;
  uint64_t version = 0;  // the commit that last wrote it
  ElementType type = ElementType::kF32;
  std::string vector;  // the bytes that were sent
  ScalarParams quantization{};  // of i8 and u8, as sent
  std::string payload;  // minified JSON; empty if it has none
};

}  // namespace tessera
