// The scans from their definition, one row at a time within each plane. Included by scalar.cc, and
// by the files of instruction sets whose vector form would be no faster.

namespace tessera::simd {
namespace {

// Adds the corrections to the sums, selects, and writes the selected rows in ascending order.
inline size_t SelectRowsScalar(const ScanInput& in, const uint32_t* sums, ScanOutput& out) {
  const size_t rows = kColumnRows * in.columns;
  const uint8_t* corrections = in.block + rows * in.code_bytes;
  size_t count = 0;
  for (size_t row = 0; row < rows; ++row) {
    const uint32_t exact = sums[row] + ((uint32_t{corrections[row]} * in.correction_factor) >> 8);
    const uint32_t sum = exact < 65535 ? exact : 65535;
    const bool live = (in.live[row / 64] >> (row % 64)) & 1;
    // Always written, counted if selected: no branch to mispredict.
    out.positions[count] = static_cast<uint16_t>(row);
    out.sums[count] = static_cast<uint16_t>(sum);
    count += live && sum <= in.threshold;
  }
  return count;
}

[[maybe_unused]] size_t Scan8Scalar(const ScanInput& in, ScanOutput& out) {
  const size_t rows = kColumnRows * in.columns;
  uint32_t sums[kBlockRows] = {};
  for (size_t m = 0; m < in.code_bytes; ++m) {
    const uint8_t* plane = in.block + rows * m;
    const uint8_t* table = in.tables + 256 * m;
    for (size_t row = 0; row < rows; ++row) sums[row] += table[plane[row]];
  }
  return SelectRowsScalar(in, sums, out);
}

[[maybe_unused]] size_t Scan4Scalar(const ScanInput& in, ScanOutput& out) {
  const size_t rows = kColumnRows * in.columns;
  uint32_t sums[kBlockRows] = {};
  for (size_t m = 0; m < in.code_bytes; ++m) {
    const uint8_t* plane = in.block + rows * m;
    const uint8_t* low = in.tables + 32 * m;
    const uint8_t* high = low + 16;
    for (size_t row = 0; row < rows; ++row) {
      sums[row] += low[plane[row] & 15] + high[plane[row] >> 4];
    }
  }
  return SelectRowsScalar(in, sums, out);
}

[[maybe_unused]] size_t Scan6Scalar(const ScanInput& in, ScanOutput& out) {
  const size_t rows = kColumnRows * in.columns;
  uint32_t sums[kBlockRows] = {};
  const uint8_t* table = in.tables;
  for (size_t m = 0; m < in.code_bytes; ++m) {
    const uint8_t* plane = in.block + rows * m;
    for (size_t row = 0; row < rows; ++row) sums[row] += table[plane[row] & 63];
    table += 64;
    if (m % 3 != 2) continue;
    const uint8_t* first = plane - 2 * rows;
    const uint8_t* second = plane - rows;
    for (size_t row = 0; row < rows; ++row) {
      sums[row] += table[first[row] >> 6 | second[row] >> 6 << 2 | plane[row] >> 6 << 4];
    }
    table += 64;
  }
  return SelectRowsScalar(in, sums, out);
}

}  // namespace
}  // namespace tessera::simd
