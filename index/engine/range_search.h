// Every point within a radius.
#pragma once

#include "index/engine/core.h"
#include "index/engine/target.h"
#include "index/points.h"
#include "index/status.h"

namespace tessera::engine {

// Reads the vectors of all rows that pass, on the compute executor, some thousands at a time; `visit` runs on the
// calling thread between them, so that a slow receiver holds up nothing but its own search. InvalidArgument of the
// radius, of the filter.
StatusOr<RangeResult> SearchRange(const Core& core, const ReadView& view, const QueryTarget& target,
                                  const RangeParams& params, const RangeVisitor& visit);

}  // namespace tessera::engine
