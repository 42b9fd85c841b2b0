// The payload index of a collection beside its writes: built on open, merged off the write path.
#pragma once

#include <memory>

#include "index/engine/committer.h"
#include "index/engine/core.h"
#include "index/filter/payload_index.h"
#include "index/filter/row_set.h"
#include "index/lists/list.h"
#include "index/payload.h"
#include "index/status.h"
#include "index/store/store.h"

namespace tessera::engine {

// Of all payloads that the store has at `at`. DataLoss names the row of one that does not fit.
StatusOr<std::shared_ptr<const filter::PayloadIndex>> LoadPayloads(const store::Store& store,
                                                                   const store::StoreSnapshot& at,
                                                                   uint32_t next_row,
                                                                   const PayloadSchema& schema);

filter::RowSet LiveRows(const lists::ListSet& lists);
filter::RowSet LiveRows(const ReadView& view);  // without those whose time has come

// Merges segments while that is due: on the background executor, or (embedded without one) here, between two
// commits either way only the exchange. Returns at once if a merge is under way.
void MergePayloads(const std::shared_ptr<Core>& core, const std::shared_ptr<Committer>& committer);

}  // namespace tessera::engine
