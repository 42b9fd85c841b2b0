// The integers of scalar quantization. Layer 0.
#pragma once

#include <cstdint>
#include <string>

#include "index/status.h"
#include "index/types.h"

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

// InvalidArgument unless scale is finite and above 0 and zero_point is one of the type's integers.
Status CheckParams(const ScalarParams& params, ScalarType type);

}  // namespace tessera
