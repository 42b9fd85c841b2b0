// Lists follow the rows: which are split, which merged, and when. The change itself: list_change.h.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <vector>

#include "index/collection.h"
#include "index/deadline.h"
#include "index/engine/committer.h"
#include "index/engine/core.h"
#include "index/engine/snapshot.h"
#include "index/status.h"
#include "index/types.h"

namespace tessera::engine {

struct ListWishes {
  std::vector<ListId> split;  // largest first
  std::vector<ListId> merge;  // smallest first
  double mean_rows = 0;       // of the lists that there should be
  bool too_few = false;       // fewer than there should be
};

// What makes lists of `snapshot` (trained), whose quantizer was asked for as `asked`, those that a training now would
// make: lists more than three times as long as the mean of those are split, lists less than an eighth as long merged;
// and where there are an eighth fewer (`growing`: any fewer), the longer ones are split too. `unsplit`: lists that
// cannot be split.
ListWishes PlanLists(const Snapshot& snapshot, const QuantizerSpec& asked, bool growing,
                     const std::set<ListId>& unsplit);

// Changes lists, some thousand rows a commit, until nothing is wished, `stop` says so, the collection is closed or a
// training waits. Precondition: the caller has set core.rebalancing and holds a pass. Adds to core's counters.
StatusOr<RebalanceResult> RebalanceLists(Core& core, Committer& committer, const StopToken& stop);

// Enough was written since lists were looked at last, or they are being changed.
bool ListsLag(const Core& core, const Snapshot& snapshot);

// Does so on the background executor, if there is one, enough was written since lists were looked at last, and it is
// not running. Cheap if not.
void PostRebalance(const std::shared_ptr<Core>& core, const std::shared_ptr<Committer>& committer);

}  // namespace tessera::engine
