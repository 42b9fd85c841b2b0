// A filter checked against its limits and a schema, and resolved for evaluation.
#pragma once

#include <string_view>
#include <vector>

#include "index/filter.h"
#include "index/filter/resolved_condition.h"

namespace tessera::filter {

// A node: a test of a field, a list of ids, or a combination. Borrows the filter.
struct Plan {
  enum class Op : uint8_t {
    kTest,
    kIds,
    kAnd,
    kOr,
    kNot
  };  // kAnd of none holds, kOr of none does not

  Op op = Op::kAnd;
  ResolvedCondition test;                     // of kTest
  const std::vector<PointId>* ids = nullptr;  // of kIds
  std::vector<Plan> parts;                    // one of kNot
  bool has_ids = false;                       // kIds here or below
  const Filter* filter = nullptr;  // what this node is the whole of; null for the parts of a group
};

// Limits only: bounded work whatever the tree.
Status CheckLimits(const Filter& filter);
// InvalidArgument as CheckFilter says.
StatusOr<Plan> MakePlan(const Filter& filter, const PayloadSchema& schema,
                        std::string_view text = {});

}  // namespace tessera::filter
