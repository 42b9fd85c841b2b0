#include "index/product_quantizer.h"

#include <algorithm>
#include <string>
#include <utility>

#include "index/quant/codebooks.h"
#include "index/quant/rows.h"
#include "index/quant/table_layout.h"
#include "index/simd/kernels.h"

namespace tessera {
namespace {

// Rows encoded together: they stay in the L2 cache while one codebook after the other passes.
constexpr size_t kBlockRows = 256;

uint32_t CodeAt(const uint8_t* code, uint32_t s, uint32_t bits) {
  if (bits == 8) return code[s];
  if (bits == 4) return (s % 2 == 0) ? code[s / 2] & 15u : code[s / 2] >> 4;
  const uint8_t* group = code + s / 4 * 3;
  if (s % 4 != 3) return group[s % 4] & 63u;
  return static_cast<uint32_t>(group[0] >> 6 | group[1] >> 6 << 2 | group[2] >> 6 << 4);
}

// Joins codes[2i] and codes[2i + 1] (m of them, each below 16) into byte i.
void PackNibbles(const uint8_t* codes, uint32_t m, uint8_t* out) {
  for (uint32_t s = 0; s + 1 < m; s += 2) {
    out[s / 2] = static_cast<uint8_t>(codes[s] | (codes[s + 1] << 4));
  }
  if (m % 2 != 0) out[m / 2] = codes[m - 1];
}

// The same for groups of four codes below 64: the fourth goes above the other three.
void PackSixBits(const uint8_t* codes, uint32_t m, uint8_t* out) {
  for (uint32_t s = 0; s < m; s += 4) {
    const uint32_t fourth = s + 3 < m ? codes[s + 3] : 0;
    for (uint32_t i = 0; i < 3 && s + i < m; ++i) {
      *out++ = static_cast<uint8_t>(codes[s + i] | (fourth >> (2 * i) & 3) << 6);
    }
  }
}

Status CheckTraining(MatrixView<const float> rows, uint32_t m, uint32_t bits) {
  if (bits != 4 && bits != 6 && bits != 8) {
    return InvalidArgument("bits must be 4, 6 or 8, got " + std::to_string(bits));
  }
  if (m == 0 || m > rows.dim()) {
    return InvalidArgument("m must be in 1.." + std::to_string(rows.dim()) +
                           " (the dimension), got " + std::to_string(m));
  }
  const uint32_t ksub = 1u << bits;
  if (rows.rows() < ksub) {
    return InvalidArgument("product quantizer of " + std::to_string(bits) +
                           " bits needs at least " + std::to_string(ksub) + " rows, got " +
                           std::to_string(rows.rows()));
  }
  return quant::CheckFinite(rows, "rows");
}

}  // namespace

ProductQuantizer::ProductQuantizer(uint32_t dim, uint32_t m, uint32_t bits,
                                   std::vector<float> codebooks)
    : dim_(dim), m_(m), bits_(bits), bounds_(quant::SubSpaceBounds(dim, m)), codebooks_(std::move(codebooks)) {
  norms_.resize(size_t{m} * ksub());
  for (uint32_t s = 0; s < m; ++s) {
    float* out = norms_.data() + size_t{s} * ksub();
    for (uint32_t j = 0; j < bounds_[s + 1] - bounds_[s]; ++j) {
      const float* values = codebook(s) + size_t{j} * ksub();
      for (uint32_t k = 0; k < ksub(); ++k) out[k] += values[k] * values[k];
    }
  }
}

StatusOr<ProductQuantizer> ProductQuantizer::Train(MatrixView<const float> rows, uint32_t m,
                                                   uint32_t bits, uint32_t iterations,
                                                   const TrainingContext& context) {
  TESSERA_RETURN_IF_ERROR(CheckTraining(rows, m, bits));
  const auto dim = static_cast<uint32_t>(rows.dim());
  const std::vector<uint32_t> bounds = quant::SubSpaceBounds(dim, m);
  std::vector<quant::TablePart> parts;
  for (uint32_t s = 0; s < m; ++s) parts.push_back({bounds[s], bounds[s + 1], bits});
  TESSERA_ASSIGN_OR_RETURN(auto codebooks,
                           quant::TrainCodebooks(rows, parts, iterations, context));
  return ProductQuantizer(dim, m, bits, std::move(codebooks));
}

void ProductQuantizer::Encode(MatrixView<const float> rows, uint8_t* codes) const {
  const auto& kernels = simd::ActiveKernels();
  std::vector<uint8_t> wide(bits_ == 8 ? 0 : kBlockRows * m_);  // a byte for each code
  for (size_t first = 0; first < rows.rows(); first += kBlockRows) {
    const auto block = rows.Slice(first, std::min(kBlockRows, rows.rows() - first));
    uint8_t* out = bits_ == 8 ? codes + first * m_ : wide.data();
    for (uint32_t s = 0; s < m_; ++s) {
      kernels.nearest(block.data() + bounds_[s], block.rows(), block.stride(),
                      bounds_[s + 1] - bounds_[s], codebook(s), norms(s), ksub(), out + s, m_);
    }
    if (bits_ == 8) continue;
    for (size_t i = 0; i < block.rows(); ++i) {
      (bits_ == 4 ? PackNibbles : PackSixBits)(wide.data() + i * m_, m_,
                                               codes + (first + i) * code_bytes());
    }
  }
}

uint32_t ProductQuantizer::Codeword(const uint8_t* code, uint32_t s) const {
  return CodeAt(code, s, bits_);
}

void ProductQuantizer::Decode(const uint8_t* codes, size_t n, float* out) const {
  for (size_t first = 0; first < n; first += kBlockRows) {
    const size_t last = std::min(n, first + kBlockRows);
    for (uint32_t s = 0; s < m_; ++s) {  // sub-space by sub-space: one codebook fits the L1 cache
      const uint32_t dsub = bounds_[s + 1] - bounds_[s];
      for (size_t i = first; i < last; ++i) {
        const float* value = codebook(s) + CodeAt(codes + i * code_bytes(), s, bits_);
        float* to = out + i * dim_ + bounds_[s];
        for (uint32_t j = 0; j < dsub; ++j) to[j] = value[size_t{j} * ksub()];
      }
    }
  }
}

float ProductQuantizer::SymmetricDistance(const uint8_t* a, const uint8_t* b) const {
  float sum = 0;
  for (uint32_t s = 0; s < m_; ++s) {
    const float* x = codebook(s) + CodeAt(a, s, bits_);
    const float* y = codebook(s) + CodeAt(b, s, bits_);
    for (size_t j = 0; j < bounds_[s + 1] - bounds_[s]; ++j) {
      const float difference = x[j * ksub()] - y[j * ksub()];
      sum += difference * difference;
    }
  }
  return sum;
}

float ProductQuantizer::AsymmetricDistance(const float* query, const uint8_t* code) const {
  float sum = 0;
  for (uint32_t s = 0; s < m_; ++s) {
    const float* x = codebook(s) + CodeAt(code, s, bits_);
    for (size_t j = 0; j < bounds_[s + 1] - bounds_[s]; ++j) {
      const float difference = query[bounds_[s] + j] - x[j * ksub()];
      sum += difference * difference;
    }
  }
  return sum;
}

double ProductQuantizer::QuantizationError(MatrixView<const float> rows) const {
  if (rows.rows() == 0) return 0;
  std::vector<uint8_t> codes(kBlockRows * code_bytes());
  double sum = 0;
  for (size_t first = 0; first < rows.rows(); first += kBlockRows) {
    const auto block = rows.Slice(first, std::min(kBlockRows, rows.rows() - first));
    Encode(block, codes.data());
    for (size_t i = 0; i < block.rows(); ++i) {
      sum += double{AsymmetricDistance(block.row(i), codes.data() + i * code_bytes())};
    }
  }
  return sum / static_cast<double>(rows.rows());
}

}  // namespace tessera
