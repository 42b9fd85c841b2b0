// The float kernels on every instruction set, bit by bit against the order of operations that the
// contract fixes, and that order against sums in double precision.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "tests/unit/simd/guarded_buffer.h"
#include "tests/unit/simd/isa_test.h"

namespace tessera::simd {
namespace {

constexpr size_t kSizes[] = {0, 1, 15, 16, 17, 31, 32, 33, 64, 100, 511, 512, 784};

uint32_t BitsOf(float x) { return std::bit_cast<uint32_t>(x); }

std::vector<float> RandomFloats(size_t n, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.1f, 3.0f);
  std::vector<float> values(n);
  for (float& value : values) value = normal(random);
  return values;
}

std::vector<int8_t> RandomBytes(size_t n, uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> byte(-128, 127);
  std::vector<int8_t> values(n);
  for (int8_t& value : values) value = static_cast<int8_t>(byte(random));
  return values;
}

// Sixteen lanes, the last group padded with zeros, then lane i + lane i+8, +4, +2, +1.
float LaneSum(const std::vector<float>& terms) {
  float lanes[16] = {};
  for (size_t begin = 0; begin < terms.size(); begin += 16) {
    for (size_t lane = 0; lane < 16; ++lane) {
      lanes[lane] += begin + lane < terms.size() ? terms[begin + lane] : 0.0f;
    }
  }
  float eight[8], four[4];
  for (size_t i = 0; i < 8; ++i) eight[i] = lanes[i] + lanes[i + 8];
  for (size_t i = 0; i < 4; ++i) four[i] = eight[i] + eight[i + 4];
  return (four[0] + four[2]) + (four[1] + four[3]);
}

template <typename T>
float ExpectedDot(const float* a, const T* b, size_t dim) {
  std::vector<float> terms(dim);
  for (size_t i = 0; i < dim; ++i) terms[i] = a[i] * static_cast<float>(b[i]);
  return LaneSum(terms);
}

float ExpectedL2Sqr(const float* a, const float* b, size_t dim) {
  std::vector<float> terms(dim);
  for (size_t i = 0; i < dim; ++i) {
    const float difference = a[i] - b[i];
    terms[i] = difference * difference;
  }
  return LaneSum(terms);
}

float ExpectedProduct(const float* query, const float* codebook, size_t dsub, size_t ksub,
                      size_t k) {
  float sum = 0;
  for (size_t j = 0; j < dsub; ++j) {
    const float product = query[j] * codebook[j * ksub + k];
    sum += product;
  }
  return sum;
}

TEST(LaneSumTest, IsNearTheSumInDouble) {
  for (const size_t dim : kSizes) {
    const std::vector<float> a = RandomFloats(dim, 1), b = RandomFloats(dim, 2);
    double exact = 0, magnitude = 0;
    for (size_t i = 0; i < dim; ++i) {
      exact += double{a[i]} * double{b[i]};
      magnitude += std::abs(double{a[i]} * double{b[i]});
    }
    EXPECT_NEAR(ExpectedDot(a.data(), b.data(), dim), exact, 1e-5 * magnitude) << dim;
  }
}

class FloatKernelsTest : public IsaTest {};

TEST_P(FloatKernelsTest, DotAndL2SqrAreTheDefinitionBitForBit) {
  for (const size_t dim : kSizes) {
    GuardedBuffer<float> a(RandomFloats(dim, 3)), b(RandomFloats(dim, 4));
    EXPECT_EQ(BitsOf(kernels().dot(a.data(), b.data(), dim)),
              BitsOf(ExpectedDot(a.data(), b.data(), dim)))
        << dim;
    EXPECT_EQ(BitsOf(kernels().l2sqr(a.data(), b.data(), dim)),
              BitsOf(ExpectedL2Sqr(a.data(), b.data(), dim)))
        << dim;
  }
}

TEST_P(FloatKernelsTest, DotI8IsTheDefinitionBitForBit) {
  for (const size_t dim : kSizes) {
    GuardedBuffer<float> a(RandomFloats(dim, 5));
    GuardedBuffer<int8_t> b(RandomBytes(dim, 6));
    EXPECT_EQ(BitsOf(kernels().dot_i8(a.data(), b.data(), dim)),
              BitsOf(ExpectedDot(a.data(), b.data(), dim)))
        << dim;
  }
}

// Values whose sum depends on the order of additions and on where roundings fall; zeros of both
// signs; denormals.
TEST_P(FloatKernelsTest, HardValuesGiveTheSameBits) {
  const float kHard[] = {0.0f,  -0.0f,       1e-40f, -1e-42f, 1e30f,   -1e30f, 0.1f,
                         -0.3f, 16777216.0f, 1.0f,   3e-20f,  -3e-20f, 1e19f,  -7.0f};
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    const size_t dim = 1 + random() % 70;
    std::vector<float> a(dim), b(dim);
    for (size_t i = 0; i < dim; ++i) {
      a[i] = kHard[random() % std::size(kHard)];
      b[i] = 1e-2f * kHard[random() % std::size(kHard)];
      if (std::abs(a[i]) > 1e18f) b[i] = 1e-2f;
    }
    EXPECT_EQ(BitsOf(kernels().dot(a.data(), b.data(), dim)),
              BitsOf(ExpectedDot(a.data(), b.data(), dim)));
    for (float& value : a) value = std::min(std::max(value, -1e18f), 1e18f);
    EXPECT_EQ(BitsOf(kernels().l2sqr(a.data(), b.data(), dim)),
              BitsOf(ExpectedL2Sqr(a.data(), b.data(), dim)));
  }
  const float minus_zero[1] = {-0.0f}, one[1] = {1.0f};
  EXPECT_EQ(BitsOf(kernels().dot(minus_zero, one, 1)), BitsOf(0.0f));
}

