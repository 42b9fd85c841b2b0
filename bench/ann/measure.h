// Answers, recall and times of one configuration of the search.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bench/ann/options.h"
#include "bench/ann/queries.h"
#include "bench/ann/subject.h"
#include "bench/report/recall.h"
#include "index/status.h"

namespace tessera::bench {

struct Setting {
  bool batched = false;
  size_t batch = 1;  // queries a call; 1 unless batched
  size_t threads = 1;
  uint32_t nprobe = 8;
  RerankChoice rerank;
  uint32_t k = 10;

  QueryParams Params() const;
};

// One round of one setting.
struct Timing {
  double qps_wall = 0;
  double qps_cpu = 0;
  double p50_us = 0;  // of single queries, also p99_us
  double p99_us = 0;
};

// Sums of QueryExplain over queries.
struct StageTimes {
  size_t queries = 0;
  double rows_scanned = 0;
  double coarse_us = 0;
  double tables_us = 0;
  double scan_us = 0;
  double rerank_us = 0;
  double fetch_us = 0;
};

// Every query asked once, in the calls that the setting makes, on all cores.
StatusOr<Recall> MeasureRecall(Subject& subject, const QuerySet& queries, const Setting& setting);

// Asks from query `*next` on, around the end, for `seconds` and at least one call a thread; `*next`
// moves on, so that rounds see different queries. A short warm-up goes before, since another
// setting may have run last. Precondition: subject.UseThreads fits the setting (see Sweep).
StatusOr<Timing> MeasureTime(Subject& subject, const QuerySet& queries, const Setting& setting,
                             double seconds, size_t* next);

// Every query once, one a call, on the calling thread.
StatusOr<StageTimes> MeasureStages(Subject& subject, const QuerySet& queries,
                                   const Setting& setting);

}  // namespace tessera::bench
