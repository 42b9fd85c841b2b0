// TrainModel: mean -> truncation -> random rotation -> centroids -> optimized rotation -> ranges of records ->
// codebooks of residuals -> estimator.
#include <algorithm>
#include <cmath>
#include <utility>

#include "index/quant/blas.h"
#include "index/quant/calibration.h"
#include "index/quant/encoder.h"
#include "index/quant/error_bound.h"
#include "index/quant/fine_tune.h"
#include "index/quant/kmeans.h"
#include "index/quant/list_scale.h"
#include "index/quant/model.h"
#include "index/quant/mu_fit.h"
#include "index/quant/nearest.h"
#include "index/quant/opq.h"
#include "index/quant/outliers.h"
#include "index/quant/progress.h"
#include "index/quant/random.h"
#include "index/quant/ranking_loss.h"
#include "index/quant/rows.h"
#include "index/quant/table_train.h"
#include "index/quant/training_size.h"
#include "index/quant/truncation.h"

namespace tessera::quant {
namespace {

constexpr uint32_t kCoarseIterations = 10;
constexpr uint32_t kCodebookIterations = 16;
constexpr uint32_t kMinShared = 16;  // lists of which far rows get some

// Streams of random numbers under one seed.
enum Stream : uint64_t { kCoarse = 101, kResiduals, kCodebooks, kRotation, kFar = 107, kTruncation };

std::vector<float> Norms(MatrixView<const float> rows) {
  std::vector<float> norms(rows.rows());
  for (size_t i = 0; i < rows.rows(); ++i) {
    norms[i] = static_cast<float>(std::sqrt(SquaredNorm(rows.row(i), rows.dim())));
  }
  return norms;
}

// A random orthogonal matrix: the Q of a matrix of independent Gaussians.
StatusOr<std::vector<float>> RandomRotation(uint32_t dim, uint64_t seed) {
  Random random(seed, kRotation);
  std::vector<float> matrix(size_t{dim} * dim);
  for (float& value : matrix) value = static_cast<float>(random.Gaussian());
  if (!OrthonormalizeRows(matrix.data(), dim)) return Internal("rotation: QR factorisation failed");
  return matrix;
}

class Trainer {
 public:
  Trainer(Metric metric, MatrixView<const float> sample, uint64_t total_rows,
          const TrainingContext& context)
      : sample_(sample),
        total_rows_(total_rows),
        context_(context),
        executor_(context.executor ? *context.executor : inline_) {
    model_.metric = metric;
    model_.dim = static_cast<uint32_t>(sample.dim());
    model_.trained_rows = sample.rows();
  }

