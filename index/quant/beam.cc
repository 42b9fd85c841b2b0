#include "index/quant/beam.h"

#include <algorithm>
#include <limits>

#include "index/quant/blas.h"
#include "index/quant/nearest.h"

namespace tessera::quant {
namespace {

constexpr size_t kBlockRows = 64;

}  // namespace

// A hypothesis is a partial sum: its score is |sum|^2 - 2 <row, sum>.
struct BeamEncoder::Scratch {
  struct Candidate {
    float score;
    uint32_t from;  // hypothesis and codeword: from * entries + k
    friend bool operator<(const Candidate& a, const Candidate& b) {
      return a.score != b.score ? a.score < b.score : a.from < b.from;
    }
  };
  std::vector<float> products;  // of the rows of a block with all codewords
  std::vector<float> scores;    // of one hypothesis with each codeword
  std::vector<Candidate> candidates;
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
}

void BeamEncoder::Extend(const float* products, uint32_t t, uint32_t width,
                         Scratch& scratch) const {
  using Candidate = Scratch::Candidate;
  std::vector<Candidate>& best = scratch.candidates;
  best.clear();
  const float* norms = norms_.data() + size_t{t} * entries_;
  const float* row = products + size_t{t} * entries_;
  float* scores = scratch.scores.data();
  float limit = std::numeric_limits<float>::infinity();
  for (uint32_t h = 0; h < scratch.beam_scores.size(); ++h) {
    const float before = scratch.beam_scores[h];
    for (uint32_t k = 0; k < entries_; ++k) scores[k] = before + norms[k] - 2.0f * row[k];
    for (uint32_t u = 0; u < t; ++u) {
      const float* crosses = Crosses(t, u, scratch.beam[size_t{h} * stages_ + u]);
      for (uint32_t k = 0; k < entries_; ++k) scores[k] += 2.0f * crosses[k];
    }
    for (uint32_t k = 0; k < entries_; ++k) {
      if (!(scores[k] < limit)) continue;
      const Candidate one = {scores[k], h * entries_ + k};
      if (best.size() == width) best.pop_back();
      best.insert(std::upper_bound(best.begin(), best.end(), one), one);
      if (best.size() == width) limit = best.back().score;
    }
  }
  if (best.empty()) best.push_back({0, 0});  // no score below infinity
}

void BeamEncoder::EncodeRow(const float* products, uint32_t width, Scratch& scratch,
                            uint8_t* indices) const {
  scratch.beam_scores.assign(1, 0.0f);
  for (uint32_t t = 0; t < stages_; ++t) {
    Extend(products, t, width, scratch);
    const auto& best = scratch.candidates;
    scratch.beam_scores.resize(best.size());
    for (size_t i = 0; i < best.size(); ++i) {
      const uint8_t* from = scratch.beam.data() + size_t{best[i].from / entries_} * stages_;
      uint8_t* to = scratch.next_beam.data() + i * stages_;
      std::copy_n(from, t, to);
      to[t] = static_cast<uint8_t>(best[i].from % entries_);
      scratch.beam_scores[i] = best[i].score;
    }
    scratch.beam.swap(scratch.next_beam);
  }
  std::copy_n(scratch.beam.data(), stages_, indices);
}

void BeamEncoder::Encode(MatrixView<const float> rows, uint32_t width, uint8_t* indices) const {
  thread_local Scratch scratch;
  const size_t codewords = size_t{stages_} * entries_;
  scratch.products.resize(kBlockRows * codewords);
  scratch.scores.resize(entries_);
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
