// The trained model of one generation of a collection, and the coarse centroids that go with it.
//
// Notation (x: a row, normalised under cosine; all but m0 and t in rotated space):
//   R (x - m0) = c_l + r     m0 mean vector, R rotation, c_l centroid of list l, r residual
//   r^ = the code's decoded residual,  e = r - r^
// Table codes are of r over the list's scale, and r^ is what they decode to times it.
// With a truncation R has fewer rows than columns, and x - m0 = R^T (c_l + r) + t, t the tail.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "index/quant/byte_matrix.h"
#include "index/quant/centroid_groups.h"
#include "index/quant/error_weights.h"
#include "index/quant/record_code.h"
#include "index/quant/table_code.h"
#include "index/quantizer_spec.h"
#include "index/status.h"
#include "index/training.h"
#include "index/types.h"

namespace tessera::quant {

// The centroids, versioned apart from the model so that lists can split and merge later.
// Immutable once shared.
class ListTable {
 public:
  ListTable() = default;
  // dim: of codes (Model::code_dim). centroids: nlist x dim in rotated, centred space.
  ListTable(uint32_t dim, std::vector<float> centroids);

  uint32_t dim() const { return dim_; }
  uint32_t nlist() const { return static_cast<uint32_t>(norms_.size()); }
  const float* centroid(ListId list) const { return centroids_.data() + size_t{list.value} * dim_; }
  const std::vector<float>& centroids() const { return centroids_; }
  const std::vector<float>& norms() const { return norms_; }  // squared
  // The centroids once more, for the first pass of a coarse search; no rows where the lists are too
  // few for one, or where squares overflow.
  const ByteMatrix& byte_centroids() const { return byte_centroids_; }
  // Two levels where there are very many lists; else no groups.
  const CentroidGroups& groups() const { return groups_; }
  size_t bytes() const {
    return (centroids_.size() + norms_.size()) * sizeof(float) + byte_centroids_.bytes() +
           groups_.bytes();
  }

 private:
  uint32_t dim_ = 0;
  std::vector<float> centroids_;
  std::vector<float> norms_;
  ByteMatrix byte_centroids_;
  CentroidGroups groups_;
};

// Immutable once shared. Plain data: every field is written by training or Parse and read by encode
// and query.
struct Model {
  QuantizerSpec spec;  // resolved
  Metric metric = Metric::kL2;
  uint32_t dim = 0;
  std::vector<float> mean;      // m0, dim floats in the original (normalised) space
  // R, code_dim() x rotated_dim() row-major (y = R x); empty = identity, of the first code_dim() components
  std::vector<float> rotation;
  std::shared_ptr<const LimbMatrix> query_rotation;  // R once more for queries, if any; made by SetRotation
  TableCode code;               // of residuals, over their list's scale
  std::vector<float> list_scales;  // one a list of the table, > 0; empty = all are 1 (list_scale.h)
  ErrorWeights error_weights;   // what codes are chosen by where they are fine-tuned; else none
  // Correction of the estimator: see encoder.h.
  float mu = 0.35f;
  // Inner product only: b_i is weighted by s_q = ip_weight * |q|, 0..1 (0 = no correction of that
  // kind).
  float ip_weight = 0;
  // A row's correction is counted in steps (> 0) from low + slope * its list's scale on, which is where those of nearly
  // all rows are a byte (calibration.h).
  float correction_step = 1;
  float correction_low = 0;
  float correction_slope = 0;
  // By how much at most, all but seldom, a near row is nearer than its estimate says: |y - c| times
  // this (error_bound.h). 0 = not measured: no estimate is trusted.
  float error_bound = 0;
  // Residuals of a larger square, that of their tail included, are drawn in to it before they become product codes or
  // records of static ranges (outliers.h). 0 = none is.
  float residual_limit = 0;
  RecordCode record;          // of residuals: the code where there is no table code; else empty
  RecordCode refine;          // of residuals in all dimensions, beside the code; empty without refine records
  double training_error = 0;  // mean |r - r^|^2 over the sample
  uint64_t trained_rows = 0;

  // Dimensions of codes and centroids.
  uint32_t code_dim() const { return spec.coded_dim(dim); }
  bool truncated() const { return spec.truncation != TruncationKind::kNone; }
  // Components of a vector, the first ones, that the rotation reads.
  uint32_t rotated_dim() const {
    return spec.truncation == TruncationKind::kLeading ? code_dim() : dim;
  }
  uint32_t code_bytes() const { return record.empty() ? code.code_bytes() : record.bytes(); }
  uint32_t refine_bytes() const { return refine.bytes(); }
  RecordUse record_use() const { return truncated() ? RecordUse::kScannedPart : RecordUse::kScanned; }
  size_t bytes() const;  // resident memory of the arrays
  // The nearest step that a correction of the list is, within +-2^30; and where they count from, in steps.
  int32_t CorrectionUnits(ListId list, float correction) const;
  int32_t correction_origin(float list_scale) const;
  float list_scale(ListId list) const { return list_scales.empty() ? 1.0f : list_scales[list.value]; }

  // Whether models of a spec have scales of lists: table codes, but under inner product, whose errors count alike
  // wherever a row is.
  static bool HasListScales(const QuantizerSpec& spec, Metric metric) {
    return spec.has_table_code() && spec.nlist > 1 && metric != Metric::kInnerProduct;
  }
  // Whether models of a spec have a rotation: RaBitQ brings its own, PCA is one.
  static bool IsRotated(const QuantizerSpec& spec) {
    return spec.rotation != RotationKind::kNone || spec.record.kind == RecordKind::kRotatedBits ||
           spec.truncation == TruncationKind::kPrincipal;
  }
  // code_dim() x rotated_dim() floats, or none. Precondition: spec and dim are set.
  void SetRotation(std::vector<float> matrix);

  // Self-describing bytes with magic, format version and crc32c.
  std::string Serialize() const;
  // DataLoss says what is wrong; allocation is bounded by bytes.size().
  static StatusOr<Model> Parse(const std::string& bytes);
};

struct TrainedModel {
  std::shared_ptr<const Model> model;
  std::shared_ptr<const ListTable> lists;
};

// InvalidArgument names the part of the spec that a model cannot have; and that it cannot under `metric`.
Status CheckTrainable(const QuantizerSpec& spec);
Status CheckTrainable(const QuantizerSpec& spec, Metric metric);
// InvalidArgument: the same, or what is wrong with the sample (TrainModel): its size, a row that is not finite.
Status CheckSample(const QuantizerSpec& spec, Metric metric, MatrixView<const float> sample);

// Rows of training data needed at least for the spec on `dim` dimensions: max(nlist, ksub) for
// explicit choices.
uint64_t MinTrainingRows(const QuantizerSpec& spec, uint32_t dim);
// Rows worth sampling for a collection of `total_rows`: enough for k-means (256 a centroid), no
// more than fits `memory_bytes` of floats.
uint64_t TrainingSampleRows(const QuantizerSpec& spec, uint32_t dim, uint64_t total_rows,
                            uint64_t memory_bytes);

// Mean, rotation, centroids, codebooks, correction and refine ranges from `sample` (n x dim,
// already normalised under cosine). total_rows: how many rows the collection has (resolves nlist =
// 0). Lowers nlist (and says so in the resolved spec) where the sample has fewer than 39 rows a
// list.
StatusOr<TrainedModel> TrainModel(const QuantizerSpec& spec, Metric metric,
                                  MatrixView<const float> sample, uint64_t total_rows,
                                  const TrainingContext& context);

}  // namespace tessera::quant
