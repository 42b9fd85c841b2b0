// The components of a vector as they are stored and sent, and as floats. Layer 0; pure functions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "index/scalar_type.h"
#include "index/status.h"
#include "index/types.h"

namespace tessera {

// IEEE 754 half precision and bfloat16 (the upper half of a float). To floats exactly, NaN included;
// from floats to the nearest, ties to even, beyond the largest to infinity; NaN stays one.
float HalfToFloat(uint16_t half);
uint16_t FloatToHalf(float value);
float Bfloat16ToFloat(uint16_t bfloat);
uint16_t FloatToBfloat16(float value);

// InvalidArgument unless `params` suit components of this type: i8 and u8 as CheckParams says, all
// others scale 1 and zero point 0 only.
Status CheckQuantization(ElementType type, const ScalarParams& params);

// n components -> floats, exactly but for the one product: (integer - zero_point) * scale of i8 and u8.
// bytes: n * ElementSize(type), any alignment.
void ToFloats(ElementType type, const ScalarParams& params, const void* bytes, size_t n, float* out);

// The other way, for f32, f16 and bf16 (others write nothing).
void FromFloats(ElementType type, const float* in, size_t n, void* bytes);

}  // namespace tessera
