// A number as conditions compare it: 64-bit integers of either sign and doubles in one exact order.
#pragma once

#include <compare>
#include <cstdint>

#include "index/payload.h"

namespace tessera::filter {

// The value is base + rest: the largest double not above it, and what is missing to it (integers
// above 2^53 only). So 1 and 1.0 are the same, and 2^63 is not 2^63 - 1, whatever they came as.
struct Number {
  double base = 0;  // finite, never -0.0
  uint16_t rest = 0;

  static Number FromInteger(int64_t value);
  static Number FromUnsigned(uint64_t value);
  static Number FromFloat(double value);  // precondition: finite
  // Of a number or bool. Precondition: a float is finite; not a keyword.
  static Number FromValue(const PayloadValue& value);
  // kInteger or kUnsigned if it is an integer that fits, else kFloat.
  PayloadValue ToValue() const;

  friend auto operator<=>(const Number&, const Number&) = default;
  friend bool operator==(const Number&, const Number&) = default;
};

}  // namespace tessera::filter
