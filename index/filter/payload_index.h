// Which rows a filter lets through: the payloads of a collection's rows as an index in memory.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "index/filter.h"
#include "index/filter/result_cache.h"
#include "index/filter/row_set.h"
#include "index/payload.h"

namespace tessera::filter {

class Segment;
struct Plan;

struct PayloadRow {
  RowId row;
  std::string_view payload;  // as CanonicalPayload makes it; "" and {} need not be added
};

// False of a row that no snapshot from now on will see: it may be dropped.
using LivePredicate = std::function<bool(RowId)>;
// Appends the current rows of `ids`; absent ones are left out.
using IdResolver = std::function<Status(std::span<const PointId> ids, std::vector<RowId>& rows)>;

struct PayloadIndexOptions {
  size_t cache_bytes = 64 << 20;
};

// Immutable: each change makes another index, which shares all segments that did not change. All
// methods may run at once on any threads. An index and those derived from it share a cache of
// results.
//
// Rows come in ascending order. Each With() adds a segment; small segments are merged there at
// once, larger ones by Merge() and Apply(), since that takes seconds for a million rows: call Merge
// on any thread, off the write path, and Apply to the index that is current by then.
class PayloadIndex {
 public:
  static std::shared_ptr<const PayloadIndex> Make(PayloadSchema schema,
                                                  const PayloadIndexOptions& options = {});

  // With more rows: ascending, above all that are in. InvalidArgument if they are not, or names the
  // row of a payload that is none or does not fit the schema. `live` (may be empty: all are) lets
  // small merges drop dead rows.
  StatusOr<std::shared_ptr<const PayloadIndex>> With(std::span<const PayloadRow> rows,
                                                     const LivePredicate& live = {}) const;

  // A merge that is worth its work: neighbouring segments of about the same size, else one with a
  // quarter of its rows dead. Null if there is none. Reads every row of what it merges.
  struct Merged;
  std::shared_ptr<const Merged> Merge(const LivePredicate& live = {}) const;
  // True if Merge would find segments to join (dead rows are not looked for).
  bool merge_due() const;
  // This index with a merge made of an earlier one; itself if what was merged is no longer there.
  std::shared_ptr<const PayloadIndex> Apply(const std::shared_ptr<const Merged>& merged) const;

  // The rows below `universe` that the filter lets through, dead ones among them (AND them away).
  // What Matches says of each row's payload, "" for rows that were not added. InvalidArgument as
  // CheckFilter, or if the filter has ids and there is no resolver; its errors are passed on.
  StatusOr<RowSet> Evaluate(const Filter& filter, RowId universe,
                            const IdResolver& resolve = {}) const;
  // At least as many rows as Evaluate would give, without evaluating: exact for one value of one
  // field.
  StatusOr<uint64_t> Estimate(const Filter& filter, RowId universe) const;

  // How many of `rows` (null: of all, dead ones included) have each value of a field: most first,
  // then by kind and value. At most `limit`. A row with several values counts for each.
  // InvalidArgument if the field has no index.
  StatusOr<std::vector<FacetCount>> Facet(std::string_view path, const RowSet* rows,
                                          size_t limit) const;

  const PayloadSchema& schema() const;
  uint64_t rows() const;  // with payload, dead ones included
  size_t segments() const { return segments_.size(); }
  RowId end() const;     // above all rows that are in
  size_t bytes() const;  // all that is allocated for segments; the cache is not in it
  CacheStats cache_stats() const;

 private:
  struct Lineage;
  using SegmentPtr = std::shared_ptr<const Segment>;

  PayloadIndex(std::shared_ptr<Lineage> lineage, std::vector<SegmentPtr> segments);

  std::shared_ptr<const PayloadIndex> Derive(std::vector<SegmentPtr> segments) const;
  void EvaluatePlan(const Plan& plan, RowId universe, const IdResolver& resolve, Status& status,
                    RowBits& out) const;
  std::shared_ptr<const RowBits> EvaluateSegment(const Segment& segment, const Plan& plan,
                                                 const std::string& text) const;
  void EvaluateFields(const Plan& plan, RowId universe, RowBits& out) const;

  std::shared_ptr<Lineage> lineage_;
  uint64_t id_;
  std::vector<SegmentPtr> segments_;  // ascending, disjoint
};

}  // namespace tessera::filter
