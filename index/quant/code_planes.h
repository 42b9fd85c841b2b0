// Codes of 1 to 8 bits a component, packed so that a product with a query reads them in registers.
//
// 8 bits: a byte each, its top bit flipped (a signed byte: code - 128). 4 to 7 bits: a plane of the
// upper 4 bits, two components a byte (n = (dim + 1) / 2 bytes, component j < n in the low half of
// byte j, n + j in its high half), then a plane of (dim + 7) / 8 bytes for each bit below, upper
// ones first, component j at bit j % 8 of byte j / 8. 1 to 3 bits: such planes alone. Bits that no
// component has are 0.
#pragma once

#include <cstddef>
#include <cstdint>

#include "index/quant/byte_matrix.h"

namespace tessera::quant {

// bits in 1..8 everywhere.
size_t PlaneBytes(size_t dim, uint32_t bits);
// codes: dim values below 2^bits; out: PlaneBytes.
void PackPlanes(const uint8_t* codes, size_t dim, uint32_t bits, uint8_t* out);
// Any bytes are taken: the codes are below 2^bits.
void UnpackPlanes(const uint8_t* planes, size_t dim, uint32_t bits, uint8_t* codes);
// sum_j codes[j] * (128 * high[j] + low[j]), exact for dim <= 65535.
int64_t PlaneProduct(const uint8_t* planes, size_t dim, uint32_t bits, const LimbVector& weights);

}  // namespace tessera::quant
