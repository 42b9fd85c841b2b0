// Both scans on every instruction set against sums taken row by row from unpacked codes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include "tests/unit/simd/guarded_buffer.h"
#include "tests/unit/simd/isa_test.h"

namespace tessera::simd {
namespace {

enum class Bits { k4, k6, k8 };
constexpr Bits kAllBits[] = {Bits::k8, Bits::k6, Bits::k4};

size_t TableBytes(Bits bits, size_t code_bytes) {
  if (bits == Bits::k8) return 256 * code_bytes;
  if (bits == Bits::k4) return 32 * code_bytes;
  return 64 * (code_bytes / 3 * 4 + code_bytes % 3);
}

// One superblock, row by row, and its packed form.
struct Block {
  Block(Bits code_bits, uint32_t w, uint32_t m, uint32_t seed)
      : bits(code_bits),
        columns(w),
        code_bytes(m),
        codes(w * kColumnRows, std::vector<uint8_t>(m)),
        corrections(w * kColumnRows),
        tables(TableBytes(code_bits, m)),
        random(seed) {
    for (auto& code : codes) {
      for (uint8_t& byte : code) byte = Byte(255);
    }
    for (uint8_t& correction : corrections) correction = Byte(255);
    for (uint8_t& entry : tables) entry = Byte(127);
  }

  uint8_t Byte(int most) {
    return static_cast<uint8_t>(std::uniform_int_distribution<int>(0, most)(random));
  }
  size_t rows() const { return codes.size(); }

  uint32_t Lookup(size_t row, size_t m) const {
    const uint8_t code = codes[row][m];
    if (bits == Bits::k8) return tables[256 * m + code];
    if (bits == Bits::k4) {
      return tables[16 * (2 * m) + code % 16] + tables[16 * (2 * m + 1) + code / 16];
    }
    const uint8_t* table = tables.data() + 64 * (m / 3 * 4 + m % 3);
    const uint32_t own = table[code % 64];
    if (m % 3 != 2) return own;
    const int tops = codes[row][m - 2] / 64 + 4 * (codes[row][m - 1] / 64) + 16 * (code / 64);
    return own + table[64 + tops];
  }
  uint16_t Sum(size_t row, uint16_t factor) const {
    uint32_t sum = (uint32_t{corrections[row]} * factor) >> 8;
    for (size_t m = 0; m < code_bytes; ++m) sum += Lookup(row, m);
    return static_cast<uint16_t>(std::min<uint32_t>(sum, 65535));
  }
  std::vector<uint8_t> Packed() const {
    std::vector<uint8_t> packed;
    for (size_t m = 0; m < code_bytes; ++m) {
      for (size_t row = 0; row < rows(); ++row) packed.push_back(codes[row][m]);
    }
    packed.insert(packed.end(), corrections.begin(), corrections.end());
    return packed;
  }

  Bits bits;
  uint32_t columns;
  uint32_t code_bytes;
  std::vector<std::vector<uint8_t>> codes;
  std::vector<uint8_t> corrections;
  std::vector<uint8_t> tables;
  std::mt19937 random;
};

std::vector<uint64_t> LiveWords(Block& block, int percent) {
  std::vector<uint64_t> words(block.columns);
  for (size_t row = 0; row < block.rows(); ++row) {
    if (block.Byte(99) < percent) words[row / 64] |= uint64_t{1} << (row % 64);
  }
  return words;
}

uint16_t MiddleSum(const Block& block, uint16_t factor) {
  std::vector<uint16_t> sums;
  for (size_t row = 0; row < block.rows(); ++row) sums.push_back(block.Sum(row, factor));
  std::nth_element(sums.begin(), sums.begin() + sums.size() / 2, sums.end());
  return sums[sums.size() / 2];
}

class ScanTest : public IsaTest {
 protected:
  // Packed arrays end at unmapped pages; all are multiples of 64 bytes, so they stay aligned.
  // Tables of 4-bit codes may be 32 bytes short of that: rounded up as a caller's buffer would be.
  void Check(Block& block, uint16_t factor, uint16_t threshold, std::vector<uint64_t> live) {
    std::vector<uint8_t> padded_tables = block.tables;
    padded_tables.resize((padded_tables.size() + 63) / 64 * 64, 0xff);
    GuardedBuffer<uint8_t> packed(block.Packed());
    GuardedBuffer<uint8_t> tables(padded_tables);
    GuardedBuffer<uint64_t> live_words(live);
    GuardedBuffer<ScanOutput> out(1);
    const ScanInput in = {packed.data(), block.columns, block.code_bytes, tables.data(),
                          factor,        threshold,     live_words.data()};
    const ScanFn scan = block.bits == Bits::k8   ? kernels().scan8
                        : block.bits == Bits::k6 ? kernels().scan6
                                                 : kernels().scan4;
    const size_t count = scan(in, out[0]);

    std::vector<uint16_t> positions;
    std::vector<uint16_t> sums;
    for (size_t row = 0; row < block.rows(); ++row) {
      const uint16_t sum = block.Sum(row, factor);
      if (!((live[row / 64] >> (row % 64)) & 1) || sum > threshold) continue;
      positions.push_back(static_cast<uint16_t>(row));
      sums.push_back(sum);
    }
    ASSERT_EQ(count, positions.size());
    const ScanOutput& got = out[0];
    ASSERT_EQ(std::vector<uint16_t>(got.positions, got.positions + count), positions);
    ASSERT_EQ(std::vector<uint16_t>(got.sums, got.sums + count), sums);
  }

