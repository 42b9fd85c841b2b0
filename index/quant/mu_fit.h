// The scalar of the correction (mu in encoder.h), from how well it lets rows of the sample find
// their neighbours.
#pragma once

#include <cstdint>

#include "index/executor.h"
#include "index/quant/model.h"
#include "index/status.h"

namespace tessera::quant {

struct MuFitInput {
  const Model& model;  // without mu and what follows from it; L2 or cosine
  const ListTable& lists;
  MatrixView<const float> sample;  // normalised under cosine
  uint64_t total_rows;             // of the collection that the sample stands for
  uint64_t seed;
  Executor& executor;
  StopToken stop;
};

// The mu of table codes, and of the tails of truncated records, under which rows of the sample, taken as queries, find most of their nearest neighbours
// among the others (themselves excluded) by codes alone. Neighbours are taken as near as queries of
// the collection will see them: of a sample that holds a share p of the rows only the 10 p nearest,
// at least one. Searches an eighth of the lists. A sample too small to tell gives the mu of
// `input.model`. Takes a copy of up to 262,144 rows and about as long as encoding them twice. The
// same at any thread count.
StatusOr<float> FitMu(const MuFitInput& input);

}  // namespace tessera::quant
