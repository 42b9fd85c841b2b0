// The integer kernels on every instruction set against their definitions.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "tests/unit/simd/guarded_buffer.h"
#include "tests/unit/simd/isa_test.h"

namespace tessera::simd {
namespace {

template <typename T>
std::vector<T> RandomIntegers(size_t n, int64_t least, int64_t most, uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<int64_t> integer(least, most);
  std::vector<T> values(n);
  for (T& value : values) value = static_cast<T>(integer(random));
  return values;
}

std::vector<float> RandomFloats(size_t n, float scale, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0f, scale);
  std::vector<float> values(n);
  for (float& value : values) value = normal(random);
  return values;
}

class IntegerKernelsTest : public IsaTest {
 protected:
  // rows: 16 * groups x 4 * quads, row by row; vectors at a stride, both ending at unmapped pages.
  void CheckProducts(size_t groups, size_t quads, size_t n, size_t stride, size_t out_stride,
                     const std::vector<uint8_t>& rows, const std::vector<int8_t>& vectors) {
    SCOPED_TRACE(::testing::Message() << "groups " << groups << " quads " << quads << " n " << n);
    const size_t dim = 4 * quads;
    std::vector<uint8_t> order(rows.size());
    for (size_t row = 0; row < 16 * groups; ++row) {
      for (size_t j = 0; j < dim; ++j) {
        const size_t group_at = row / 16 * quads * 64;
        order[group_at + j / 4 * 64 + row % 16 * 4 + j % 4] = rows[row * dim + j];
      }
    }
    GuardedBuffer<uint8_t> packed(order);
    GuardedBuffer<int8_t> guarded(vectors);
    constexpr int32_t kUntouched = 0x5a5a5a5a;
    GuardedBuffer<int32_t> out(
        std::vector<int32_t>((n - 1) * out_stride + 16 * groups, kUntouched));
    kernels().products_u8s8(packed.data(), groups, quads, guarded.data(), n, stride, out.data(),
                            out_stride);
    for (size_t i = 0; i < n; ++i) {
      for (size_t row = 0; row < 16 * groups; ++row) {
        int64_t exact = 0;
        for (size_t j = 0; j < dim; ++j) {
          exact += int64_t{rows[row * dim + j]} * vectors[i * stride + j];
        }
        ASSERT_EQ(out[i * out_stride + row], exact) << "vector " << i << " row " << row;
      }
      if (i + 1 == n) break;
      for (size_t at = 16 * groups; at < out_stride; ++at) {
        ASSERT_EQ(out[i * out_stride + at], kUntouched);
      }
    }
  }
};

TEST_P(IntegerKernelsTest, ProductsAreExact) {
  for (const size_t groups : {1, 3, 8, 9, 12, 17}) {
    for (const size_t quads : {1, 2, 25, 33}) {
      for (const size_t n : {1, 2, 3, 4, 5, 6, 7, 11, 13}) {
        const size_t stride = 4 * quads + n % 4;  // unaligned too
        const size_t out_stride = 16 * groups + n % 3;
        ASSERT_NO_FATAL_FAILURE(
            CheckProducts(groups, quads, n, stride, out_stride,
                          RandomIntegers<uint8_t>(64 * groups * quads, 0, 255, 1),
                          RandomIntegers<int8_t>((n - 1) * stride + 4 * quads, -128, 127, 2)));
      }
    }
  }
}

TEST_P(IntegerKernelsTest, ProductsOfExtremesAreExact) {
  for (const int8_t extreme : {int8_t{-128}, int8_t{127}}) {
    for (const size_t quads : {size_t{192}, size_t{16383}}) {
      for (const size_t n : {1, 5}) {
        const size_t dim = 4 * quads;
        ASSERT_NO_FATAL_FAILURE(CheckProducts(1, quads, n, dim, 16,
                                              std::vector<uint8_t>(16 * dim, 255),
                                              std::vector<int8_t>(n * dim, extreme)));
      }
    }
  }
}

TEST_P(IntegerKernelsTest, NoGroupsWriteNothing) {
  alignas(64) const uint8_t packed[64] = {};
  const int8_t vector[4] = {1, 2, 3, 4};
  int32_t out = 7;
  kernels().products_u8s8(packed, 0, 1, vector, 1, 4, &out, 16);
  EXPECT_EQ(out, 7);
}

float Score(float add, float weight, int32_t product) {
  const float scaled = weight * static_cast<float>(product);
  return add + scaled;
}

uint32_t Key(float score) {
  const uint32_t bits = std::bit_cast<uint32_t>(score == 0.0f ? 0.0f : score);
  return bits & 0x80000000 ? ~bits : bits | 0x80000000;
}

constexpr size_t kSizes[] = {1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 1024, 1037};

TEST_P(IntegerKernelsTest, ScoreKeysAreTheDefinitionAndOrderAsTheScores) {
  for (const size_t n : kSizes) {
    std::vector<int32_t> numbers = RandomIntegers<int32_t>(n, -30000000, 30000000, 3);
    std::vector<float> sums = RandomFloats(n, 1000.0f, 4);
    sums[n / 2] = -0.0f;
    numbers[n / 2] = 0;
    for (const float weight : {-0.37f, 0.0f, 1.0f, -1e-4f}) {
      GuardedBuffer<int32_t> products(numbers);
      GuardedBuffer<float> add(sums);
      GuardedBuffer<uint32_t> keys(n);
      kernels().score_keys(products.data(), add.data(), weight, n, keys.data());
      for (size_t i = 0; i < n; ++i) {
        const float score = Score(sums[i], weight, numbers[i]);
        ASSERT_EQ(keys[i], Key(score)) << "n " << n << " i " << i;
        const float before = Score(sums[i / 2], weight, numbers[i / 2]);
        ASSERT_EQ(keys[i / 2] < keys[i], before < score);
      }
    }
  }
}

TEST_P(IntegerKernelsTest, BothZerosGiveOneKeyInEveryLane) {
  const std::vector<int32_t> products(40, 0);
  std::vector<float> add(40, 0.0f);
  for (size_t i = 0; i < 40; i += 2) add[i] = -0.0f;
  std::vector<uint32_t> keys(40);
  kernels().score_keys(products.data(), add.data(), -1.0f, 40, keys.data());
  for (const uint32_t key : keys) EXPECT_EQ(key, 0x80000000u);
}

TEST_P(IntegerKernelsTest, LeastScoreIsTheFirstOfTheLeast) {
  for (const size_t n : kSizes) {
    for (const int most : {1, 3, 1000000}) {  // small ranges give ties
      const std::vector<int32_t> numbers = RandomIntegers<int32_t>(n, -most, most, 5);
      const std::vector<float> sums = most > 3 ? RandomFloats(n, 9.0f, 6) : std::vector<float>(n);
      for (const float weight : {-2.0f, 0.5f, 0.0f}) {
        GuardedBuffer<int32_t> products(numbers);
        GuardedBuffer<float> add(sums);
        size_t expected = 0;
        for (size_t i = 1; i < n; ++i) {
          const float least = Score(sums[expected], weight, numbers[expected]);
          if (Score(sums[i], weight, numbers[i]) < least) expected = i;
        }
        ASSERT_EQ(kernels().least_score(products.data(), add.data(), weight, n), expected)
            << "n " << n << " most " << most << " weight " << weight;
      }
    }
  }
}

TEST_P(IntegerKernelsTest, LeastScoreIsFoundAtEachPlaceAndBeyondAllFloats) {
  const std::vector<int32_t> products(100, 5);
  for (size_t at = 0; at < products.size(); ++at) {
    std::vector<float> add(100, 3e38f);
    add[at] = 2e38f;
    EXPECT_EQ(kernels().least_score(products.data(), add.data(), 1e37f, 100), at);
    EXPECT_EQ(kernels().least_score(products.data(), add.data(), 3e38f, at + 1), 0u);
  }
}

size_t CountOf(const std::vector<uint32_t>& keys, uint32_t bound) {
  return static_cast<size_t>(
      std::count_if(keys.begin(), keys.end(), [&](uint32_t key) { return key <= bound; }));
}

uint32_t BoundOf(const std::vector<uint32_t>& keys, size_t at_least, size_t at_most) {
  uint64_t low = *std::min_element(keys.begin(), keys.end());
  uint64_t high = *std::max_element(keys.begin(), keys.end());
  while (low < high) {
    const uint64_t middle = (low + high) / 2;
    const size_t count = CountOf(keys, static_cast<uint32_t>(middle));
    if (count >= at_least && count <= at_most) return static_cast<uint32_t>(middle);
    if (count < at_least) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return static_cast<uint32_t>(high);
}

TEST_P(IntegerKernelsTest, BoundKeysBisectsAndHoldsTheCount) {
  for (const size_t n : kSizes) {
    for (const int64_t most : {int64_t{2}, int64_t{500}, int64_t{0xffffffff}}) {
      const std::vector<uint32_t> values = RandomIntegers<uint32_t>(n, 0, most, 7);
      GuardedBuffer<uint32_t> keys(values);
      for (const size_t at_least : {size_t{1}, (n + 9) / 10, n}) {
        for (const size_t at_most : {at_least, at_least + at_least / 8, n + 5}) {
          const uint32_t bound = kernels().bound_keys(keys.data(), n, at_least, at_most);
          ASSERT_EQ(bound, BoundOf(values, at_least, at_most)) << n << " " << at_least;
          ASSERT_GE(CountOf(values, bound), at_least);
          // Only keys equal to the bound may make the count exceed what was asked.
          ASSERT_TRUE(bound == 0 || CountOf(values, bound) <= at_most ||
                      CountOf(values, bound - 1) < at_least);
        }
      }
    }
  }
}

TEST_P(IntegerKernelsTest, SelectKeysFindsThemAscending) {
  for (const size_t n : kSizes) {
    const std::vector<uint32_t> values = RandomIntegers<uint32_t>(n, 0, 0xffffffff, 8);
    GuardedBuffer<uint32_t> keys(values);
    for (const uint32_t bound :
         {0u, 0x10000000u, 0x80000000u, 0xf0000000u, 0xffffffffu, values[0]}) {
      std::vector<uint32_t> expected;
      for (size_t i = 0; i < n; ++i) {
        if (values[i] <= bound) expected.push_back(static_cast<uint32_t>(i));
      }
      GuardedBuffer<uint32_t> indices(expected.size() + 16);
      const size_t count = kernels().select_keys(keys.data(), n, bound, indices.data());
      ASSERT_EQ(std::vector<uint32_t>(indices.data(), indices.data() + count), expected);
    }
  }
}

TEST_P(IntegerKernelsTest, DotLimbsIsExact) {
  for (const size_t dim : {0, 1, 3, 15, 16, 17, 63, 64, 65, 100, 127, 128, 512, 784, 65535}) {
    for (const bool extreme : {false, true}) {
      const std::vector<uint8_t> bytes =
          extreme ? std::vector<uint8_t>(dim, 0x7f) : RandomIntegers<uint8_t>(dim, 0, 255, 9);
      const std::vector<int8_t> tops =
          extreme ? std::vector<int8_t>(dim, -128) : RandomIntegers<int8_t>(dim, -128, 127, 10);
      const std::vector<int8_t> rests =
          extreme ? std::vector<int8_t>(dim, 127) : RandomIntegers<int8_t>(dim, -128, 127, 11);
      GuardedBuffer<uint8_t> codes(bytes);
      GuardedBuffer<int8_t> high(tops), low(rests);
      int32_t sums[2] = {-1, -1};
      kernels().dot_limbs(codes.data(), high.data(), low.data(), dim, sums);
      int64_t expected[2] = {};
      for (size_t j = 0; j < dim; ++j) {
        expected[0] += int64_t{bytes[j] ^ 0x80} * tops[j];
        expected[1] += int64_t{bytes[j] ^ 0x80} * rests[j];
      }
      ASSERT_EQ(sums[0], expected[0]) << dim;
      ASSERT_EQ(sums[1], expected[1]) << dim;
    }
  }
}

// Codes of 4 bits or 1 against limbs: `code(bytes, j)` is the definition.
template <typename Kernel, typename Code>
void CheckPacked(const Kernel& kernel, const Code& code, bool nibbles) {
  for (const size_t dim :
       {0, 1, 2, 3, 7, 8, 9, 31, 63, 64, 65, 100, 127, 128, 129, 130, 511, 784, 65535}) {
    for (const bool extreme : {false, true}) {
      const size_t bytes = nibbles ? (dim + 1) / 2 : (dim + 7) / 8;
      const std::vector<uint8_t> packed =
          extreme ? std::vector<uint8_t>(bytes, 0xff) : RandomIntegers<uint8_t>(bytes, 0, 255, 12);
      const std::vector<int8_t> tops =
          extreme ? std::vector<int8_t>(dim, -128) : RandomIntegers<int8_t>(dim, -128, 127, 13);
      const std::vector<int8_t> rests =
          extreme ? std::vector<int8_t>(dim, 127) : RandomIntegers<int8_t>(dim, -128, 127, 14);
      GuardedBuffer<uint8_t> codes(packed);
      GuardedBuffer<int8_t> high(tops), low(rests);
      int32_t sums[2] = {-1, -1};
      kernel(codes.data(), high.data(), low.data(), dim, sums);
      int64_t expected[2] = {};
      for (size_t j = 0; j < dim; ++j) {
        expected[0] += int64_t{code(packed, dim, j)} * tops[j];
        expected[1] += int64_t{code(packed, dim, j)} * rests[j];
      }
      ASSERT_EQ(sums[0], expected[0]) << dim;
      ASSERT_EQ(sums[1], expected[1]) << dim;
    }
  }
}

TEST_P(IntegerKernelsTest, DotNibblesIsExact) {
  CheckPacked(
      kernels().dot_nibbles,
      [](const std::vector<uint8_t>& bytes, size_t dim, size_t j) {
        const size_t n = (dim + 1) / 2;
        return j < n ? bytes[j] & 15 : bytes[j - n] >> 4;
      },
      true);
}

TEST_P(IntegerKernelsTest, DotBitsIsExact) {
  CheckPacked(
      kernels().dot_bits,
      [](const std::vector<uint8_t>& bytes, size_t, size_t j) {
        return bytes[j / 8] >> (j % 8) & 1;
      },
      false);
}

TEST_P(IntegerKernelsTest, HammingCountsDifferences) {
  for (const size_t bytes : {0, 1, 7, 8, 9, 13, 16, 64, 98, 100}) {
    const std::vector<uint8_t> one = RandomIntegers<uint8_t>(bytes, 0, 255, 15);
    const std::vector<uint8_t> other = RandomIntegers<uint8_t>(bytes, 0, 255, 16);
    uint32_t expected = 0;
    for (size_t i = 0; i < bytes; ++i) {
      for (int bit = 0; bit < 8; ++bit) expected += (one[i] >> bit & 1) != (other[i] >> bit & 1);
    }
    GuardedBuffer<uint8_t> a(one), b(other);
    EXPECT_EQ(kernels().hamming(a.data(), b.data(), bytes), expected);
    EXPECT_EQ(kernels().hamming(a.data(), a.data(), bytes), 0u);
  }
}

TESSERA_FOR_EVERY_ISA(IntegerKernelsTest);

}  // namespace
}  // namespace tessera::simd
