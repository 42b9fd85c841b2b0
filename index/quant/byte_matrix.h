// A matrix of floats as bytes, for products by integers: a quarter of the memory to read and four
// times the multiplications of an instruction. Integer sums are exact, so every instruction set
// gives the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "index/base/aligned_buffer.h"

namespace tessera::quant {

// Signed bytes of a vector: v[j] ~ step * bytes[j], padded with zeros to whole groups of four.
struct ByteVector {
  std::vector<int8_t> bytes;
  float step = 1;  // > 0
};
// One byte a component, step = max |v| / 127. Not finite components count as 0.
void QuantizeVector(const float* v, size_t dim, ByteVector& out);

// v[j] ~ step * (128 * high[j] + low[j]) at max |v| / 8064: 14 bits, more than any code of 8 bits
// tells apart.
struct LimbVector {
  std::vector<int8_t>
      bytes;  // all of high, then all of low, each padded with zeros to whole groups of four
  float step = 1;
  int32_t high_sum = 0;
  int32_t low_sum = 0;
  size_t padded() const { return bytes.size() / 2; }
  const int8_t* high() const { return bytes.data(); }
  const int8_t* low() const { return bytes.data() + padded(); }
  int64_t sum() const { return 128 * int64_t{high_sum} + low_sum; }
};
void QuantizeLimbs(const float* v, size_t dim, LimbVector& out);

// Rows of `dim` components as unsigned bytes in the layout of simd's products_u8s8: component =
// step * (u - 128) with one step for all. Immutable; thread-safe.
class ByteMatrix {
 public:
  ByteMatrix() = default;
  // rows: n x dim, finite.
  ByteMatrix(const float* rows, size_t n, size_t dim);

  size_t rows() const { return rows_; }
  size_t padded_rows() const { return groups_ * 16; }
  size_t padded_dim() const { return quads_ * 4; }
  float step() const { return step_; }
  size_t bytes() const { return packed_.capacity(); }

  // out[i * out_stride + r] = sum_j u[r][j] * vector_i[j] for all padded rows; vectors: n x
  // padded_dim() at `stride`. What the 128s add, 128 * sum of the vector, is the same for all rows
  // of a vector.
  void Products(const int8_t* vectors, size_t n, size_t stride, int32_t* out,
                size_t out_stride) const;
  // The same of one vector for `blocks` blocks of 16 rows; out: 16 * blocks.
  void BlockProducts(size_t first_block, size_t blocks, const int8_t* vector, int32_t* out) const;
  // Where a block begins, for prefetching.
  const void* block(size_t b) const { return packed_.data() + b * quads_ * 64; }

 private:
  size_t rows_ = 0;
  size_t groups_ = 0;
  size_t quads_ = 0;
  float step_ = 1;
  AlignedBuffer packed_;
};

// Rows at 14 bits as two byte matrices, with a step for each row: a rotation of queries that reads
// half the bytes of the floats and loses nothing that shows (a relative error of 1e-4 a component,
// random). Immutable; thread-safe.
class LimbMatrix {
 public:
  // Reused between calls.
  struct Scratch {
    std::vector<int8_t> bytes;
    std::vector<int32_t> products;
  };

  LimbMatrix() = default;
  // rows: n x dim, finite.
  LimbMatrix(const float* rows, size_t n, size_t dim);

  size_t rows() const { return steps_.size(); }
  size_t bytes() const {
    return high_.capacity() + low_.capacity() + steps_.size() * sizeof(float);
  }

  // outs[i][r] ~ <row r, vs[i]>; the matrix is read once for all vectors.
  void Multiply(std::span<const LimbVector* const> vs, Scratch& scratch,
                std::span<float* const> outs) const;

 private:
  size_t groups_ = 0;
  size_t quads_ = 0;
  AlignedBuffer high_;
  AlignedBuffer low_;
  std::vector<float> steps_;
};

}  // namespace tessera::quant