  StatusOr<TrainedModel> Run(const QuantizerSpec& spec) {
    model_.spec = spec;
    far_rows_ = FindFarRows(sample_, model_.metric, executor_);
    model_.mean = far_rows_.mean;
    // Shares of the whole by multiplications; the codebooks' kernel is about half as fast as BLAS.
    const double directions = spec.truncation == TruncationKind::kPrincipal
                                  ? static_cast<double>(CodebookRows()) * model_.dim * model_.dim /
                                        model_.code_dim()
                                  : 0.0;
    const double coarse = static_cast<double>(CoarseRows()) * spec.nlist * kCoarseIterations;
    const double fine =
        2.0 * static_cast<double>(CodebookRows()) * (1 << spec.pq_bits) * kCodebookIterations;
    const double rotation = spec.rotation == RotationKind::kOptimized ? 4.0 * fine : 0.0;
    const double all = directions + coarse + rotation + fine;
    const double directions_end = 0.9 * directions / all;
    const double lists_end = 0.9 * (directions + coarse) / all;
    const double rotation_end = 0.9 * (directions + coarse + rotation) / all;
    TESSERA_RETURN_IF_ERROR(Truncate(ProgressRange(context_, 0, directions_end)));
    if (spec.rotation == RotationKind::kRandom || spec.record.kind == RecordKind::kRotatedBits) {
      TESSERA_ASSIGN_OR_RETURN(auto random, RandomRotation(model_.code_dim(), context_.seed));
      RotateFurther(std::move(random));
    }
    TESSERA_RETURN_IF_ERROR(TrainLists(ProgressRange(context_, directions_end, lists_end)));
    DrawResiduals();
    if (Model::HasListScales(model_.spec, model_.metric)) {
      const MatrixView<const float> rows(residuals_.data(), labels_.size(), model_.code_dim());
      model_.list_scales = MeasureListScales(rows, labels_, lists_->nlist());
    }
    if (spec.rotation == RotationKind::kOptimized) {
      TESSERA_RETURN_IF_ERROR(
          OptimizeRotation(ProgressRange(context_, lists_end, rotation_end).Part("rotation")));
    }
    model_.refine = MakeRefine(spec.refine);
    if (spec.has_table_code()) {
      TESSERA_RETURN_IF_ERROR(TrainTable(rotation_end));
    } else {
      const MatrixView<const float> rows(residuals_.data(), labels_.size(), model_.code_dim());
      model_.record = RecordCode(spec.record, model_.metric, model_.code_dim(), model_.record_use(),
                                 CalibrateRanges(spec.record, rows, executor_));
      DecodeRecords();
    }
    const ProgressRange last(context_, 0.9, 1);
    last.Report(0, "calibration");
    TESSERA_RETURN_IF_ERROR(context_.stop.Check());
    // Under inner product queries need not look like rows: mu keeps its value.
    const bool has_mu = spec.has_table_code() || model_.truncated();
    if (model_.metric != Metric::kInnerProduct && has_mu) {
      const MuFitInput fit{model_,        *lists_,   sample_,      total_rows_,
                           context_.seed, executor_, context_.stop};
      TESSERA_ASSIGN_OR_RETURN(model_.mu, FitMu(fit));
    }
    const CalibrationInput input{residuals_, decoded_, labels_, norms_, tails_, *lists_, executor_};
    Calibrate(input, model_);
    const ErrorBoundInput bound{model_,        *lists_,   sample_,      total_rows_,
                                context_.seed, executor_, context_.stop};
    TESSERA_ASSIGN_OR_RETURN(model_.error_bound, MeasureErrorBound(bound));
    last.Report(1, "calibration");
    return TrainedModel{std::make_shared<const Model>(std::move(model_)), std::move(lists_)};
  }

 private:
  uint64_t CoarseRows() const {
    return std::min<uint64_t>(sample_.rows(), model_.spec.nlist * kRowsPerCentroid);
  }
  // Rows that codebooks, or ranges of records, are made of.
  uint64_t CodebookRows() const {
    if (!model_.spec.has_table_code()) return std::min<uint64_t>(sample_.rows(), kFittedRows);
    const uint64_t wanted = kRowsPerCentroid << CodewordBits(model_.spec);
    return std::min<uint64_t>(sample_.rows(), std::max(wanted, FittedRows(model_.spec)));
  }

  // `count` rows of the sample, drawn by `stream`; all of those given if they are fewer. `among`: empty = all rows.
  std::vector<float> DrawRows(uint64_t count, uint64_t stream, const std::vector<uint32_t>& among) const {
    Random random(context_.seed, stream);
    const uint64_t n = among.empty() ? sample_.rows() : among.size();
    std::vector<uint32_t> indices = SampleIndices(n, std::min(count, n), random);
    if (!among.empty()) {
      for (uint32_t& index : indices) index = among[index];
    }
    return GatherRows(sample_, indices);
  }

  // Rows of the sample in the space of codes. out: without a truncation it may be the rows.
  void TransformInto(MatrixView<const float> rows, float* out) const {
    ParallelFor(executor_, rows.rows(), 1024, [&](size_t begin, size_t end) {
      TransformRows(model_, rows.Slice(begin, end - begin), out + begin * model_.code_dim());
    });
  }
  std::vector<float> Transform(std::vector<float> rows) const {
    const size_t n = rows.size() / model_.dim;
    std::vector<float> kept(model_.truncated() ? n * model_.code_dim() : 0);
    std::vector<float>& out = model_.truncated() ? kept : rows;
    TransformInto({rows.data(), n, model_.dim}, out.data());
    return std::move(out);
  }

  // Multiplies dense rows in the space of codes by a rotation of it, in place.
  void Rotate(const std::vector<float>& rotation, std::vector<float>& rows) const {
    const size_t dim = model_.code_dim();
    ParallelFor(executor_, rows.size() / dim, 1024, [&](size_t begin, size_t end) {
      const std::vector<float> from(rows.begin() + static_cast<ptrdiff_t>(begin * dim),
                                    rows.begin() + static_cast<ptrdiff_t>(end * dim));
      MultiplyTransposed(end - begin, dim, dim, from.data(), dim, rotation.data(), dim,
                         rows.data() + begin * dim, dim);
    });
  }

