#include "index/quant/table_layout.h"

#include <algorithm>

namespace tessera::quant {

uint64_t TableLayout::floats() const {
  uint64_t sum = 0;
  for (const TablePart& part : parts) sum += part.floats();
  return sum;
}

std::vector<uint32_t> SubSpaceBounds(uint32_t dim, uint32_t m) {
  std::vector<uint32_t> bounds(m + 1);
  for (uint64_t s = 0; s <= m; ++s) {
    bounds[s] = static_cast<uint32_t>((2 * s * dim + m) / (2 * uint64_t{m}));
  }
  return bounds;
}

TableLayout LayoutOf(const QuantizerSpec& spec, uint32_t dim) {
  const bool additive = spec.code == CodeKind::kAdditive;
  const uint32_t stages = additive ? 2 : spec.code == CodeKind::kResidual ? spec.stages : 1;
  const uint32_t bits = additive ? 4 : spec.pq_bits;
  TableLayout layout;
  layout.dim = dim;
  layout.scan_bits = std::max(bits, 4u);
  const std::vector<uint32_t> bounds = SubSpaceBounds(dim, spec.pq_m);
  for (uint32_t s = 0; s < spec.pq_m; ++s) {
    for (uint32_t t = 0; t < stages; ++t) layout.parts.push_back({bounds[s], bounds[s + 1], bits});
  }
  return layout;
}

}  // namespace tessera::quant
