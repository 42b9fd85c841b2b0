// The scans over a layer of byte vectors, compiled once for each instruction set. Method: lookups
// in registers (Andre, Kermarrec, Le Scouarnec, "Cache locality is not enough", VLDB 2015), sums of
// bytes widened through even and odd rows. The including file has defined, in the anonymous
// namespace of tessera::simd:
// - V: a vector of 16, 32 or 64 bytes
// - kPassVectors: vectors of rows that one pass over the planes sums, together 1 to 4 columns
// - LoadV(p) aligned, ZeroV(), Set16(x)
// - Add8, Add16, Sub16, AddSaturated16, MulHigh16: byte by byte or u16 by u16
// - High8, Low8Up, Only8Up: each u16 >> 8, << 8, & 0xff00
// - EmitColumn(even, odd, threshold, live, first_row, out, count): selects the rows of one column;
//   even and odd are 64 bytes of vectors each; returns the new count
// and passes a Lookup to ScanWith:
// - kTableBytes of one plane; kPlanesPerSum, 2 if the sum of two lookups fits a byte, else 1
// - Tables, LoadTables(p), Look(tables, codes)
// and for 6-bit codes ScanWith a Lookup with kSixBits:
// - Tables, LoadTables(p), of 64 entries; Look(tables, v): v holds a code in the low 6 bits of each
//   byte, other bits are ignored; Fourth(x, y, z): the code in the top bits of three, as such
// A sum never overflows: at most 256 planes of at most 2 * 127.

