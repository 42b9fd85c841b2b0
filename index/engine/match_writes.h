// Deletion and change of all points that pass a filter.
#pragma once

#include <functional>
#include <vector>

#include "index/collection.h"
#include "index/engine/core.h"
#include "index/status.h"

namespace tessera::engine {

using DeleteSome =
    std::function<StatusOr<DeleteResult>(const std::vector<PointId>& ids, const DeleteOptions& options)>;
using PatchSome =
    std::function<StatusOr<PatchResult>(const std::vector<PatchInput>& patches, const PatchOptions& options)>;

// Deletes, by `remove`, the points that pass on the view and are since unchanged; with validate_only counts them.
// InvalidArgument of the filter, or of options that do not go with one.
StatusOr<DeleteResult> DeleteMatches(const Core& core, const ReadView& view, const Filter& filter,
                                     const DeleteOptions& options, const DeleteSome& remove);

// Patches them, by `change`. A patch that does not fit one of them is refused for that one: of these the first are told,
// counted from the start of all that pass.
inline constexpr size_t kMostRefused = 1000;
StatusOr<PatchResult> PatchMatches(const Core& core, const ReadView& view, const Filter& filter,
                                   const PatchInput& patch, const PatchOptions& options, const PatchSome& change);

}  // namespace tessera::engine
