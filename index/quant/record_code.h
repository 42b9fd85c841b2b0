// Records of components: what a row's residual r becomes where no codebook is, both as the code
// that is scanned and as the refine record beside a code.
//
// A record, little-endian (b = bits of a component; code_planes.h has the layout of `codes`):
//   SQ     codes, bf16 scale                     r~_j = scale (u_j - 2^(b-1)), |u_j - 2^(b-1)| <
//   2^(b-1) SQ*A   codes, bf16 scale, bf16 middle        r~_j = middle + scale (u_j - (2^b - 1) /
//   2) SQ*S   (P, E) codes                          r~_j = low_j + step_j u_j, ranges in the model
//   RaBitQ codes, f32 scale (up to 4 bits: bf16) r~_j = scale (u_j - (2^b - 1) / 2)
//   FP16, BF16  two bytes a component            r~_j
//   Binary (dim + 7) / 8 bytes of signs, bf16 n  r~_j = +-n / sqrt(dim), n = |r|; of truncated rows bf16 w
// then, but for Binary, f32 g under L2 and cosine, and behind the g of a RaBitQ that is scanned its
// bf16 spread. Estimates (smaller is better; base and y as in query.h):
//   L2, cosine: D = base + g - 2 <y, r~>, g = |r|^2 + 2 <c, r~>;  inner product: D = base - <y, r~>
//   Binary (L2, cosine), h of dim signs differing from those of y - c:
//     D = base + n^2 + w - 2 |y - c| n cos(pi h / dim)
// w: what the row's tail adds to its distance (estimator.h), which is part of g where there is one.
#pragma once

#include <cstdint>
#include <vector>

#include "index/quant/byte_matrix.h"
#include "index/quant/record_ranges.h"
#include "index/quantizer_spec.h"
#include "index/status.h"
#include "index/types.h"

namespace tessera::quant {

enum class RecordUse : uint8_t {
  kRefine,
  kScanned,      // records rank rows by themselves
  kScannedPart,  // the same, of rows that have dimensions beside those of the record
};

// A query made ready for the records of one RecordCode. Memory is reused.
struct RecordQuery {
  LimbVector weights;          // y_j, times step_j for static ranges: integers
  float bias = 0;              // static ranges: <y, middle of the ranges>
  std::vector<float> y;        // FP16, BF16, Binary
  float norm = 0;              // Binary: |y - c| of the list last entered
  std::vector<uint8_t> signs;  // Binary: of y - c
  std::vector<float> scratch;
};

// How records of one kind are written, read and scored. Immutable; thread-safe.
class RecordCode {
 public:
  // No records: bytes() is 0.
  RecordCode() = default;
  // ranges: dim values each if spec.is_static().
  RecordCode(const RecordSpec& spec, Metric metric, uint32_t dim, RecordUse use,
             RecordRanges ranges = {});

  const RecordSpec& spec() const { return spec_; }
  const RecordRanges& ranges() const { return ranges_; }
  uint32_t dim() const { return dim_; }
  bool empty() const { return bytes_ == 0; }
  uint32_t bytes() const { return bytes_; }  // of a record
  // The first of them, which are all that Decode reads.
  uint32_t decoded_bytes() const {
    for (const uint32_t at : {g_at_, slack_at_, tail_at_}) {
      if (at != 0) return at;
    }
    return bytes_;
  }
  // Whether records carry a bound of their error: Slack().
  bool has_slack() const { return slack_at_ != 0; }
  size_t resident_bytes() const;

  // residual, centroid: dim finite floats, rotated. tail: w. decoded: dim floats, receives r~. record:
  // bytes().
  void Write(const float* residual, const float* centroid, float tail, float* decoded,
             uint8_t* record) const;
  // r~ of any bytes, of which the first decoded_bytes() are read; finite if the record was written by Write.
  void Decode(const uint8_t* record, float* out) const;

  // y: the rotated query of dim floats.
  void Prepare(const float* y, RecordQuery& out) const;
  // Before records of a list with that centroid are scored: what Binary needs; nothing to the others.
  void EnterList(const float* centroid, RecordQuery& query) const;
  // D; finite for any bytes.
  float Score(const RecordQuery& query, float base, const uint8_t* record) const;
  // The standard deviation of D's error over random rotations, divided by the distance of query and
  // centroid (inner product: by |y|). Precondition: has_slack().
  float Slack(const uint8_t* record) const;

 private:
  // Codes and header; returns RaBitQ's spread.
  float WriteIntegers(const float* residual, uint8_t* record) const;
  void WriteSigns(const float* residual, float tail, float* decoded, uint8_t* record) const;
  void DecodeIntegers(const uint8_t* record, float* out) const;
  void DecodeFloats(const uint8_t* record, float* out) const;
  float Product(const RecordQuery& query, const uint8_t* record) const;
  float ScaleOf(const uint8_t* record) const;
  float MiddleOf(const uint8_t* record) const;
  // 2 z: the code that stands for the middle, doubled.
  int32_t doubled_middle() const;

  RecordSpec spec_;
  Metric metric_ = Metric::kL2;
  uint32_t dim_ = 0;
  RecordRanges ranges_;
  std::vector<float> cosines_;  // Binary: of h differing signs
  // Where the fields of a record are; 0 where it has none.
  uint32_t scale_at_ = 0;
  bool wide_scale_ = false;  // f32
  uint32_t middle_at_ = 0;
  uint32_t g_at_ = 0;
  uint32_t slack_at_ = 0;
  uint32_t tail_at_ = 0;
  uint32_t bytes_ = 0;
};

}  // namespace tessera::quant
