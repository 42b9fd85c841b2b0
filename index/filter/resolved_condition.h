// A condition on a field, resolved by the schema into what values are compared with.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "index/filter.h"
#include "index/filter/flatten.h"
#include "index/filter/number.h"

namespace tessera::filter {

struct NumberBound {
  bool present = false;
  bool inclusive = false;
  Number value;
};

// Borrows the condition's strings.
struct ResolvedCondition {
  const Condition* condition = nullptr;
  // Of any-of and none-of: what is looked for by the kind of value, ascending, each once.
  std::vector<std::string_view> keywords;
  std::array<std::vector<Number>, 4> numbers;  // by ValueKind: kNumber, kBool, kDatetime
  // Of a range: which kind of value it is about.
  ValueKind range_kind = ValueKind::kNumber;
  NumberBound lower, upper;
};

// InvalidArgument says what is wrong with the condition, without its place. Not for kNone and
// kHasId.
StatusOr<ResolvedCondition> ResolveCondition(const Condition& condition,
                                             const PayloadSchema& schema);

// Whether a value of exactly the condition's field satisfies it; of none-of: whether it equals one
// of the values. Exists and missing are not about single values.
bool Satisfies(const ResolvedCondition& test, const FieldValue& value);
bool WithinBounds(const ResolvedCondition& test, const Number& number);

}  // namespace tessera::filter
