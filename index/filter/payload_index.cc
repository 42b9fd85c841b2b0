#include "index/filter/payload_index.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <string>
#include <utility>

#include "index/filter/flatten.h"
#include "index/filter/merge_policy.h"
#include "index/filter/plan.h"
#include "index/filter/row_bits.h"
#include "index/filter/segment.h"

namespace tessera::filter {
namespace {

// A build of more rows or bytes is cut into several segments, so that dictionaries stay far below 4
// GiB.
constexpr size_t kBuildRows = 1 << 16;
constexpr size_t kBuildBytes = size_t{64} << 20;
// Smaller segments are quicker to evaluate than to look up.
constexpr uint64_t kLeastCachedRows = 256;
constexpr size_t kLongestCachedText = 1 << 16;

std::vector<SegmentSize> SizesOf(std::span<const std::shared_ptr<const Segment>> segments) {
  std::vector<SegmentSize> sizes;
  sizes.reserve(segments.size());
  for (const auto& segment : segments) {
    sizes.push_back({segment->begin(), segment->end(), segment->size(), segment->bytes()});
  }
  return sizes;
}

Roaring DeadRows(std::span<const std::shared_ptr<const Segment>> segments,
                 const LivePredicate& live) {
  Roaring dead;
  if (!live) return dead;
  for (const auto& segment : segments) {
    for (const uint32_t row : segment->rows()) {
      if (!live(RowId(row))) dead.add(row);
    }
  }
  return dead;
}

// What a point without values is to the plan. Precondition: !plan.has_ids.
bool HoldsWithoutValues(const Plan& plan) {
  switch (plan.op) {
    case Plan::Op::kTest:
      return plan.test.condition->kind == Condition::Kind::kMissing;
    case Plan::Op::kAnd:
      return std::all_of(plan.parts.begin(), plan.parts.end(), HoldsWithoutValues);
    case Plan::Op::kOr:
      return std::any_of(plan.parts.begin(), plan.parts.end(), HoldsWithoutValues);
    case Plan::Op::kNot:
      return !HoldsWithoutValues(plan.parts[0]);
    case Plan::Op::kIds:
      return false;
  }
  return false;
}

std::string CacheKey(char kind, uint64_t id, uint32_t universe, const std::string& text) {
  std::string key(1 + sizeof(id) + sizeof(universe), kind);
  std::memcpy(key.data() + 1, &id, sizeof(id));
  std::memcpy(key.data() + 1 + sizeof(id), &universe, sizeof(universe));
  return key + text;
}

}  // namespace

struct PayloadIndex::Lineage {
  Lineage(PayloadSchema s, size_t cache_bytes) : schema(std::move(s)), cache(cache_bytes) {}

  uint64_t NextId() { return next_id.fetch_add(1, std::memory_order_relaxed); }

