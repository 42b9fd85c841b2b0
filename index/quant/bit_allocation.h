// Mixed product codes: how many bits each sub-space gets under a total, and how they are packed into bytes.
#pragma once

#include <cstdint>
#include <vector>

#include "index/quant/table_layout.h"
#include "index/status.h"

namespace tessera::quant {

// Sub-spaces of a code of so many bytes: of about dim / (2 bytes) dimensions, 1 to 8, so that 4 bits are
// their mean. bytes <= dim.
uint32_t MixedSubSpaces(uint32_t dim, uint32_t bytes);

// Bits of each of the sub-spaces (SubSpaceBounds), 0, 2, 4, 6 or 8, that fill `bytes` bytes exactly. Two at a
// time go to the sub-space whose error falls most by them (reverse water-filling: Cover, Thomas, Elements of
// Information Theory, 10.3.3), its error at b bits and w dimensions taken as w * geometric mean of the
// variances * 2^(-2 b / w). variances: of each dimension, >= 0; any of zero only if all other bits are dealt.
std::vector<uint8_t> DealBits(const std::vector<double>& variances, uint32_t sub_spaces,
                              uint32_t bytes);

// InvalidArgument unless DealBits could have given these bits.
Status CheckMixedBits(const std::vector<uint8_t>& bits, uint32_t dim, uint32_t bytes);

// Parts of the sub-spaces that have bits, in an order in which they fill bytes exactly: 8; 6 and 2; 4 and 4;
// 4, 2 and 2; four of 2. bits: checked.
TableLayout MixedLayout(uint32_t dim, std::vector<uint8_t> bits);

}  // namespace tessera::quant
