// Matches of index/filter.h: one payload by its text, from the definition. What PayloadIndex
// answers must be the same.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "index/filter.h"
#include "index/filter/flatten.h"
#include "index/filter/json.h"
#include "index/filter/plan.h"

namespace tessera {
namespace {

using filter::FieldValue;
using filter::Plan;
using filter::ResolvedCondition;

struct PathValue {
  std::string path;
  FieldValue value;
};

struct Point {
  std::vector<PathValue> values;
  const PointId& id;
};

bool TestHolds(const ResolvedCondition& test, const Point& point) {
  const Condition& condition = *test.condition;
  const auto exists = [&](const PathValue& at) {
    return filter::IsAtOrBelow(at.path, condition.field);
  };
  const auto satisfies = [&](const PathValue& at) {
    return at.path == condition.field && filter::Satisfies(test, at.value);
  };
  const auto has_path = [&](const PathValue& at) { return at.path == condition.field; };
  const auto any = [&](const auto& holds) {
    return std::any_of(point.values.begin(), point.values.end(), holds);
  };
  switch (condition.kind) {
    case Condition::Kind::kExists:
      return any(exists);
    case Condition::Kind::kMissing:
      return !any(exists);
    case Condition::Kind::kNoneOf:
      return any(has_path) && !any(satisfies);
    default:
      return any(satisfies);
  }
}

bool Holds(const Plan& plan, const Point& point) {
  const auto holds = [&](const Plan& part) { return Holds(part, point); };
  switch (plan.op) {
    case Plan::Op::kTest:
      return TestHolds(plan.test, point);
    case Plan::Op::kIds:
      return std::find(plan.ids->begin(), plan.ids->end(), point.id) != plan.ids->end();
    case Plan::Op::kAnd:
      return std::all_of(plan.parts.begin(), plan.parts.end(), holds);
    case Plan::Op::kOr:
      return std::any_of(plan.parts.begin(), plan.parts.end(), holds);
    case Plan::Op::kNot:
      return !Holds(plan.parts[0], point);
  }
  return false;
}

}  // namespace

StatusOr<bool> Matches(const Filter& filter, std::string_view payload, const PointId& id,
                       const PayloadSchema& schema) {
  TESSERA_ASSIGN_OR_RETURN(const Plan plan, filter::MakePlan(filter, schema));
  StatusOr<filter::JsonValue> object = filter::ParseJsonObject(payload);
  if (!object.ok()) return Annotate(object.status(), "payload: ");
  Point point{{}, id};
  TESSERA_RETURN_IF_ERROR(filter::FlattenPayload(
      *object, schema, false, [&](const std::string& path, const FieldValue& value) {
        point.values.push_back({path, value});
      }));
  return Holds(plan, point);
}

}  // namespace tessera
