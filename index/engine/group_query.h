// The best hits, value by value of a payload field.
#pragma once

#include "index/engine/core.h"
#include "index/engine/target.h"
#include "index/points.h"
#include "index/status.h"

namespace tessera::engine {

// Errors as Collection::QueryGroups.
StatusOr<GroupResult> RunGroups(const Core& core, const ReadView& view, const QueryTarget& target,
                                const GroupParams& groups, const QueryParams& params);

}  // namespace tessera::engine
