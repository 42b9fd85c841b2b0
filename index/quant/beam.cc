#include "index/quant/beam.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "index/quant/blas.h"
#include "index/quant/nearest.h"
#include "index/simd/kernels.h"

namespace tessera::quant {
namespace {

constexpr size_t kBlockRows = 64;
constexpr uint64_t kNone = UINT64_MAX;

// Ordered as (score, from); no finite or infinite score gives kNone.
uint64_t KeyOf(float score, uint32_t from) {
  const auto bits = std::bit_cast<uint32_t>(score + 0.0f);  // -0 is 0
  const uint32_t ordered = bits >> 31 ? ~bits : bits | 0x80000000u;
  return uint64_t{ordered} << 32 | from;
}
float ScoreOf(uint64_t key) {
  const auto ordered = static_cast<uint32_t>(key >> 32);
  return std::bit_cast<float>(ordered >> 31 ? ordered & 0x7fffffffu : ~ordered);
}

// Into ascending keys, the last of which leaves. Without a branch: where a key goes cannot be predicted.
void Insert(uint64_t key, std::vector<uint64_t>& keys) {
  for (size_t i = keys.size() - 1; i > 0; --i) keys[i] = std::min(std::max(key, keys[i - 1]), keys[i]);
  keys[0] = std::min(key, keys[0]);
}

}  // namespace

// A hypothesis is a partial sum: its score is |sum|^2 - 2 <row, sum>.
struct BeamEncoder::Scratch {
  std::vector<float> products;  // of the rows of a block with all codewords
  std::vector<float> start;     // of one row and stage: what a codeword's score has in every hypothesis
  std::vector<float> scores;    // of one hypothesis with each codeword
  std::vector<uint16_t> below;  // which of them are better than the worst that is kept, a bit each
  std::vector<const float*> terms;
  std::vector<uint64_t> best;  // extensions, ascending: score, and hypothesis * entries + codeword; then kNone
  std::vector<float> beam_scores;
  std::vector<uint8_t> beam;  // [hypothesis][stage]
  std::vector<uint8_t> next_beam;
};

BeamEncoder::BeamEncoder(std::span<const float* const> codebooks, uint32_t entries, uint32_t dims)
    : stages_(static_cast<uint32_t>(codebooks.size())), entries_(entries), dims_(dims) {
  for (const float* codebook : codebooks) {
    const std::vector<float> rows = Transpose(codebook, dims, entries);
    codewords_.insert(codewords_.end(), rows.begin(), rows.end());
  }
  norms_ = SquaredNorms(codewords_.data(), size_t{stages_} * entries, dims);
  crosses_.resize(size_t{stages_} * (stages_ - 1) / 2 * entries * entries);
  const size_t stage = size_t{entries} * dims;
  for (uint32_t t = 1; t < stages_; ++t) {
    // The stages before lie together, and so do their products.
    MultiplyTransposed(size_t{t} * entries, entries, dims, codewords_.data(), dims,
                       codewords_.data() + t * stage, dims,
                       crosses_.data() + size_t{t} * (t - 1) / 2 * entries * entries, entries);
  }
  for (float& cross : crosses_) cross *= 2;
}

void BeamEncoder::Extend(const float* products, uint32_t t, uint32_t width,
                         Scratch& scratch) const {
  scratch.best.assign(width, kNone);
  const float* norms = norms_.data() + size_t{t} * entries_;
  const float* row = products + size_t{t} * entries_;
  for (uint32_t k = 0; k < entries_; ++k) scratch.start[k] = norms[k] - 2.0f * row[k];
  const auto extend = simd::ActiveKernels().extend_sums;
  float limit = std::numeric_limits<float>::infinity();
  for (uint32_t h = 0; h < scratch.beam_scores.size(); ++h) {
    for (uint32_t u = 0; u < t; ++u) {
      scratch.terms[u] = Crosses(t, u, scratch.beam[size_t{h} * stages_ + u]);
    }
    extend(scratch.beam_scores[h], scratch.start.data(), scratch.terms.data(), t, entries_, limit,
           scratch.scores.data(), scratch.below.data());
    for (uint32_t group = 0; group < entries_ / 16; ++group) {
      for (uint32_t mask = scratch.below[group]; mask != 0; mask &= mask - 1) {
        const uint32_t k = 16 * group + static_cast<uint32_t>(std::countr_zero(mask));
        if (!(scratch.scores[k] < limit)) continue;  // it has moved since
        Insert(KeyOf(scratch.scores[k], h * entries_ + k), scratch.best);
        if (scratch.best.back() != kNone) limit = ScoreOf(scratch.best.back());
      }
    }
  }
  if (scratch.best[0] == kNone) scratch.best[0] = KeyOf(0, 0);  // no score below infinity
}

void BeamEncoder::EncodeRow(const float* products, uint32_t width, Scratch& scratch,
                            uint8_t* indices) const {
  scratch.beam_scores.assign(1, 0.0f);
  for (uint32_t t = 0; t < stages_; ++t) {
    Extend(products, t, width, scratch);
    const auto end = std::lower_bound(scratch.best.begin(), scratch.best.end(), kNone);
    const auto kept = static_cast<size_t>(end - scratch.best.begin());
    scratch.beam_scores.resize(kept);
    for (size_t i = 0; i < kept; ++i) {
      const auto extension = static_cast<uint32_t>(scratch.best[i]);
      const uint8_t* from = scratch.beam.data() + size_t{extension / entries_} * stages_;
      uint8_t* to = scratch.next_beam.data() + i * stages_;
      std::copy_n(from, t, to);
      to[t] = static_cast<uint8_t>(extension % entries_);
      scratch.beam_scores[i] = ScoreOf(scratch.best[i]);
    }
    scratch.beam.swap(scratch.next_beam);
  }
  std::copy_n(scratch.beam.data(), stages_, indices);
}

void BeamEncoder::Encode(MatrixView<const float> rows, uint32_t width, uint8_t* indices) const {
  thread_local Scratch scratch;
  const size_t codewords = size_t{stages_} * entries_;
  scratch.products.resize(kBlockRows * codewords);
  scratch.start.resize(entries_);
  scratch.scores.resize(entries_);
  scratch.below.resize(entries_ / 16);
  scratch.terms.resize(stages_);
  scratch.beam.resize(size_t{width} * stages_);
  scratch.next_beam.resize(size_t{width} * stages_);
  for (size_t first = 0; first < rows.rows(); first += kBlockRows) {
    const auto block = rows.Slice(first, std::min(kBlockRows, rows.rows() - first));
    MultiplyTransposed(block.rows(), codewords, dims_, block.data(), block.stride(),
                       codewords_.data(), dims_, scratch.products.data(), codewords);
    for (size_t i = 0; i < block.rows(); ++i) {
      EncodeRow(scratch.products.data() + i * codewords, width, scratch,
                indices + (first + i) * stages_);
    }
  }
}

}  // namespace tessera::quant