  // Makes `rotation` (code_dim x code_dim), after what the model has, its rotation.
  void RotateFurther(std::vector<float> rotation) {
    if (model_.rotation.empty()) return model_.SetRotation(std::move(rotation));
    const size_t kept = model_.code_dim();
    const size_t read = model_.rotated_dim();
    std::vector<float> both(kept * read);
    Multiply(kept, read, kept, rotation.data(), kept, model_.rotation.data(), read, both.data(), read);
    model_.SetRotation(std::move(both));
  }

  // The principal directions that PCA keeps, those of the rows that are not far. Of products with queries, which are
  // not centred, the mean of the rows is as much a part as what they differ by.
  Status Truncate(const ProgressRange& progress) {
    if (model_.spec.truncation != TruncationKind::kPrincipal) return OkStatus();
    progress.Report(0, "directions");
    std::vector<float> rows = DrawRows(kFittedRows, kTruncation, far_rows_.near);
    const size_t n = rows.size() / model_.dim;
    if (model_.metric != Metric::kInnerProduct) {
      for (size_t i = 0; i < n; ++i) {
        for (uint32_t j = 0; j < model_.dim; ++j) rows[i * model_.dim + j] -= model_.mean[j];
      }
    }
    TESSERA_ASSIGN_OR_RETURN(auto directions,
                             LeadingDirections({rows.data(), n, model_.dim}, model_.code_dim(), context_));
    model_.SetRotation(std::move(directions));
    return OkStatus();
  }

  // Far rows get their share of the lists, at least one of kMinShared.
  uint32_t FarLists() const {
    const uint32_t nlist = model_.spec.nlist;
    if (far_rows_.far.empty() || nlist < kMinShared) return 0;
    const double share = static_cast<double>(far_rows_.far.size()) / static_cast<double>(sample_.rows());
    return std::max(1u, static_cast<uint32_t>(std::lround(share * nlist)));
  }

  // k centroids of rows among those given, behind the others.
  Status AddCentroids(uint32_t k, uint64_t stream, const std::vector<uint32_t>& among,
                      const TrainingContext& context, std::vector<float>& centroids) const {
    const KMeansOptions options{.k = k, .iterations = kCoarseIterations};
    const std::vector<float> rows = Transform(DrawRows(k * kRowsPerCentroid, stream, among));
    const uint32_t dim = model_.code_dim();
    TESSERA_ASSIGN_OR_RETURN(const auto trained,
                             TrainKMeans({rows.data(), rows.size() / dim, dim}, options, context));
    centroids.insert(centroids.end(), trained.centroids.begin(), trained.centroids.end());
    return OkStatus();
  }

  Status TrainLists(const ProgressRange& progress) {
    const uint32_t near = model_.spec.nlist - FarLists();
    const TrainingContext whole = progress.Part("centroids");
    const double near_end = near / static_cast<double>(model_.spec.nlist);
    std::vector<float> centroids;
    TESSERA_RETURN_IF_ERROR(
        AddCentroids(near, kCoarse, far_rows_.near,
                     ProgressRange(whole, 0, near_end).Part("centroids"), centroids));
    if (FarLists() > 0) {
      TESSERA_RETURN_IF_ERROR(
          AddCentroids(FarLists(), kFar, far_rows_.far,
                       ProgressRange(whole, near_end, 1).Part("centroids"), centroids));
    }
    lists_ = std::make_shared<const ListTable>(model_.code_dim(), std::move(centroids));
    return OkStatus();
  }