TEST_P(FloatKernelsTest, NotANumberIsNotLost) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const size_t dim : {size_t{1}, size_t{16}, size_t{33}}) {
    for (size_t at = 0; at < dim; ++at) {
      std::vector<float> a(dim, 1.0f), b(dim, 2.0f);
      a[at] = nan;
      EXPECT_TRUE(std::isnan(kernels().dot(a.data(), b.data(), dim)));
      EXPECT_TRUE(std::isnan(kernels().l2sqr(a.data(), b.data(), dim)));
    }
  }
}

TEST_P(FloatKernelsTest, DotRowsEqualsDotOfEachRow) {
  for (const size_t dim : kSizes) {
    for (const size_t n : {0, 1, 3, 4, 5, 8, 11}) {
      for (const size_t gap : {0, 3}) {
        const size_t stride = dim + gap;
        GuardedBuffer<float> query(RandomFloats(dim, 8));
        // The last row has no gap after it.
        GuardedBuffer<float> rows(RandomFloats(n == 0 ? 0 : (n - 1) * stride + dim, 9));
        GuardedBuffer<float> out(n);
        kernels().dot_rows(query.data(), rows.data(), n, dim, stride, out.data());
        for (size_t i = 0; i < n; ++i) {
          ASSERT_EQ(BitsOf(out[i]),
                    BitsOf(ExpectedDot(query.data(), rows.data() + i * stride, dim)))
              << "dim " << dim << " row " << i << " of " << n;
        }
      }
    }
  }
}

TEST_P(FloatKernelsTest, TableIsTheDefinitionBitForBit) {
  for (const size_t ksub : {16, 64, 256}) {
    for (const size_t dsub : {1, 2, 3, 4, 7, 8, 12, 33}) {
      GuardedBuffer<float> query(RandomFloats(dsub, 10));
      GuardedBuffer<float> codebook(RandomFloats(dsub * ksub, 11));
      GuardedBuffer<float> out(ksub);
      kernels().table(query.data(), codebook.data(), dsub, ksub, out.data());
      for (size_t k = 0; k < ksub; ++k) {
        ASSERT_EQ(BitsOf(out[k]),
                  BitsOf(ExpectedProduct(query.data(), codebook.data(), dsub, ksub, k)))
            << "ksub " << ksub << " dsub " << dsub << " k " << k;
      }
    }
  }
}

