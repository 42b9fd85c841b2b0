// Encoding by sums of codewords of several codebooks over the same dimensions: a beam of the best partial
// sums (Babenko, Lempitsky, CVPR 2014, section 3.2), stage by stage.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "index/types.h"

namespace tessera::quant {

// Codebooks of the stages of one group, prepared: products between codewords of different stages take
// (stages * entries)^2 / 2 floats. Immutable, thread-safe after construction.
class BeamEncoder {
 public:
  BeamEncoder() = default;
  // codebooks: of each stage, transposed [dims][entries]; borrowed for the construction only. entries: a multiple of
  // 16, at most 256.
  BeamEncoder(std::span<const float* const> codebooks, uint32_t entries, uint32_t dims);

  uint32_t stages() const { return stages_; }
  size_t bytes() const { return (codewords_.size() + norms_.size() + crosses_.size()) * sizeof(float); }

  // indices[i * stages + t] = codeword of stage t for row i: at every stage the `width` sums nearest to the
  // row are kept, so that width = 1 is greedy. rows.dim() = dims.
  void Encode(MatrixView<const float> rows, uint32_t width, uint8_t* indices) const;

 private:
  struct Scratch;

  void EncodeRow(const float* products, uint32_t width, Scratch& scratch, uint8_t* indices) const;
  // The best extensions of the beam by stage t, in order, in scratch.best.
  void Extend(const float* products, uint32_t t, uint32_t width, Scratch& scratch) const;
  // Twice the products of stage t's codewords with codeword k of an earlier stage u.
  const float* Crosses(uint32_t t, uint32_t u, uint32_t k) const {
    return crosses_.data() +
           ((size_t{t} * (t - 1) / 2 + u) * entries_ + k) * entries_;
  }

  uint32_t stages_ = 0;
  uint32_t entries_ = 0;
  uint32_t dims_ = 0;
  std::vector<float> codewords_;  // [stage][entry][dims]
  std::vector<float> norms_;      // squared, [stage][entry]
  std::vector<float> crosses_;
};

}  // namespace tessera::quant