  // Residuals of rows that train the codebooks, and their lists.
  void DrawResiduals() {
    const size_t n = CodebookRows();
    const uint32_t dim = model_.code_dim();
    std::vector<float> rows = DrawRows(n, kResiduals, {});
    if (model_.metric == Metric::kInnerProduct) norms_ = Norms({rows.data(), n, model_.dim});
    if (model_.truncated()) {
      residuals_ = Transform(rows);
      FindTails(rows);
    } else {
      residuals_ = Transform(std::move(rows));
    }
    labels_.resize(n);
    const NearestCentroid nearest(dim, lists_->nlist(), lists_->centroids().data(),
                                  lists_->norms().data(), n);
    ParallelFor(executor_, n, 1024, [&](size_t begin, size_t end) {
      nearest.Assign({residuals_.data() + begin * dim, end - begin, dim}, labels_.data() + begin);
      for (size_t i = begin; i < end; ++i) {
        const float* centroid = lists_->centroid(ListId(labels_[i]));
        for (uint32_t j = 0; j < dim; ++j) residuals_[i * dim + j] -= centroid[j];
      }
    });
    if (model_.metric == Metric::kInnerProduct) return;
    model_.residual_limit = LimitOf({residuals_.data(), n, dim}, tails_);
    for (size_t i = 0; i < n; ++i) {
      float none = 0;
      float& tail = tails_.empty() ? none : tails_[i].energy;
      DrawIn(model_.residual_limit, residuals_.data() + i * dim, dim, tail);
    }
  }

  // What codes are made of where lists have scales; else nothing.
  std::vector<float> ScaledResiduals() const {
    if (model_.list_scales.empty()) return {};
    return DivideByScales({residuals_.data(), labels_.size(), model_.code_dim()}, labels_, model_.list_scales);
  }

  // Of rows that residuals_ has transformed.
  void FindTails(const std::vector<float>& rows) {
    const size_t n = rows.size() / model_.dim;
    tails_.resize(n);
    ParallelFor(executor_, n, 1024, [&](size_t begin, size_t end) {
      ComputeTails(model_, {rows.data() + begin * model_.dim, end - begin, model_.dim},
                   residuals_.data() + begin * model_.code_dim(), tails_.data() + begin);
    });
  }

  // Centroids and residuals were made unrotated: squared distances, and with them k-means, do not
  // change under a rotation, so that only the results are rotated.
  Status OptimizeRotation(const TrainingContext& context) {
    const uint32_t dim = model_.code_dim();
    const std::vector<float> scaled = ScaledResiduals();
    const MatrixView<const float> rows((scaled.empty() ? residuals_ : scaled).data(), labels_.size(), dim);
    // Of stages as of so many sub-spaces: what a rotation can do is to share out the variance.
    const QuantizerSpec& spec = model_.spec;
    const uint32_t stages = spec.code == CodeKind::kResidual ? spec.stages : 1;
    const uint32_t m = std::min(dim, spec.pq_m * stages);
    TESSERA_ASSIGN_OR_RETURN(auto rotation,
                             spec.code == CodeKind::kMixed
                                 ? PrincipalRotation(rows, context)
                                 : TrainRotation(rows, m, spec.pq_bits, context));
    std::vector<float> centroids = lists_->centroids();
    Rotate(rotation, centroids);
    lists_ = std::make_shared<const ListTable>(dim, std::move(centroids));
    Rotate(rotation, residuals_);
    RotateFurther(std::move(rotation));
    return OkStatus();
  }

  Status TrainCodebooks(const ProgressRange& progress) {
    const std::vector<float> scaled = ScaledResiduals();
    const MatrixView<const float> rows((scaled.empty() ? residuals_ : scaled).data(), labels_.size(),
                                       model_.code_dim());
    TESSERA_ASSIGN_OR_RETURN(
        model_.code, TrainTableCode(model_.spec, rows, kCodebookIterations, progress.Part("codebooks")));
    return OkStatus();
  }

  // Codebooks, fine-tuned if asked for: the rest up to 0.9 of the whole.
  Status TrainTable(double begin) {
    const double codebooks_end = model_.spec.fine_tuned ? 0.5 * (begin + 0.9) : 0.9;
    TESSERA_RETURN_IF_ERROR(TrainCodebooks(ProgressRange(context_, begin, codebooks_end)));
    if (model_.spec.fine_tuned) {
      TESSERA_RETURN_IF_ERROR(
          FineTuneCodebooks(ProgressRange(context_, codebooks_end, 0.9).Part("fine-tuning")));
    }
    DecodeSample();
    return OkStatus();
  }

  RecordCode MakeRefine(const RecordSpec& record) const {
    RecordRanges ranges;
    if (record.is_static()) {
      const std::vector<float> lifted = model_.truncated() ? FullResiduals() : std::vector<float>();
      const float* residuals = lifted.empty() ? residuals_.data() : lifted.data();
      ranges = CalibrateRanges(record, {residuals, labels_.size(), model_.dim}, executor_);
    }
    return RecordCode(record, model_.metric, model_.dim, RecordUse::kRefine, std::move(ranges));
  }