namespace tessera::simd {
namespace {

// Adds bytes to sums of pairs: `even` takes both (the odd one times 256, modulo 2^16), `odd` the
// odd one. SumPlanes takes the odd ones out of `even` at the end: one addition less a plane than to
// separate them here.
inline void Widen(V bytes, V& even, V& odd) {
  even = Add16(even, bytes);
  odd = Add16(odd, High8(bytes));
}

// Sums of all planes for the rows of kVectors vectors that begin at row `first_row`.
template <typename Lookup, size_t kVectors>
inline void SumPlanes(const ScanInput& in, size_t first_row, V* even, V* odd) {
  const size_t plane_bytes = kColumnRows * in.columns;
  const uint8_t* plane = in.block + first_row;
  const uint8_t* tables = in.tables;
  size_t planes = in.code_bytes;
#pragma GCC unroll 4
  for (size_t v = 0; v < kVectors; ++v) even[v] = odd[v] = ZeroV();
  if constexpr (Lookup::kPlanesPerSum == 2) {
    for (; planes >= 2; planes -= 2) {
      V sums[kVectors];
      const auto first = Lookup::LoadTables(tables);
#pragma GCC unroll 4
      for (size_t v = 0; v < kVectors; ++v) sums[v] = Lookup::Look(first, plane + v * sizeof(V));
      const auto second = Lookup::LoadTables(tables + Lookup::kTableBytes);
      plane += plane_bytes;
#pragma GCC unroll 4
      for (size_t v = 0; v < kVectors; ++v) {
        sums[v] = Add8(sums[v], Lookup::Look(second, plane + v * sizeof(V)));
      }
#pragma GCC unroll 4
      for (size_t v = 0; v < kVectors; ++v) Widen(sums[v], even[v], odd[v]);
      plane += plane_bytes;
      tables += 2 * Lookup::kTableBytes;
    }
  }
  for (; planes > 0; --planes) {
    const auto table = Lookup::LoadTables(tables);
#pragma GCC unroll 4
    for (size_t v = 0; v < kVectors; ++v) {
      Widen(Lookup::Look(table, plane + v * sizeof(V)), even[v], odd[v]);
    }
    plane += plane_bytes;
    tables += Lookup::kTableBytes;
  }
#pragma GCC unroll 4
  for (size_t v = 0; v < kVectors; ++v) even[v] = Sub16(even[v], Low8Up(odd[v]));
}

// The same for 6-bit codes, four tables for three planes.
template <typename Lookup, size_t kVectors>
inline void SumGroups(const ScanInput& in, size_t first_row, V* even, V* odd) {
  const size_t plane_bytes = kColumnRows * in.columns;
  const uint8_t* plane = in.block + first_row;
  const uint8_t* table = in.tables;
  size_t planes = in.code_bytes;
#pragma GCC unroll 4
  for (size_t v = 0; v < kVectors; ++v) even[v] = odd[v] = ZeroV();
  for (; planes >= 3; planes -= 3) {
    const auto first = Lookup::LoadTables(table);
    const auto second = Lookup::LoadTables(table + 64);
    const auto third = Lookup::LoadTables(table + 128);
    const auto fourth = Lookup::LoadTables(table + 192);
#pragma GCC unroll 4
    for (size_t v = 0; v < kVectors; ++v) {
      const V x = LoadV(plane + v * sizeof(V));
      const V y = LoadV(plane + plane_bytes + v * sizeof(V));
      const V z = LoadV(plane + 2 * plane_bytes + v * sizeof(V));
      Widen(Add8(Lookup::Look(first, x), Lookup::Look(second, y)), even[v], odd[v]);
      Widen(Add8(Lookup::Look(third, z), Lookup::Look(fourth, Lookup::Fourth(x, y, z))), even[v],
            odd[v]);
    }
    plane += 3 * plane_bytes;
    table += 256;
  }
  for (; planes > 0; --planes) {
    const auto last = Lookup::LoadTables(table);
#pragma GCC unroll 4
    for (size_t v = 0; v < kVectors; ++v) {
      Widen(Lookup::Look(last, LoadV(plane + v * sizeof(V))), even[v], odd[v]);
    }
    plane += plane_bytes;
    table += 64;
  }
#pragma GCC unroll 4
  for (size_t v = 0; v < kVectors; ++v) even[v] = Sub16(even[v], Low8Up(odd[v]));
}

// Adds (correction * F) >> 8 of each row, saturating.
template <size_t kVectors>
inline void AddCorrections(const uint8_t* corrections, uint16_t factor, V* even, V* odd) {
  const V f = Set16(factor);
#pragma GCC unroll 4
  for (size_t v = 0; v < kVectors; ++v) {
    const V c = LoadV(corrections + v * sizeof(V));
    even[v] = AddSaturated16(even[v], MulHigh16(Low8Up(c), f));
    odd[v] = AddSaturated16(odd[v], MulHigh16(Only8Up(c), f));
  }
}

template <typename Lookup, size_t kVectors>
inline size_t ScanPass(const ScanInput& in, size_t first_row, ScanOutput& out, size_t count) {
  constexpr size_t kColumnVectors = kColumnRows / sizeof(V);
  V even[kVectors];
  V odd[kVectors];
  if constexpr (requires { Lookup::kSixBits; }) {
    SumGroups<Lookup, kVectors>(in, first_row, even, odd);
  } else {
    SumPlanes<Lookup, kVectors>(in, first_row, even, odd);
  }
  const uint8_t* corrections = in.block + kColumnRows * in.columns * in.code_bytes + first_row;
  AddCorrections<kVectors>(corrections, in.correction_factor, even, odd);
#pragma GCC unroll 4
  for (size_t v = 0; v < kVectors; v += kColumnVectors) {
    const size_t row = first_row + v * sizeof(V);
    count =
        EmitColumn(even + v, odd + v, in.threshold, in.live[row / kColumnRows], row, out, count);
  }
  return count;
}

// One pass over the planes for as many columns as the registers hold, then the columns left.
template <typename Lookup>
inline size_t ScanWith(const ScanInput& in, ScanOutput& out) {
  constexpr size_t kPassRows = kPassVectors * sizeof(V);
  const size_t rows = kColumnRows * in.columns;
  size_t row = 0;
  size_t count = 0;
  for (; row + kPassRows <= rows; row += kPassRows) {
    count = ScanPass<Lookup, kPassVectors>(in, row, out, count);
  }
  constexpr size_t kColumnVectors = kColumnRows / sizeof(V);
  const size_t columns_left = (rows - row) / kColumnRows;
  if constexpr (kPassRows == kBlockRows) {
    if (columns_left == 3) return ScanPass<Lookup, 3 * kColumnVectors>(in, row, out, count);
    if (columns_left == 2) return ScanPass<Lookup, 2 * kColumnVectors>(in, row, out, count);
  }
  if constexpr (kPassRows > kColumnRows) {
    if (columns_left == 1) return ScanPass<Lookup, kColumnVectors>(in, row, out, count);
  }
  return count;
}

}  // namespace
}  // namespace tessera::simd
