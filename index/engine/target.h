// What a query looks for: examples made one vector.
#pragma once

#include <string>
#include <vector>

#include "index/engine/core.h"
#include "index/points.h"
#include "index/status.h"
#include "index/types.h"

namespace tessera::engine {

// Checks rows (dimension, finite, norm) and copies them densely, normalised under cosine. `name` is what
// messages call them, e.g. "queries".
Status PrepareVectors(const Core& core, MatrixView<const float> rows, const std::string& name,
                      std::vector<float>& out);

struct QueryTarget {
  std::vector<float> vector;    // dim, prepared
  std::vector<RowId> left_out;  // the stored examples, ascending
};

// Errors as Collection::QueryByExamples.
StatusOr<QueryTarget> FindTarget(const Core& core, const ReadView& view, const Examples& examples);

}  // namespace tessera::engine
