#include "index/quant/error_weights.h"

#include <algorithm>
#include <utility>

#include "index/quant/blas.h"

namespace tessera::quant {
namespace {

constexpr size_t kBlockRows = 256;
constexpr int kPasses = 2;  // a third changes next to nothing

// Kept by the thread, since blocks are many and short.
struct Scratch {
  std::vector<float> errors;  // block x dim
  std::vector<float> pulls;   // block x dims of a part
  std::vector<uint8_t> scan_codes;
  std::vector<uint8_t> indices;
};
thread_local Scratch scratch;

// norms[k] = C_k^T W C_k for the codewords of a part and its block of W.
void WeightedNorms(const TablePart& part, const float* codebook, const std::vector<float>& matrix,
                   size_t dim, float* norms) {
  const uint32_t entries = part.entries();
  std::vector<double> products(entries);
  for (uint32_t a = 0; a < part.dims(); ++a) {
    std::fill(products.begin(), products.end(), 0.0);
    for (uint32_t b = 0; b < part.dims(); ++b) {
      const double weight = double{matrix[(part.begin + a) * dim + part.begin + b]};
      const float* values = codebook + size_t{b} * entries;
      for (uint32_t k = 0; k < entries; ++k) products[k] += weight * double{values[k]};
    }
    const float* values = codebook + size_t{a} * entries;
    for (uint32_t k = 0; k < entries; ++k) {
      norms[k] += static_cast<float>(products[k] * double{values[k]});
    }
  }
}

}  // namespace

ErrorWeights::ErrorWeights(std::vector<float> matrix, const TableCode& code)
    : dim_(code.dim()), matrix_(std::move(matrix)) {
  for (size_t p = 0; p < code.parts(); ++p) {
    norms_.resize(norms_.size() + code.part(p).entries());
    WeightedNorms(code.part(p), code.codebook(p), matrix_, dim_,
                  norms_.data() + norms_.size() - code.part(p).entries());
  }
}

void AddCodewords(const TableCode& code, size_t p, const uint8_t* scan_codes, size_t n, float sign,
                  float* errors) {
  const TablePart& part = code.part(p);
  for (size_t i = 0; i < n; ++i) {
    const float* value = code.codebook(p) + code.PartIndex(scan_codes + i * code.scan_codes(), p);
    float* error = errors + i * code.dim() + part.begin;
    for (uint32_t j = 0; j < part.dims(); ++j) error[j] += sign * value[size_t{j} * part.entries()];
  }
}

// e^T W e as a function of the codeword C of part p, e' the error without it: C^T W_pp C - 2 <W_p e', C> + const.
void ErrorWeights::ImprovePart(const TableCode& code, size_t p, size_t n,
                               uint8_t* scan_codes) const {
  const TablePart& part = code.part(p);
  size_t norms = 0;
  for (size_t before = 0; before < p; ++before) norms += code.part(before).entries();
  AddCodewords(code, p, scan_codes, n, 1.0f, scratch.errors.data());
  scratch.pulls.resize(n * part.dims());
  MultiplyTransposed(n, part.dims(), dim_, scratch.errors.data(), dim_,
                     matrix_.data() + size_t{part.begin} * dim_, dim_, scratch.pulls.data(),
                     part.dims());
  scratch.indices.resize(n);
  code.FindCodewords(p, {scratch.pulls.data(), n, part.dims()}, norms_.data() + norms,
                     scratch.indices.data(), 1);
  for (size_t i = 0; i < n; ++i) {
    code.SetPartIndex(p, scratch.indices[i], scan_codes + i * code.scan_codes());
  }
  AddCodewords(code, p, scan_codes, n, -1.0f, scratch.errors.data());
}

void ErrorWeights::ImproveBlock(const TableCode& code, MatrixView<const float> rows,
                                uint8_t* codes) const {
  const size_t n = rows.rows();
  scratch.errors.resize(n * dim_);
  code.Decode(codes, n, scratch.errors.data());
  for (size_t i = 0; i < n; ++i) {
    float* error = scratch.errors.data() + i * dim_;
    for (size_t j = 0; j < dim_; ++j) error[j] = rows.row(i)[j] - error[j];
  }
  scratch.scan_codes.resize(n * code.scan_codes());
  uint8_t* scan_codes = scratch.scan_codes.data();
  for (size_t i = 0; i < n; ++i) {
    code.ReadScanCodes(codes + i * code.code_bytes(), scan_codes + i * code.scan_codes());
  }
  for (int pass = 0; pass < kPasses; ++pass) {
    for (size_t p = 0; p < code.parts(); ++p) ImprovePart(code, p, n, scan_codes);
  }
  for (size_t i = 0; i < n; ++i) {
    code.WriteScanCodes(scan_codes + i * code.scan_codes(), codes + i * code.code_bytes());
  }
}

void ErrorWeights::Improve(const TableCode& code, MatrixView<const float> rows,
                           uint8_t* codes) const {
  if (empty()) return;
  for (size_t first = 0; first < rows.rows(); first += kBlockRows) {
    ImproveBlock(code, rows.Slice(first, std::min(kBlockRows, rows.rows() - first)),
                 codes + first * code.code_bytes());
  }
}

double ErrorWeights::Cost(const float* errors, size_t n) const {
  std::vector<float> weighted(std::min(n, kBlockRows) * dim_);
  double sum = 0;
  for (size_t first = 0; first < n; first += kBlockRows) {
    const size_t count = std::min(kBlockRows, n - first);
    const float* block = errors + first * dim_;
    MultiplyTransposed(count, dim_, dim_, block, dim_, matrix_.data(), dim_, weighted.data(), dim_);
    for (size_t i = 0; i < count * dim_; ++i) sum += double{block[i]} * double{weighted[i]};
  }
  return sum;
}

}  // namespace tessera::quant
