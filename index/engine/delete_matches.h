// Deletion of all points that pass a filter.
#pragma once

#include <functional>
#include <vector>

#include "index/collection.h"
#include "index/engine/core.h"
#include "index/engine/snapshot.h"
#include "index/status.h"

namespace tessera::engine {

using DeleteSome =
    std::function<StatusOr<DeleteResult>(const std::vector<PointId>& ids, const DeleteOptions& options)>;

// Deletes, by `remove`, the points that pass on `snapshot` and are since unchanged; with validate_only counts them.
// InvalidArgument of the filter, or of options that do not go with one.
StatusOr<DeleteResult> DeleteMatches(const Core& core, const SnapshotPtr& snapshot, const Filter& filter,
                                     const DeleteOptions& options, const DeleteSome& remove);

}  // namespace tessera::engine