TEST_P(FloatKernelsTest, ExtendSumsIsTheDefinitionBitForBit) {
  for (const size_t n : {size_t{16}, size_t{32}, size_t{64}, size_t{112}, size_t{256}}) {
    for (const size_t count : {size_t{0}, size_t{1}, size_t{4}}) {
      GuardedBuffer<float> start(RandomFloats(n, 7)), sums(std::vector<float>(n, -1));
      start.data()[3] = std::numeric_limits<float>::quiet_NaN();
      GuardedBuffer<float> terms(RandomFloats(n * count, 20));
      std::vector<const float*> pointers;
      for (size_t i = 0; i < count; ++i) pointers.push_back(terms.data() + i * n);
      for (const float limit : {0.5f, -std::numeric_limits<float>::infinity(),
                                std::numeric_limits<float>::infinity()}) {
        GuardedBuffer<uint16_t> below(std::vector<uint16_t>(n / 16, 0xffff));
        kernels().extend_sums(0.25f, start.data(), pointers.data(), count, n, limit, sums.data(), below.data());
        for (size_t k = 0; k < n; ++k) {
          float expected = 0.25f + start.data()[k];
          for (const float* term : pointers) expected += term[k];
          if (k == 3) {
            EXPECT_TRUE(std::isnan(sums.data()[k]));
          } else {
            EXPECT_EQ(BitsOf(sums.data()[k]), BitsOf(expected)) << n << ' ' << count << ' ' << k;
          }
          EXPECT_EQ(below.data()[k / 16] >> k % 16 & 1, expected < limit) << n << ' ' << count << ' ' << k;
        }
      }
    }
  }
}

TEST_P(FloatKernelsTest, QuantizeTableRoundsHalfToEvenAndClamps) {
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  // With minimum 1 and inverse step 2 the scaled value is 2 * (in - 1).
  const std::vector<float> in = {1.0f,  1.25f, 1.75f,  2.25f, 2.75f,  1.2499999f,
                                 64.0f, 64.5f, 64.25f, 65.0f, 0.75f,  -1e9f,
                                 1e9f,  inf,   -inf,   nan,   64.75f, 1.26f};
  const std::vector<uint8_t> expected = {0,   0, 2, 2,   4,   0, 126, 127, 126,
                                         127, 0, 0, 127, 127, 0, 0,   127, 1};
  ASSERT_EQ(in.size(), expected.size());
  for (size_t n = 0; n <= in.size(); ++n) {
    GuardedBuffer<float> guarded(std::vector<float>(in.begin(), in.begin() + n));
    GuardedBuffer<uint8_t> out(n);
    kernels().quantize_table(guarded.data(), n, 1.0f, 2.0f, out.data());
    for (size_t i = 0; i < n; ++i) ASSERT_EQ(out[i], expected[i]) << i << " of " << n;
  }
}

TEST_P(FloatKernelsTest, QuantizeTableOfRandomValues) {
  for (const size_t n : kSizes) {
    GuardedBuffer<float> in(RandomFloats(n, 12));
    GuardedBuffer<uint8_t> out(n);
    const float minimum = -6.0f, inverse_step = 9.7f;
    kernels().quantize_table(in.data(), n, minimum, inverse_step, out.data());
    for (size_t i = 0; i < n; ++i) {
      const float shifted = in[i] - minimum;
      const float scaled = shifted * inverse_step;
      const float clamped = std::min(std::max(scaled, 0.0f), 127.0f);
      ASSERT_EQ(out[i], static_cast<uint8_t>(std::nearbyint(clamped))) << i << " of " << n;
    }
  }
}

// Codes of n sub-vectors by the definition: the smallest k among the least scores.
std::vector<uint8_t> ExpectedNearest(const float* x, size_t n, size_t stride, size_t dsub,
                                     const float* codebook, const float* norms, size_t ksub) {
  std::vector<uint8_t> codes(n);
  for (size_t i = 0; i < n; ++i) {
    float best = std::numeric_limits<float>::infinity();
    for (size_t k = 0; k < ksub; ++k) {
      const float product = ExpectedProduct(x + i * stride, codebook, dsub, ksub, k);
      const float score = norms[k] - 2.0f * product;
      if (score < best) {
        best = score;
        codes[i] = static_cast<uint8_t>(k);
      }
    }
  }
  return codes;
}

