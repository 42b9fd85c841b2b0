// Queries from the outside in: checks, exact or trained search, ids and vectors of the final hits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "index/collection.h"
#include "index/engine/core.h"
#include "index/engine/snapshot.h"
#include "index/engine/target.h"
#include "index/status.h"

namespace tessera::engine {

// InvalidArgument names parameter, row and dimension. All queries run on one snapshot. The memory of `results` is
// reused.
Status RunQueries(const Core& core, const ReadView& view, MatrixView<const float> queries,
                  const QueryParams& params, std::vector<QueryResult>& results);

// The neighbours of a target (FindTarget) of the same view.
StatusOr<QueryResult> RunTarget(const Core& core, const ReadView& view, const QueryTarget& target,
                                const QueryParams& params);

// Rows that are there, as they are stored, without those that expired by `now_ms`. DataLoss names the row.
StatusOr<std::vector<StoredPoint>> FetchPoints(const Core& core, const store::StoreSnapshot* at,
                                               const std::vector<RowId>& rows, bool with_vector,
                                               bool with_payload, int64_t now_ms);

// Parallel to ids, with vectors and payloads.
StatusOr<std::vector<std::optional<StoredPoint>>> GetPoints(const Core& core, const ReadView& view,
                                                            const std::vector<PointId>& ids);

}  // namespace tessera::engine
