// Selection for instruction sets that have no compress instruction for bytes.

namespace tessera::simd {
namespace {

// Writes the rows of `selected`, a bit for each row of a column. `sums`: 32 of the even rows, then
// 32 of the odd ones.
inline size_t EmitBits(uint64_t selected, const uint16_t* sums, size_t first_row, ScanOutput& out,
                       size_t count) {
  while (selected != 0) {
    const size_t row = static_cast<size_t>(__builtin_ctzll(selected));
    selected &= selected - 1;
    out.positions[count] = static_cast<uint16_t>(first_row + row);
    out.sums[count] = sums[(row & 1) * 32 + row / 2];
    ++count;
  }
  return count;
}

// Writes the numbers of the set bits, counted from `first`; returns how many.
inline size_t EmitIndexBits(uint32_t mask, uint32_t first, uint32_t* out) {
  size_t count = 0;
  for (; mask != 0; mask &= mask - 1) {
    out[count++] = first + static_cast<uint32_t>(__builtin_ctz(mask));
  }
  return count;
}

}  // namespace
}  // namespace tessera::simd
