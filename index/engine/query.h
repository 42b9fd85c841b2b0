// Queries from the outside in: checks, exact or trained search, ids and vectors of the final hits.
#pragma once

#include <optional>
#include <vector>

#include "index/collection.h"
#include "index/engine/core.h"
#include "index/engine/snapshot.h"
#include "index/status.h"

namespace tessera::engine {

// InvalidArgument names parameter, row and dimension. All queries run on `snapshot`. The memory of `results` is
// reused.
Status RunQueries(const Core& core, const SnapshotPtr& snapshot, MatrixView<const float> queries,
                  const QueryParams& params, std::vector<QueryResult>& results);

// NotFound if the id has no vector. The id itself is left out of the hits.
StatusOr<QueryResult> RunQueryById(const Core& core, const SnapshotPtr& snapshot, const PointId& id,
                                   const QueryParams& params);

// Parallel to ids.
StatusOr<std::vector<std::optional<StoredPoint>>> GetPoints(const Core& core, const Snapshot& snapshot,
                                                            const std::vector<PointId>& ids);

// Checks rows (dimension, finite, norm) and copies them densely, normalised under cosine. `name` is what
// messages call them, e.g. "queries".
Status PrepareVectors(const Core& core, MatrixView<const float> rows, const std::string& name,
                      std::vector<float>& out);

}  // namespace tessera::engine
