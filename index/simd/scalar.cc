// Every kernel written plainly from its definition: the reference, and what runs on processors for
// which there is nothing better.
#include "index/simd/kernel_table.h"

#include "index/simd/integer_scalar.inl"
#include "index/simd/scan_scalar.inl"

namespace tessera::simd {
namespace {

constexpr size_t kLanes = 16;

float SumOfLanes(float* lanes) {
  for (size_t half = kLanes / 2; half > 0; half /= 2) {
    for (size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

float Dot(const float* a, const float* b, size_t dim) {
  float lanes[kLanes] = {};
  for (size_t i = 0; i < dim; ++i) lanes[i % kLanes] += a[i] * b[i];
  return SumOfLanes(lanes);
}

float L2Sqr(const float* a, const float* b, size_t dim) {
  float lanes[kLanes] = {};
  for (size_t i = 0; i < dim; ++i) lanes[i % kLanes] += (a[i] - b[i]) * (a[i] - b[i]);
  return SumOfLanes(lanes);
}

float DotI8(const float* a, const int8_t* b, size_t dim) {
  float lanes[kLanes] = {};
  for (size_t i = 0; i < dim; ++i) lanes[i % kLanes] += a[i] * static_cast<float>(b[i]);
  return SumOfLanes(lanes);
}

void DotRows(const float* query, const float* rows, size_t n, size_t dim, size_t stride,
             float* out) {
  for (size_t i = 0; i < n; ++i) out[i] = Dot(query, rows + i * stride, dim);
}

void Table(const float* query, const float* codebook, size_t dsub, size_t ksub, float* out) {
  for (size_t k = 0; k < ksub; ++k) out[k] = 0;
  for (size_t j = 0; j < dsub; ++j) {
    for (size_t k = 0; k < ksub; ++k) out[k] += query[j] * codebook[j * ksub + k];
  }
}

void QuantizeTable(const float* in, size_t n, float minimum, float inverse_step, uint8_t* out) {
  constexpr float kTwoTo23 = 8388608.0f;  // floats from here on have no fraction: adding it rounds
  for (size_t i = 0; i < n; ++i) {
    const float scaled = (in[i] - minimum) * inverse_step;
    const float positive = scaled > 0.0f ? scaled : 0.0f;  // also for NaN
    const float clamped = positive < 127.0f ? positive : 127.0f;
    out[i] = static_cast<uint8_t>((clamped + kTwoTo23) - kTwoTo23);
  }
}

void Nearest(const float* x, size_t n, size_t x_stride, size_t dsub, const float* codebook,
             const float* norms, size_t ksub, uint8_t* codes, size_t code_stride) {
  for (size_t i = 0; i < n; ++i) {
    float products[256];
    Table(x + i * x_stride, codebook, dsub, ksub, products);
    float best = __builtin_inff();
    size_t best_k = 0;
    for (size_t k = 0; k < ksub; ++k) {
      const float score = norms[k] - 2.0f * products[k];
      if (score < best) {
        best = score;
        best_k = k;
      }
    }
    codes[i * code_stride] = static_cast<uint8_t>(best_k);
  }
}

void ExtendSums(float first, const float* start, const float* const* terms, size_t count, size_t n,
                float limit, float* sums, uint16_t* below) {
  for (size_t g = 0; g < n / 16; ++g) below[g] = 0;
  for (size_t k = 0; k < n; ++k) {
    float sum = first + start[k];
    for (size_t i = 0; i < count; ++i) sum += terms[i][k];
    sums[k] = sum;
    if (sum < limit) below[k / 16] = static_cast<uint16_t>(below[k / 16] | 1u << k % 16);
  }
}

}  // namespace

const Kernels kScalarKernels = {"scalar",
                                false,
                                Scan8Scalar,
                                Scan4Scalar,
                                Scan6Scalar,
                                Dot,
                                L2Sqr,
                                DotI8,
                                DotRows,
                                Table,
                                QuantizeTable,
                                Nearest,
                                ExtendSums,
                                ProductsU8S8Scalar,
                                ScoreKeysScalar,
                                LeastScoreScalar,
                                BoundKeysScalar,
                                SelectKeysScalar,
                                DotLimbsScalar,
                                DotNibblesScalar,
                                DotBitsScalar,
                                Hamming};

}  // namespace tessera::simd
