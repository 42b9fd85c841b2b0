// Product quantization (Jegou, Douze, Schmid, PAMI 2011): a vector is cut into m sub-vectors, each
// coded by a codebook of its own.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "index/status.h"
#include "index/training.h"
#include "index/types.h"

namespace tessera {

// Immutable after training, so safe to share between threads.
// Sub-space s spans dimensions [bounds[s], bounds[s + 1]), bounds[s] = round(s * dim / m), so dim
// need not be a multiple of m. A code is sub-quantizer order: at 8 bits byte s; at 4 bits byte s /
// 2, even s in the low nibble (an odd m leaves the last high nibble 0); at 6 bits four of them in
// three bytes, the fourth cut in three parts of 2 bits above the others (simd/kernel_table.h).
class ProductQuantizer {
 public:
  ProductQuantizer() = default;
  // codebooks: for each sub-space, transposed [dsub][ksub] floats, one after another
  // (dim * ksub in all).
  ProductQuantizer(uint32_t dim, uint32_t m, uint32_t bits, std::vector<float> codebooks);

  // k-means in every sub-space. Needs at least ksub() rows (InvalidArgument says so).
  static StatusOr<ProductQuantizer> Train(MatrixView<const float> rows, uint32_t m, uint32_t bits,
                                          uint32_t iterations, const TrainingContext& context);

  uint32_t dim() const { return dim_; }
  uint32_t m() const { return m_; }
  uint32_t bits() const { return bits_; }
  uint32_t ksub() const { return 1u << bits_; }
  uint32_t code_bytes() const { return (m_ * bits_ + 7) / 8; }
  // Tables that a scan of such codes reads: m, and one of zeros where the last byte leaves room for
  // another code.
  uint32_t scan_tables() const { return code_bytes() * 8 / bits_; }
  uint32_t bound(uint32_t s) const { return bounds_[s]; }
  // Transposed [dsub][ksub] codebook of sub-space s.
  const float* codebook(uint32_t s) const {
    return codebooks_.data() + size_t{bounds_[s]} * ksub();
  }
  // ksub squared norms of sub-space s's codewords.
  const float* norms(uint32_t s) const { return norms_.data() + size_t{s} * ksub(); }
  const std::vector<float>& codebooks() const { return codebooks_; }

  // Codeword of sub-space s in a code.
  uint32_t Codeword(const uint8_t* code, uint32_t s) const;

  // codes: rows.rows() x code_bytes.
  void Encode(MatrixView<const float> rows, uint8_t* codes) const;
  // out: n x dim.
  void Decode(const uint8_t* codes, size_t n, float* out) const;
  // Squared distance between two codes, and between a vector and a code.
  float SymmetricDistance(const uint8_t* a, const uint8_t* b) const;
  float AsymmetricDistance(const float* query, const uint8_t* code) const;
  // Mean squared distance of rows to what they decode to.
  double QuantizationError(MatrixView<const float> rows) const;

 private:
  uint32_t dim_ = 0;
  uint32_t m_ = 0;
  uint32_t bits_ = 8;
  std::vector<uint32_t> bounds_;
  std::vector<float> codebooks_;
  std::vector<float> norms_;
};

}  // namespace tessera