class NearestTest : public IsaTest {
 protected:
  void Check(const std::vector<float>& x, size_t n, size_t stride, size_t dsub,
             const std::vector<float>& codebook, const std::vector<float>& norms,
             size_t code_stride) {
    GuardedBuffer<float> guarded_x(x), guarded_codebook(codebook), guarded_norms(norms);
    GuardedBuffer<uint8_t> codes(n == 0 ? 0 : (n - 1) * code_stride + 1);
    kernels().nearest(guarded_x.data(), n, stride, dsub, guarded_codebook.data(),
                      guarded_norms.data(), norms.size(), codes.data(), code_stride);
    const std::vector<uint8_t> expected =
        ExpectedNearest(x.data(), n, stride, dsub, codebook.data(), norms.data(), norms.size());
    for (size_t i = 0; i < n; ++i) {
      ASSERT_EQ(int{codes[i * code_stride]}, int{expected[i]})
          << "row " << i << " of " << n << " dsub " << dsub << " ksub " << norms.size();
      for (size_t gap = 1; i + 1 < n && gap < code_stride; ++gap) {
        ASSERT_EQ(codes[i * code_stride + gap], 0) << "written between codes";
      }
    }
  }
};

TEST_P(NearestTest, EqualsTheDefinition) {
  for (const size_t ksub : {16, 64, 256}) {
    for (const size_t dsub : {1, 2, 4, 7, 8, 12}) {
      for (const size_t n : {0, 1, 2, 3, 4, 5, 7, 8, 33}) {
        const size_t stride = dsub + 5;
        const std::vector<float> x = RandomFloats(n == 0 ? 0 : (n - 1) * stride + dsub, 13);
        const std::vector<float> codebook = RandomFloats(dsub * ksub, 14);
        std::vector<float> norms(ksub);
        for (size_t k = 0; k < ksub; ++k) {
          for (size_t j = 0; j < dsub; ++j) {
            norms[k] += codebook[j * ksub + k] * codebook[j * ksub + k];
          }
        }
        ASSERT_NO_FATAL_FAILURE(Check(x, n, stride, dsub, codebook, norms, 3));
        ASSERT_NO_FATAL_FAILURE(Check(x, n, stride, dsub, codebook, norms, 1));
      }
    }
  }
}

TEST_P(NearestTest, TiesGoToTheSmallestOfAllLanesAndGroups) {
  // Every pair of codewords in turn equals the query, all others are far.
  for (const size_t ksub : {16, 64, 256}) {
    for (size_t first = 0; first < ksub; first += 5) {
      for (size_t second = first; second < ksub; second += 7) {
        std::vector<float> codebook(2 * ksub, 9.0f), norms(ksub, 162.0f);
        for (const size_t k : {first, second}) {
          codebook[k] = codebook[ksub + k] = 1.0f;
          norms[k] = 2.0f;
        }
        ASSERT_NO_FATAL_FAILURE(Check(std::vector<float>(10, 1.0f), 5, 2, 2, codebook, norms, 1));
      }
    }
  }
}

TEST_P(NearestTest, NoScoreBelowInfinityGivesZero) {
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const size_t ksub : {16, 64, 256}) {
    const std::vector<float> codebook(3 * ksub, 1.0f), x(15, 1.0f);
    for (const float norm : {inf, nan}) {
      ASSERT_NO_FATAL_FAILURE(Check(x, 5, 3, 3, codebook, std::vector<float>(ksub, norm), 1));
      // One usable codeword among useless ones is found.
      std::vector<float> norms(ksub, norm);
      norms[ksub - 3] = 1.0f;
      ASSERT_NO_FATAL_FAILURE(Check(x, 5, 3, 3, codebook, norms, 1));
    }
  }
}

TESSERA_FOR_EVERY_ISA(FloatKernelsTest);
TESSERA_FOR_EVERY_ISA(NearestTest);

}  // namespace
}  // namespace tessera::simd
