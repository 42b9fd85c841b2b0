// How large a training is: what a spec leaves open, and the rows that it takes. MinTrainingRows and
// TrainingSampleRows (model.h) are made of it too.
#pragma once

#include <cstdint>

#include "index/quantizer_spec.h"

namespace tessera::quant {

inline constexpr uint64_t kRowsPerCentroid = 256;  // more hardly move it
inline constexpr uint64_t kFittedRows = 65536;  // that a rotation, ranges or a ranking loss are fitted to, at most

// `spec` with no choices left: lists by the rows there are and those to train on, bits and sub-quantizers by
// dimension and processor.
QuantizerSpec Resolve(QuantizerSpec spec, uint32_t dim, uint64_t total_rows, uint64_t sample_rows);

// Bits of a codebook that decide how many rows train it. Codebooks that add up are trained together, on as many rows
// as one of 8 bits.
uint32_t CodewordBits(const QuantizerSpec& spec);

// Rows that something beside centroids and codebooks is fitted to; 0 = nothing is.
uint64_t FittedRows(const QuantizerSpec& spec);

}  // namespace tessera::quant