  const PayloadSchema schema;
  ResultCache cache;
  std::atomic<uint64_t> next_id{1};  // of segments and indexes alike
};

struct PayloadIndex::Merged {
  std::vector<uint64_t> parts;  // segment ids
  SegmentPtr result;            // null if no row is left
};

std::shared_ptr<const PayloadIndex> PayloadIndex::Make(PayloadSchema schema,
                                                       const PayloadIndexOptions& options) {
  auto lineage = std::make_shared<Lineage>(std::move(schema), options.cache_bytes);
  return std::shared_ptr<const PayloadIndex>(new PayloadIndex(std::move(lineage), {}));
}

PayloadIndex::PayloadIndex(std::shared_ptr<Lineage> lineage, std::vector<SegmentPtr> segments)
    : lineage_(std::move(lineage)), id_(lineage_->NextId()), segments_(std::move(segments)) {}

std::shared_ptr<const PayloadIndex> PayloadIndex::Derive(std::vector<SegmentPtr> segments) const {
  return std::shared_ptr<const PayloadIndex>(new PayloadIndex(lineage_, std::move(segments)));
}

StatusOr<std::shared_ptr<const PayloadIndex>> PayloadIndex::With(std::span<const PayloadRow> rows,
                                                                 const LivePredicate& live) const {
  std::vector<SegmentPtr> segments = segments_;
  uint64_t next = end().value;
  for (size_t i = 0; i < rows.size();) {
    SegmentBuilder builder(lineage_->schema);
    for (size_t bytes = 0; i < rows.size() && builder.rows() < kBuildRows && bytes < kBuildBytes;
         ++i) {
      const std::string name = "row " + std::to_string(rows[i].row.value) + ": ";
      if (rows[i].row.value < next || rows[i].row.value == UINT32_MAX) {
        return InvalidArgument(name + "rows of a payload index ascend, expected at least " +
                               std::to_string(next));
      }
      next = uint64_t{rows[i].row.value} + 1;
      bytes += rows[i].payload.size();
      TESSERA_RETURN_IF_ERROR(Annotate(builder.Add(rows[i].row.value, rows[i].payload), name));
    }
    if (SegmentPtr segment = builder.Finish(lineage_->NextId()))
      segments.push_back(std::move(segment));
  }
  for (;;) {
    const auto [begin, end] = InlineMerge(SizesOf(segments));
    if (begin == end) break;
    const auto parts = std::span(segments).subspan(begin, end - begin);
    SegmentPtr merged = Segment::Merge(lineage_->NextId(), parts, DeadRows(parts, live));
    segments.resize(begin);
    if (merged->size() > 0) segments.push_back(std::move(merged));
  }
  return Derive(std::move(segments));
}

bool PayloadIndex::merge_due() const {
  const auto [begin, end] = BackgroundMerge(SizesOf(segments_));
  return begin < end;
}

std::shared_ptr<const PayloadIndex::Merged> PayloadIndex::Merge(const LivePredicate& live) const {
  auto [begin, end] = BackgroundMerge(SizesOf(segments_));
  Roaring dead;
  if (begin < end) {
    dead = DeadRows(std::span(segments_).subspan(begin, end - begin), live);
  } else {
    for (begin = 0; begin < segments_.size(); ++begin) {
      dead = DeadRows(std::span(segments_).subspan(begin, 1), live);
      if (dead.cardinality() > 0 && dead.cardinality() * 4 >= segments_[begin]->size()) break;
    }
    if (begin == segments_.size()) return nullptr;
    end = begin + 1;
  }
  const auto parts = std::span(segments_).subspan(begin, end - begin);
  auto merged = std::make_shared<Merged>();
  for (const SegmentPtr& part : parts) merged->parts.push_back(part->id());
  SegmentPtr result = Segment::Merge(lineage_->NextId(), parts, dead);
  if (result->size() > 0) merged->result = std::move(result);
  return merged;
}

std::shared_ptr<const PayloadIndex> PayloadIndex::Apply(
    const std::shared_ptr<const Merged>& merged) const {
  const auto first =
      std::search(segments_.begin(), segments_.end(), merged->parts.begin(), merged->parts.end(),
                  [](const SegmentPtr& segment, uint64_t id) { return segment->id() == id; });
  std::vector<SegmentPtr> segments(segments_.begin(), first);
  if (first != segments_.end()) {
    if (merged->result != nullptr) segments.push_back(merged->result);
    segments.insert(segments.end(), first + static_cast<std::ptrdiff_t>(merged->parts.size()),
                    segments_.end());
  }
  return Derive(std::move(segments));
}

std::shared_ptr<const RowBits> PayloadIndex::EvaluateSegment(const Segment& segment,
                                                             const Plan& plan,
                                                             const std::string& text) const {
  if (text.empty() || segment.size() < kLeastCachedRows) return Sparse(segment.Evaluate(plan));
  const std::string key = CacheKey('s', segment.id(), 0, text);
  if (auto found = lineage_->cache.Find(key)) return found;
  auto bits = Sparse(segment.Evaluate(plan));
  lineage_->cache.Insert(key, bits, BytesOf(*bits));
  return bits;
}

// Precondition: !plan.has_ids.
void PayloadIndex::EvaluateFields(const Plan& plan, RowId universe, RowBits& out) const {
  std::string text = plan.filter != nullptr ? ToString(*plan.filter) : "";
  if (text.size() > kLongestCachedText) text.clear();
  const bool others = HoldsWithoutValues(plan);  // rows that no segment covers
  Roaring& rows = out.rows;
  uint32_t covered = 0;
  for (const SegmentPtr& segment : segments_) {
    if (segment->begin() >= universe.value) break;
    if (others && covered < segment->begin()) rows.addRange(covered, segment->begin());
    rows |= EvaluateSegment(*segment, plan, text)->rows;
    covered = segment->end();
  }
  if (others && covered < universe.value) rows.addRange(covered, universe.value);
  if (covered > universe.value) {
    Roaring above;
    above.addRange(universe.value, covered);
    rows -= above;
  }
}

void PayloadIndex::EvaluatePlan(const Plan& plan, RowId universe, const IdResolver& resolve,
                                Status& status, RowBits& out) const {
  if (!plan.has_ids) return EvaluateFields(plan, universe, out);
  if (plan.op == Plan::Op::kIds) {
    std::vector<RowId> found;
    if (status.ok()) status = resolve(*plan.ids, found);
    for (const RowId row : found) {
      if (row < universe) out.rows.add(row.value);
    }
    return;
  }
  const bool all = plan.op != Plan::Op::kOr;
  if (all) out.rows.addRange(0, universe.value);
  for (const Plan& part : plan.parts) {
    RowBits of_part;
    EvaluatePlan(part, universe, resolve, status, of_part);
    if (plan.op == Plan::Op::kNot) {
      out.rows -= of_part.rows;
    } else if (all) {
      out.rows &= of_part.rows;
    } else {
      out.rows |= of_part.rows;
    }
  }
}

StatusOr<RowSet> PayloadIndex::Evaluate(const Filter& filter, RowId universe,
                                        const IdResolver& resolve) const {
  TESSERA_RETURN_IF_ERROR(CheckLimits(filter));
  const std::string text = ToString(filter);
  const bool cached = text.size() <= kLongestCachedText;
  const std::string key = cached ? CacheKey('i', id_, universe.value, text) : "";
  if (cached) {
    if (auto kept = lineage_->cache.Find(key)) return RowSet(std::move(kept));
  }
  TESSERA_ASSIGN_OR_RETURN(const Plan plan, MakePlan(filter, lineage_->schema));
  if (plan.has_ids && !resolve) return InvalidArgument("filter: ids cannot be looked up here");
  Status status = OkStatus();
  RowBits found;
  EvaluatePlan(plan, universe, resolve, status, found);
  TESSERA_RETURN_IF_ERROR(status);
  auto bits = Finished(std::move(found.rows));
  if (cached && !plan.has_ids) lineage_->cache.Insert(key, bits, BytesOf(*bits));
  return RowSet(std::move(bits));
}

namespace {

// Of a plan with ids; `fields` bounds one without.
template <typename Fields>
uint64_t Bound(const Plan& plan, uint64_t universe, const Fields& fields) {
  if (!plan.has_ids) return fields(plan);
  uint64_t bound = plan.op == Plan::Op::kOr ? 0 : universe;
  if (plan.op == Plan::Op::kIds) return std::min<uint64_t>(universe, plan.ids->size());
  if (plan.op == Plan::Op::kNot) return universe;
  for (const Plan& part : plan.parts) {
    const uint64_t of_part = Bound(part, universe, fields);
    bound = plan.op == Plan::Op::kOr ? bound + of_part : std::min(bound, of_part);
  }
  return std::min(bound, universe);
}

}  // namespace

StatusOr<uint64_t> PayloadIndex::Estimate(const Filter& filter, RowId universe) const {
  TESSERA_ASSIGN_OR_RETURN(const Plan plan, MakePlan(filter, lineage_->schema));
  return Bound(plan, universe.value, [&](const Plan& part) {
    uint64_t bound = 0, covered = 0;
    for (const SegmentPtr& segment : segments_) {
      if (segment->begin() >= universe.value) break;
      bound += segment->Bound(part);
      covered += segment->end() - segment->begin();
    }
    if (HoldsWithoutValues(part))
      bound += universe.value - std::min<uint64_t>(universe.value, covered);
    return std::min<uint64_t>(bound, universe.value);
  });
}

const PayloadSchema& PayloadIndex::schema() const { return lineage_->schema; }

uint64_t PayloadIndex::rows() const {
  uint64_t rows = 0;
  for (const SegmentPtr& segment : segments_) rows += segment->size();
  return rows;
}

RowId PayloadIndex::end() const {
  return segments_.empty() ? RowId(0) : RowId(segments_.back()->end());
}

size_t PayloadIndex::bytes() const {
  size_t bytes = sizeof(PayloadIndex) + segments_.capacity() * sizeof(SegmentPtr);
  for (const SegmentPtr& segment : segments_) bytes += segment->bytes();
  return bytes;
}

CacheStats PayloadIndex::cache_stats() const { return lineage_->cache.stats(); }

}  // namespace tessera::filter
