// The rows of one query become hits: threshold, rows left out, offset, limit, ids, vectors, payloads.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "index/engine/core.h"
#include "index/engine/search_plan.h"
#include "index/engine/snapshot.h"
#include "index/points.h"
#include "index/status.h"

namespace tessera::engine {

// Ids that are not in memory, and what else is asked for, of rows of a snapshot. hits: parallel to rows. DataLoss names
// the row.
Status FetchHits(const Core& core, const Snapshot& snapshot, std::span<const RankedRow> rows, bool with_vector,
                 bool with_payload, std::vector<Hit>& hits);

// Of one request; borrows all. Thread-safe once passing is set.
class HitBuilder {
 public:
  // left_out: rows that are no answers though they pass.
  HitBuilder(const Core& core, const Snapshot& snapshot, const QueryParams& params,
             const std::vector<RowId>& left_out)
      : core_(core),
        snapshot_(snapshot),
        params_(params),
        left_out_(left_out),
        passing_(snapshot.lists.live_rows()) {}

  // Rows that a filter lets through, of all live ones.
  void SetPassing(uint64_t rows) { passing_ = rows; }

  // rows: the best, those left out among them; cut to what is returned.
  Status Build(std::vector<RankedRow>& rows, bool all_searched, QueryResult& result) const;

 private:
  const Core& core_;
  const Snapshot& snapshot_;
  const QueryParams& params_;
  const std::vector<RowId>& left_out_;
  uint64_t passing_;
};

}  // namespace tessera::engine