  void CheckAllCases(Bits bits, uint32_t columns, uint32_t code_bytes) {
    Block block(bits, columns, code_bytes, 100 * code_bytes + columns);
    for (const uint16_t factor : {uint16_t{0}, uint16_t{700}, uint16_t{65535}}) {
      const uint16_t middle = MiddleSum(block, factor);
      for (const uint16_t threshold : {uint16_t{0}, middle, uint16_t{65535}}) {
        for (const int percent : {0, 50, 100}) {
          SCOPED_TRACE(::testing::Message()
                       << "columns " << columns << " code_bytes " << code_bytes << " factor "
                       << factor << " threshold " << threshold << " live % " << percent);
          ASSERT_NO_FATAL_FAILURE(Check(block, factor, threshold, LiveWords(block, percent)));
        }
      }
    }
  }

  void CheckAllShapes(Bits bits) {
    for (const uint32_t columns : {1u, 2u, 3u, 4u}) {
      for (const uint32_t code_bytes : {1u, 2u, 3u, 4u, 5u, 16u, 17u, 24u, 32u, 64u, 256u}) {
        ASSERT_NO_FATAL_FAILURE(CheckAllCases(bits, columns, code_bytes));
      }
    }
  }
};

TEST_P(ScanTest, Scan8EqualsTheDefinition) { CheckAllShapes(Bits::k8); }
TEST_P(ScanTest, Scan6EqualsTheDefinition) { CheckAllShapes(Bits::k6); }
TEST_P(ScanTest, Scan4EqualsTheDefinition) { CheckAllShapes(Bits::k4); }

TEST_P(ScanTest, LargestEntriesFitAndSaturateOnlyWithTheCorrection) {
  for (const Bits bits : kAllBits) {
    Block block(bits, 4, kMaxCodeBytes, 7);
    std::fill(block.tables.begin(), block.tables.end(), uint8_t{127});
    const std::vector<uint64_t> live(4, ~uint64_t{0});
    ASSERT_NO_FATAL_FAILURE(Check(block, 0, 65535, live));
    ASSERT_NO_FATAL_FAILURE(Check(block, 65535, 65535, live));
    ASSERT_NO_FATAL_FAILURE(Check(block, 65535, 65534, live));
  }
}

TEST_P(ScanTest, EachEntryOfATableIsReached) {
  for (const Bits bits : kAllBits) {
    for (const uint32_t code_bytes : {1u, 2u, 3u}) {
      Block block(bits, 4, code_bytes, 8);
      for (size_t row = 0; row < 256; ++row) {
        for (uint8_t& byte : block.codes[row]) byte = static_cast<uint8_t>(row);
      }
      ASSERT_NO_FATAL_FAILURE(Check(block, 0, 65535, {~0ull, ~0ull, ~0ull, ~0ull}));
    }
  }
}

TEST_P(ScanTest, AThresholdEqualToASumSelectsIt) {
  for (const Bits bits : kAllBits) {
    Block block(bits, 1, 4, 9);
    const uint16_t sum = block.Sum(17, 300);
    ASSERT_NO_FATAL_FAILURE(Check(block, 300, sum, {uint64_t{1} << 17}));
    ASSERT_NO_FATAL_FAILURE(Check(block, 300, static_cast<uint16_t>(sum - 1), {1u << 17}));
  }
}

TEST_P(ScanTest, EachSingleLiveRowIsFoundAtItsPosition) {
  for (const Bits bits : kAllBits) {
    Block block(bits, 4, 3, 10);
    for (size_t row = 0; row < 256; ++row) {
      std::vector<uint64_t> live(4);
      live[row / 64] = uint64_t{1} << (row % 64);
      ASSERT_NO_FATAL_FAILURE(Check(block, 500, 65535, live));
    }
  }
}

TESSERA_FOR_EVERY_ISA(ScanTest);

}  // namespace
}  // namespace tessera::simd
