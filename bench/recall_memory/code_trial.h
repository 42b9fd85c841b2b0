// One quantizer after another on the same collection: trained, searched, compared.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench/ann/queries.h"
#include "bench/ann/subject.h"
#include "bench/recall_memory/options.h"
#include "bench/report/row.h"
#include "index/status.h"

namespace tessera::bench {

// What is the same for all specs of a data set.
struct LadderData {
  QuerySet pick;      // for choosing among specs
  QuerySet reported;  // not looked at for anything else
  QuerySet sample;    // base vectors at equal steps, of unit length under cosine; no truth
};

// Reads the files that the options name; `base_rows` of the base are in the collection.
StatusOr<LadderData> ReadLadderData(const LadderOptions& options, uint64_t base_rows);

// Trains `spec` and measures it with all lists probed, so that the codes alone decide: by codes
// alone, after rerank by refine codes where the spec has them, and by raw vectors. With
// options.speed also times, and rows of searches that probe fewer lists. A spec that cannot be
// trained gives one row whose note says why.
StatusOr<std::vector<Row>> MeasureSpec(const LadderOptions& options, const std::string& spec,
                                       const LadderData& data, Subject& subject,
                                       const Subject::Log& log);

}  // namespace tessera::bench
