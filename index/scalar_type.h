// The integers of scalar quantization and what one stands for.
#pragma once

#include <cstdint>
#include <string>

#include "index/status.h"

namespace tessera {

// An integer type of 8, 6 or 4 bits.
struct ScalarType {
  uint8_t bits = 8;
  bool is_signed = true;

  int32_t lowest() const { return is_signed ? -(1 << (bits - 1)) : 0; }
  int32_t highest() const { return (is_signed ? 1 << (bits - 1) : 1 << bits) - 1; }
  int32_t levels() const { return 1 << bits; }
  std::string Name() const { return (is_signed ? "i" : "u") + std::to_string(int{bits}); }
  // InvalidArgument if bits is not 8, 6 or 4.
  Status Validate() const;

  friend bool operator==(const ScalarType&, const ScalarType&) = default;
};

// An integer q stands for (q - zero_point) * scale.
struct ScalarParams {
  float scale = 1;
  int32_t zero_point = 0;

  // InvalidArgument unless scale is finite and above 0 and zero_point is one of the type's
  // integers.
  Status Validate(ScalarType type) const;
  friend bool operator==(const ScalarParams&, const ScalarParams&) = default;
};

}  // namespace tessera
