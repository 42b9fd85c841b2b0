#include "index/filter/number.h"

#include <cmath>
#include <limits>

namespace tessera::filter {
namespace {

__extension__ using Wide =
    __int128;  // holds every 64-bit integer, and every double that rounds one

Number FromWide(Wide value) {
  auto base = static_cast<double>(value);
  if (static_cast<Wide>(base) > value)
    base = std::nextafter(base, -std::numeric_limits<double>::infinity());
  return {base, static_cast<uint16_t>(value - static_cast<Wide>(base))};
}

}  // namespace

Number Number::FromInteger(int64_t value) { return FromWide(value); }
Number Number::FromUnsigned(uint64_t value) { return FromWide(value); }
Number Number::FromFloat(double value) { return {value == 0 ? 0.0 : value, 0}; }

Number Number::FromValue(const PayloadValue& value) {
  switch (value.kind) {
    case PayloadValue::Kind::kInteger:
      return FromInteger(value.integer);
    case PayloadValue::Kind::kUnsigned:
      return FromUnsigned(value.unsigned_integer);
    case PayloadValue::Kind::kFloat:
      return FromFloat(value.number);
    case PayloadValue::Kind::kBool:
      return FromInteger(value.boolean ? 1 : 0);
    case PayloadValue::Kind::kKeyword:
      break;
  }
  return {};
}

PayloadValue Number::ToValue() const {
  constexpr double kLowest = -0x1p63, kEnd = 0x1p64;  // integers of 64 bits: [kLowest, kEnd)
  if (base != std::trunc(base) || base < kLowest || base >= kEnd) return PayloadValue::Float(base);
  if (base < 0) return PayloadValue::Integer(static_cast<int64_t>(static_cast<Wide>(base) + rest));
  return PayloadValue::Unsigned(static_cast<uint64_t>(base) + rest);
}

}  // namespace tessera::filter
