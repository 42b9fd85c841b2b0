#include "index/engine/list_points.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "index/base/bytes.h"
#include "index/engine/core.h"
#include "index/engine/filter_masks.h"
#include "index/engine/list_cursor.h"
#include "index/engine/payload_upkeep.h"
#include "index/engine/query.h"

namespace tessera::engine {
namespace {

constexpr size_t kReadRows = 256;  // at a time

StatusOr<ListedStatePtr> MakeState(const Core& core, const Snapshot& snapshot, const ListParams& params,
                                   const std::string& filter) {
  auto state = std::make_shared<ListedState>();
  state->commit = snapshot.commit;
  state->filter = filter;
  state->store = snapshot.store;
  state->rows = LiveRows(snapshot.lists);
  if (params.filter) {
    TESSERA_ASSIGN_OR_RETURN(const FilteredRowsPtr passing,
                             core.filter_masks.Get(snapshot, *core.store, *params.filter));
    state->rows = state->rows.And(passing->rows);
  }
  return ListedStatePtr(std::move(state));
}

StatusOr<ListedStatePtr> FindState(Core& core, const ReadView& view, const ListParams& params,
                                   const std::optional<ListCursor>& cursor, const std::string& filter) {
  const Snapshot& snapshot = *view.snapshot;
  const uint64_t commit = cursor ? cursor->commit : snapshot.commit;
  ListedStatePtr state = core.listed.Find(commit, filter, view.now_ms);
  if (state) return state;
  if (commit != snapshot.commit) {
    return Aborted("the state that was listed, that of commit " + std::to_string(commit) +
                   ", is no longer kept: list from the beginning");
  }
  TESSERA_ASSIGN_OR_RETURN(state, MakeState(core, snapshot, params, filter));
  core.listed.Keep(state, view.now_ms);
  return state;
}

size_t BytesOf(const StoredPoint& point) {
  return sizeof(StoredPoint) + point.vector.size() + point.payload.size() +
         (point.id.is_number() ? 0 : point.id.key().size());
}

}  // namespace

ListedStatePtr ListedStates::Find(uint64_t commit, const std::string& filter, int64_t now_ms) {
  std::lock_guard lock(mutex_);
  for (auto it = entries_.begin(); it != entries_.end(); ++it) {
    if (it->state->commit != commit || it->state->filter != filter) continue;
    it->used_ms = now_ms;
    entries_.splice(entries_.begin(), entries_, it);
    return entries_.front().state;
  }
  return nullptr;
}

void ListedStates::Keep(ListedStatePtr state, int64_t now_ms) {
  std::list<Entry> dropped;  // freed outside the lock
  std::lock_guard lock(mutex_);
  entries_.push_front({std::move(state), now_ms});
  if (entries_.size() > kMost) dropped.splice(dropped.begin(), entries_, std::prev(entries_.end()));
}

void ListedStates::Drop(int64_t oldest_ms) {
  std::list<Entry> dropped;
  std::lock_guard lock(mutex_);
  while (!entries_.empty() && entries_.back().used_ms < oldest_ms) {
    dropped.splice(dropped.begin(), entries_, std::prev(entries_.end()));
  }
}

void ListedStates::Clear() { Drop(INT64_MAX); }

StatusOr<ListResult> ListPoints(Core& core, const ReadView& view, const ListParams& params) {
  if (params.limit == 0 || params.limit > kMaxLimit) {
    return InvalidArgument("limit is " + std::to_string(params.limit) + ", expected 1 to " +
                           std::to_string(kMaxLimit));
  }
  std::string filter;
  if (params.filter) {
    TESSERA_RETURN_IF_ERROR(CheckFilter(*params.filter, core.payload_schema));
    filter = ToString(NormalizeFilter(*params.filter));
  }
  std::optional<ListCursor> cursor;
  if (!params.after.empty()) {
    TESSERA_ASSIGN_OR_RETURN(cursor, DecodeCursor(params.after));
    if (cursor->filter != Crc32c(filter)) {
      return InvalidArgument("page_token is of a list with another filter");
    }
  }
  core.listed.Drop(view.now_ms - core.options.list_retention_ms);
  TESSERA_ASSIGN_OR_RETURN(const ListedStatePtr state, FindState(core, view, params, cursor, filter));

  ListResult result;
  result.commit = state->commit;
  RowId next = cursor ? cursor->first : RowId{0};
  size_t bytes = 0;
  while (result.points.size() < params.limit && bytes < params.max_bytes) {
    TESSERA_RETURN_IF_ERROR(params.stop.Check());
    // One more tells whether there is another page.
    const size_t most = std::min<size_t>(kReadRows, params.limit - result.points.size());
    std::vector<RowId> rows = state->rows.Rows(next, most + 1);
    const bool more = rows.size() > most;
    if (more) {
      next = rows.back();
      rows.pop_back();
    }
    TESSERA_ASSIGN_OR_RETURN(auto points, FetchPoints(core, state->store.get(), rows, params.with_vector,
                                                      params.with_payload, view.now_ms));
    for (StoredPoint& point : points) {
      bytes += BytesOf(point);
      result.points.push_back(std::move(point));
    }
    if (!more) return result;
  }
  result.next = EncodeCursor({state->commit, next, Crc32c(filter)});
  return result;
}

}  // namespace tessera::engine