  // x - m0 - R^T c of the rows of residuals_, in all dimensions, drawn in like them.
  std::vector<float> FullResiduals() const {
    std::vector<float> rows = DrawRows(labels_.size(), kResiduals, {});
    std::vector<float> centroids(size_t{lists_->nlist()} * model_.dim);
    LiftRows(model_, lists_->centroids().data(), lists_->nlist(), centroids.data());
    for (size_t i = 0; i < labels_.size(); ++i) {
      const float* centroid = centroids.data() + size_t{labels_[i]} * model_.dim;
      float* row = rows.data() + i * model_.dim;
      for (uint32_t j = 0; j < model_.dim; ++j) row[j] -= model_.mean[j] + centroid[j];
      DrawIn(model_.residual_limit, row, model_.dim);
    }
    return rows;
  }

  void DecodeRecords() {
    const size_t n = labels_.size();
    const uint32_t dim = model_.code_dim();
    decoded_.resize(n * dim);
    ParallelFor(executor_, n, 1024, [&](size_t begin, size_t end) {
      std::vector<uint8_t> record(model_.record.bytes());
      for (size_t i = begin; i < end; ++i) {
        model_.record.Write(residuals_.data() + i * dim, lists_->centroid(ListId(labels_[i])), 0,
                            decoded_.data() + i * dim, record.data());
      }
    });
  }

  Status FineTuneCodebooks(const TrainingContext& context) {
    const MatrixView<const float> rows(residuals_.data(), labels_.size(), model_.code_dim());
    const RankingSample sample{rows, labels_, *lists_, {}, model_.mu, model_.list_scales};
    TESSERA_ASSIGN_OR_RETURN(const auto loss, MeasureRankingLoss(sample, context));
    const std::vector<float> scaled = ScaledResiduals();
    const MatrixView<const float> coded((scaled.empty() ? residuals_ : scaled).data(), rows.rows(), rows.dim());
    TESSERA_ASSIGN_OR_RETURN(FineTuned tuned, FineTune(model_.code, loss, coded, context));
    model_.code = std::move(tuned.code);
    model_.error_weights = std::move(tuned.weights);
    return OkStatus();
  }

  // What the residuals decode to.
  void DecodeSample() {
    const size_t dim = model_.code_dim();
    const std::vector<float> scaled = ScaledResiduals();
    decoded_.resize(residuals_.size());
    ParallelFor(executor_, labels_.size(), 1024, [&](size_t begin, size_t end) {
      const std::vector<float>& from = scaled.empty() ? residuals_ : scaled;
      const MatrixView<const float> rows(from.data() + begin * dim, end - begin, dim);
      std::vector<uint8_t> codes(rows.rows() * model_.code_bytes());
      model_.code.Encode(rows, codes.data());
      model_.error_weights.Improve(model_.code, rows, codes.data());
      model_.code.Decode(codes.data(), rows.rows(), decoded_.data() + begin * dim);
      if (scaled.empty()) return;
      for (size_t i = begin * dim; i < end * dim; ++i) {
        decoded_[i] *= model_.list_scales[labels_[i / dim]];
      }
    });
  }

  MatrixView<const float> sample_;
  FarRows far_rows_;
  const uint64_t total_rows_;
  const TrainingContext& context_;
  InlineExecutor inline_;
  Executor& executor_;
  Model model_;
  std::shared_ptr<const ListTable> lists_;
  // Of the rows that trained the codebooks; norms under inner product only.
  std::vector<float> residuals_;
  std::vector<float> decoded_;
  std::vector<uint32_t> labels_;
  std::vector<float> norms_;
  std::vector<RowTail> tails_;  // with a truncation only
};

}  // namespace

StatusOr<TrainedModel> TrainModel(const QuantizerSpec& spec, Metric metric,
                                  MatrixView<const float> sample, uint64_t total_rows,
                                  const TrainingContext& context) {
  TESSERA_RETURN_IF_ERROR(CheckSample(spec, metric, sample));
  const auto dim = static_cast<uint32_t>(sample.dim());
  const uint64_t rows = std::max<uint64_t>(total_rows, sample.rows());
  return Trainer(metric, sample, rows, context).Run(Resolve(spec, dim, rows, sample.rows()));
}

}  // namespace tessera::quant
