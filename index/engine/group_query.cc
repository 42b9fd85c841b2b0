#include "index/engine/group_query.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "index/engine/query.h"
#include "index/filter/datetime.h"
#include "index/payload.h"

namespace tessera::engine {
namespace {

constexpr uint32_t kFirstHits = 4;   // asked for at first, a hit that is wanted
constexpr uint32_t kGrowth = 4;

class GroupQuery {
 public:
  GroupQuery(const Core& core, const ReadView& view, const QueryTarget& target, const GroupParams& groups,
             const QueryParams& params)
      : core_(core), view_(view), target_(target), groups_(groups), params_(params) {}

  StatusOr<GroupResult> Run() {
    result_.commit = view_.snapshot->commit;
    result_.generation = view_.snapshot->generation;
    TESSERA_RETURN_IF_ERROR(FindGroups());
    TESSERA_RETURN_IF_ERROR(PassOverFound());
    for (GroupHits& group : result_.groups) TESSERA_RETURN_IF_ERROR(Fill(group));
    // A group that was found late may have a better hit, which stands in one found before too.
    std::stable_sort(result_.groups.begin(), result_.groups.end(), [&](const GroupHits& a, const GroupHits& b) {
      return RanksBefore(core_.metric, a.hits[0].score, b.hits[0].score);
    });
    return std::move(result_);
  }

 private:
  bool complete() const { return result_.groups.size() >= params_.limit; }

  // Looks at ever more of the best hits, until there are groups enough.
  Status FindGroups() {
    const uint64_t wanted = uint64_t{params_.limit} * groups_.group_size;
    for (uint64_t k = std::min<uint64_t>(kMaxLimit, kFirstHits * wanted);; k = std::min<uint64_t>(kMaxLimit, k * kGrowth)) {
      result_.groups.clear();
      TESSERA_ASSIGN_OR_RETURN(QueryResult found, Search(static_cast<uint32_t>(k), WithValue()));
      all_seen_ = found.hits.size() < k;
      Add(found.hits);
      if (complete() || all_seen_ || k == kMaxLimit) break;
    }
    return OkStatus();
  }

  // Where a few groups have all of the best hits: leaves those out.
  Status PassOverFound() {
    bool exhausted = all_seen_;
    while (!complete() && !exhausted) {
      const uint32_t k = std::min<uint32_t>(kMaxLimit, kFirstHits * params_.limit * groups_.group_size);
      TESSERA_ASSIGN_OR_RETURN(QueryResult found, Search(k, WithOtherValue()));
      exhausted = found.hits.size() < k;
      const size_t before = result_.groups.size();
      Add(found.hits);
      if (result_.groups.size() == before) break;
    }
    result_.exhausted = exhausted && !cut_;
    return OkStatus();
  }

  // Hits that stand behind others of a large group were not among those looked at.
  Status Fill(GroupHits& group) {
    if (group.hits.size() < groups_.group_size && !all_seen_) {
      Condition is;
      is.kind = Condition::Kind::kAnyOf;
      is.field = groups_.field;
      is.values = {group.value};
      TESSERA_ASSIGN_OR_RETURN(QueryResult found, Search(groups_.group_size, With(std::move(is))));
      if (!found.hits.empty()) group.hits = std::move(found.hits);
    }
    if (!params_.with_payload) {
      for (Hit& hit : group.hits) hit.payload.clear();
      if (!params_.with_vector) {
        for (Hit& hit : group.hits) hit.version = 0;
      }
    }
    return OkStatus();
  }

  StatusOr<QueryResult> Search(uint32_t k, Filter filter) const {
    QueryParams params = params_;
    params.limit = k;
    params.filter = std::move(filter);
    params.with_payload = true;
    params.explain = false;
    return RunTarget(core_, view_, target_, params);
  }

  Filter With(Condition condition) const {
    Filter filter;
    if (params_.filter) filter.must.push_back(*params_.filter);
    filter.must.emplace_back().condition = std::move(condition);
    return filter;
  }

  Filter WithValue() const {
    Condition has;
    has.kind = Condition::Kind::kExists;
    has.field = groups_.field;
    return With(std::move(has));
  }

  Filter WithOtherValue() const {
    Condition has;
    has.kind = Condition::Kind::kNoneOf;
    has.field = groups_.field;
    for (const GroupHits& group : result_.groups) has.values.push_back(group.value);
    return With(std::move(has));
  }

  void Add(std::vector<Hit>& hits) {
    for (Hit& hit : hits) {
      const auto values = PayloadValues(hit.payload, groups_.field, core_.payload_schema);
      if (!values.ok()) continue;
      std::vector<PayloadValue> distinct;
      for (const PayloadValue& value : *values) {
        const PayloadValue key = KeyOf(value);
        if (!IsKey(key) || std::find(distinct.begin(), distinct.end(), key) != distinct.end()) continue;
        distinct.push_back(key);
        AddTo(key, hit);
      }
    }
  }

  void AddTo(const PayloadValue& key, const Hit& hit) {
    auto group = std::find_if(result_.groups.begin(), result_.groups.end(),
                              [&](const GroupHits& g) { return g.value == key; });
    if (group == result_.groups.end()) {
      if (complete()) {
        cut_ = true;
        return;
      }
      result_.groups.push_back({key, {}});
      group = std::prev(result_.groups.end());
    }
    if (group->hits.size() < groups_.group_size) group->hits.push_back(hit);
  }

  // What conditions take for the same is the same here: numbers by what they stand for, moments however written.
  PayloadValue KeyOf(const PayloadValue& value) const {
    if (value.kind == PayloadValue::Kind::kFloat && std::trunc(value.number) == value.number &&
        std::abs(value.number) < 9.007199254740992e15) {
      return PayloadValue::Integer(static_cast<int64_t>(value.number));
    }
    const PayloadField* field = core_.payload_schema.Find(groups_.field);
    if (!field || field->type != FieldType::kDatetime) return value;
    const std::optional<int64_t> at = filter::ParseDatetime(value.text);
    return at ? PayloadValue::Keyword(filter::FormatDatetime(*at)) : value;
  }

  // A long text of a field that is not declared is no keyword, and no group.
  bool IsKey(const PayloadValue& value) const {
    return value.kind != PayloadValue::Kind::kKeyword || value.text.size() <= kMaxKeywordBytes ||
           core_.payload_schema.Find(groups_.field);
  }

  const Core& core_;
  const ReadView& view_;
  const QueryTarget& target_;
  const GroupParams& groups_;
  const QueryParams& params_;
  GroupResult result_;
  bool all_seen_ = false;  // the best hits that were looked at are all there are
  bool cut_ = false;       // there was a group too many
};

}  // namespace

StatusOr<GroupResult> RunGroups(const Core& core, const ReadView& view, const QueryTarget& target,
                                const GroupParams& groups, const QueryParams& params) {
  if (groups.field.empty()) return InvalidArgument("field is missing");
  if (params.offset > 0) return InvalidArgument("offset does not go with groups");
  if (params.limit == 0) return InvalidArgument("limit must be at least 1");
  if (groups.group_size == 0) return InvalidArgument("group_size must be at least 1");
  const uint64_t wanted = uint64_t{params.limit} * groups.group_size;
  if (wanted > kMaxLimit) {
    return InvalidArgument("limit * group_size is " + std::to_string(wanted) + ", the most is " +
                           std::to_string(kMaxLimit));
  }
  return GroupQuery(core, view, target, groups, params).Run();
}

}  // namespace tessera::engine
