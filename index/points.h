// What may be asked of a collection's points, and what comes back. Plain values.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "index/deadline.h"
#include "index/filter.h"
#include "index/payload.h"
#include "index/recall.h"
#include "index/status.h"
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
  // How the rows were found: "exact" (every vector), "scan" (lists probed); under a filter also "masked scan", or "visit"
  // where so few pass that all of them are looked at.
  std::string plan;
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
  bool read_disk = false;  // to rerank: raw vectors, or refine records that are left there
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
  int64_t expire_at_ms = 0;  // Unix milliseconds from which on the point is no more; 0: never
};

// What neighbours are looked for by: stored points and vectors that are good examples, and ones that are bad. The query
// is the mean of the good ones, and from that of the bad ones as far away again; under cosine each counts by its
// direction. Examples that are stored points are no answers.
struct Examples {
  std::vector<PointId> positive, negative;
  // Rows of dim components each, any number.
  std::vector<float> positive_vectors, negative_vectors;

  static Examples Of(PointId id) {
    Examples examples;
    examples.positive.push_back(std::move(id));
    return examples;
  }
  static Examples Of(std::vector<float> vector) {
    Examples examples;
    examples.positive_vectors = std::move(vector);
    return examples;
  }
};
inline constexpr size_t kMaxExamples = 256;  // of a query, all together

struct GroupParams {
  std::string field;        // of the payload: points with the same value are a group, those with none in no group
  uint32_t group_size = 3;  // hits of a group, at most
};

// Hits of one value; a point with several values is in the group of each.
struct GroupHits {
  PayloadValue value;
  std::vector<Hit> hits;  // best first
};

struct GroupResult {
  std::vector<GroupHits> groups;  // by their best hit, the best first
  bool exhausted = false;         // no more groups exist
  uint64_t commit = 0;
  Generation generation;
};

struct RangeParams {
  float radius = 0;  // the worst score: the largest distance under L2, the smallest similarity else
  std::optional<Filter> filter;
  bool with_vector = false;
  bool with_payload = false;
  StopToken stop;
};
// Some of the hits, in no order; called by one thread at a time, though not always the same. An error ends the search.
using RangeVisitor = std::function<Status(std::vector<Hit>& hits)>;
struct RangeResult {
  uint64_t hits = 0;
  uint64_t rows_compared = 0;
  uint64_t commit = 0;
};

struct ListParams {
  std::optional<Filter> filter;
  uint32_t limit = 100;  // points of a page, 1..kMaxLimit
  bool with_vector = false;
  bool with_payload = false;
  size_t max_bytes = 16u << 20;  // a page ends early when its points come to so many
  std::string after;     // ListResult::next of the page before, of the same filter; empty: the first page
  StopToken stop;
};
struct ListResult {
  std::vector<StoredPoint> points;  // in the order in which they were last written
  std::string next;                 // opaque; empty: this was the last page
  uint64_t commit = 0;              // the state that is listed
};

}  // namespace tessera
