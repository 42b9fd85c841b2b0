#include "index/filter/plan.h"

#include <utility>

#include "index/filter/text_position.h"

namespace tessera::filter {
namespace {

using Kind = Condition::Kind;

struct Counts {
  size_t conditions = 0;
  size_t values = 0;
};

Status Count(const Filter& filter, size_t depth, Counts& counts) {
  if (depth > kMaxFilterDepth) {
    return InvalidArgument("filter: nested deeper than " + std::to_string(kMaxFilterDepth));
  }
  counts.values += filter.condition.values.size() + filter.condition.ids.size();
  if (counts.values > kMaxFilterValues) {
    return InvalidArgument("filter: more than " + std::to_string(kMaxFilterValues) +
                           " values and ids");
  }
  // Groups count too, so that a tree of empty groups is bounded as well.
  if (++counts.conditions > 2 * kMaxFilterConditions) {
    return InvalidArgument("filter: more than " + std::to_string(2 * kMaxFilterConditions) +
                           " conditions and groups");
  }
  for (const std::vector<Filter>* group : {&filter.must, &filter.should, &filter.must_not}) {
    for (const Filter& member : *group) TESSERA_RETURN_IF_ERROR(Count(member, depth + 1, counts));
  }
  return OkStatus();
}

size_t CountConditions(const Filter& filter) {
  size_t count = filter.is_group() ? 0 : 1;
  for (const std::vector<Filter>* group : {&filter.must, &filter.should, &filter.must_not}) {
    for (const Filter& member : *group) count += CountConditions(member);
  }
  return count;
}

class Planner {
 public:
  Planner(const PayloadSchema& schema, std::string_view text) : schema_(schema), text_(text) {}

  // `place` is where the filter stands, for messages.
  Status Make(const Filter& filter, const std::string& place, Plan& plan) {
    plan.filter = &filter;
    if (filter.is_group()) return MakeGroup(filter, place, plan);
    const Condition& condition = filter.condition;
    if (!filter.must.empty() || !filter.should.empty() || !filter.must_not.empty()) {
      return InvalidArgument(place + ": is both a condition and a group");
    }
    if (condition.kind > Kind::kHasId)
      return InvalidArgument(place + ": unknown kind of condition");
    if (condition.kind == Kind::kHasId) {
      plan.op = Plan::Op::kIds;
      plan.ids = &condition.ids;
      plan.has_ids = true;
      return OkStatus();
    }
    plan.op = Plan::Op::kTest;
    StatusOr<ResolvedCondition> test = ResolveCondition(condition, schema_);
    if (!test.ok()) return Placed(test.status(), condition, place);
    plan.test = std::move(*test);
    return OkStatus();
  }

 private:
  Status Placed(const Status& status, const Condition& condition, const std::string& place) const {
    if (condition.column == 0) return Annotate(status, place + ": ");
    std::string message =
        "filter: column " + std::to_string(condition.column) + ": " + MessageOf(status);
    if (!text_.empty()) message += CaretLine(text_, OffsetOfColumn(text_, condition.column));
    return InvalidArgument(message);
  }

  Status MakeMembers(const std::vector<Filter>& members, const std::string& place, Plan& plan) {
    for (size_t i = 0; i < members.size(); ++i) {
      TESSERA_RETURN_IF_ERROR(
          Make(members[i], place + "[" + std::to_string(i) + "]", plan.parts.emplace_back()));
      plan.has_ids = plan.has_ids || plan.parts.back().has_ids;
    }
    return OkStatus();
  }

  Status MakeGroup(const Filter& filter, const std::string& place, Plan& plan) {
    plan.op = Plan::Op::kAnd;
    TESSERA_RETURN_IF_ERROR(MakeMembers(filter.must, place + ".must", plan));
    if (!filter.should.empty()) {
      Plan& any = plan.parts.emplace_back();
      any.op = Plan::Op::kOr;
      TESSERA_RETURN_IF_ERROR(MakeMembers(filter.should, place + ".should", any));
    }
    if (!filter.must_not.empty()) {
      Plan& none = plan.parts.emplace_back();
      none.op = Plan::Op::kNot;
      Plan& any = none.parts.emplace_back();
      any.op = Plan::Op::kOr;
      TESSERA_RETURN_IF_ERROR(MakeMembers(filter.must_not, place + ".must_not", any));
      none.has_ids = any.has_ids;
    }
    for (const Plan& part : plan.parts) plan.has_ids = plan.has_ids || part.has_ids;
    return OkStatus();
  }

  const PayloadSchema& schema_;
  std::string_view text_;
};

}  // namespace

Status CheckLimits(const Filter& filter) {
  Counts counts;
  TESSERA_RETURN_IF_ERROR(Count(filter, 1, counts));
  const size_t conditions = CountConditions(filter);
  if (conditions <= kMaxFilterConditions) return OkStatus();
  return InvalidArgument("filter: " + std::to_string(conditions) +
                         " conditions, expected at most " + std::to_string(kMaxFilterConditions));
}

StatusOr<Plan> MakePlan(const Filter& filter, const PayloadSchema& schema, std::string_view text) {
  TESSERA_RETURN_IF_ERROR(CheckLimits(filter));
  Plan plan;
  TESSERA_RETURN_IF_ERROR(Planner(schema, text).Make(filter, "filter", plan));
  return plan;
}

}  // namespace tessera::filter

namespace tessera {

Status CheckFilter(const Filter& filter, const PayloadSchema& schema, std::string_view text) {
  return filter::MakePlan(filter, schema, text).status();
}

const Condition* PartitionCondition(const Filter& filter, const PayloadSchema& schema) {
  const PayloadField* partition = schema.partition();
  if (partition == nullptr) return nullptr;
  const auto pins = [&](const Filter& member) {
    return member.condition.kind == Condition::Kind::kAnyOf &&
           member.condition.field == partition->path;
  };
  if (pins(filter)) return &filter.condition;
  if (!filter.is_group()) return nullptr;
  for (const Filter& member : filter.must) {
    if (pins(member)) return &member.condition;
  }
  return nullptr;
}

}  // namespace tessera
