// Lists of a generation replaced by others: new centroids, rows encoded anew and moved, in one commit.
#pragma once

#include <cstdint>
#include <vector>

#include "index/deadline.h"
#include "index/engine/committer.h"
#include "index/engine/core.h"
#include "index/engine/snapshot.h"
#include "index/status.h"
#include "index/types.h"

namespace tessera::engine {

struct ListChangeRequest {
  std::vector<ListId> lists;  // that go, distinct
  uint32_t come = 0;          // lists that come for them, at most; fewer than go only if 0
  uint32_t least_rows = 1;    // of each that comes
};

struct ListChangeResult {
  bool applied = false;
  bool refused = false;     // the rows do not make more lists than there are: many of them are equal, or nearly
  uint64_t moved_rows = 0;  // encoded anew
};

// Replaces lists by others: k-means of their raw vectors gives new centroids, each of their rows goes to the nearest
// of all. With come = 0 the rows go to the lists that stay. Row ids, payloads and versions stay. Rows of neighbouring
// lists that are nearer to a new centroid move there too.
//
// Codes are of residuals to a centroid, so lists, codes and centroids change in one batch and one snapshot. All is
// encoded beside the writes; in the commit turn follow only rows that came to `lists` meanwhile, some hundred, and
// what was erased meanwhile is left out. Not applied if another model came into force, or if writes to `lists` are
// faster than it. Lists are dense: the place of a list that goes is taken by one that comes, or by the last one.
//
// Precondition: `start` is trained, the lists are of it, and not all of them if none comes. One at a time a collection.
// After "SPFresh: Incremental In-Place Update for Billion-Scale Vector Search" (Xu et al., SOSP 2023), where lists are
// halved, and "Incremental IVF Index Maintenance for Streaming Vector Search" (Mohoney et al., 2024), where
// neighbourhoods are clustered anew.
StatusOr<ListChangeResult> ChangeLists(Core& core, Committer& committer, const SnapshotPtr& start,
                                       const ListChangeRequest& request, const StopToken& stop);

}  // namespace tessera::engine
