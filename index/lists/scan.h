// Scans a list with a query's integer tables into a TopK.
#pragma once

#include <cstdint>

#include "index/lists/list.h"
#include "index/lists/top_k.h"
#include "index/quant/query.h"
#include "index/simd/kernels.h"

namespace tessera::lists {

// What stays the same for all lists of a query.
struct ScanQuery {
  const simd::Kernels* kernels = nullptr;
  const quant::QueryTables* tables = nullptr;
  uint32_t code_bytes = 0;
  uint32_t bits = 8;           // of a sub-quantizer: 8 or 4
  float correction_step = 1;   // of the model
};

// Estimate of a row: base + tables.offset + low * s_q * step + scale * (sum + ((byte * F) >> 8)), F of
// the block. The same for a row whenever it is visited, so the order of lists does not show in the result.
// base: of the list (quant::ProbedList). Returns rows scanned.
uint64_t ScanList(const List& list, uint32_t probe, float base, const ScanQuery& query, TopK& top);

}  // namespace tessera::lists
