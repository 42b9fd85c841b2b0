#include "index/quantizer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "index/base/bytes.h"
#include "index/quant/encoder.h"
#include "index/quant/model.h"
#include "index/quant/random.h"
#include "index/quant/rows.h"
#include "index/quant/spec_bytes.h"
#include "index/vector_quantizer.h"

namespace tessera {
namespace {

constexpr uint32_t kMagic = 0x51515354;  // "TSQQ"
constexpr uint32_t kVersion = 2;
constexpr uint64_t kSampleBytes = uint64_t{1} << 30;
// Rows encoded at a time: bounds the memory of what is not part of the code.
constexpr size_t kBlockRows = 16384;

Status Bad(const std::string& what) { return DataLoss("quantizer: " + what); }

// Finite rows of the right dimension; under cosine not zero.
Status CheckRows(MatrixView<const float> rows, uint32_t dim, Metric metric) {
  if (rows.dim() != dim) {
    return InvalidArgument("rows have " + std::to_string(rows.dim()) +
                           " dimensions, the quantizer " + std::to_string(dim));
  }
  TESSERA_RETURN_IF_ERROR(quant::CheckFinite(rows, "rows"));
  if (metric != Metric::kCosine) return OkStatus();
  for (size_t i = 0; i < rows.rows(); ++i) {
    if (!(quant::SquaredNorm(rows.row(i), dim) > 0)) {
      return InvalidArgument("rows[" + std::to_string(i) + "] is zero, which has no cosine");
    }
  }
  return OkStatus();
}

// The rows as the metric wants them: unit length under cosine (a copy in `copy`), else as they are.
MatrixView<const float> Normalized(MatrixView<const float> rows, Metric metric,
                                   std::vector<float>& copy) {
  if (metric != Metric::kCosine) return rows;
  copy = quant::CopyRows(rows);
  const MatrixView<float> view(copy.data(), rows.rows(), rows.dim());
  quant::NormalizeRows(view);
  return view;
}

// Calls body(first row, rows) for blocks of checked, normalised rows.
template <typename Body>
void ForBlocks(MatrixView<const float> rows, Metric metric, const Body& body) {
  std::vector<float> copy;
  for (size_t first = 0; first < rows.rows(); first += kBlockRows) {
    const auto block = rows.Slice(first, std::min(kBlockRows, rows.rows() - first));
    body(first, Normalized(block, metric, copy));
  }
}

class ProductFileQuantizer final : public Quantizer {
 public:
  explicit ProductFileQuantizer(quant::TrainedModel trained)
      : model_(std::move(trained.model)), lists_(std::move(trained.lists)) {}

  static StatusOr<std::unique_ptr<Quantizer>> Train(const QuantizerSpec& spec, Metric metric,
                                                    MatrixView<const float> sample,
                                                    uint64_t total_rows,
                                                    const TrainingContext& context) {
    TESSERA_ASSIGN_OR_RETURN(auto trained,
                             quant::TrainModel(spec, metric, sample, total_rows, context));
    return std::make_unique<ProductFileQuantizer>(std::move(trained));
  }

  static StatusOr<std::unique_ptr<Quantizer>> Read(ByteReader& in) {
    const std::string_view model_bytes = in.GetString();
    if (!in.ok()) return Bad("truncated in the model");
    TESSERA_ASSIGN_OR_RETURN(auto model, quant::Model::Parse(std::string(model_bytes)));
    std::vector<float> centroids;
    if (!in.GetFloats(centroids, uint64_t{model.spec.nlist} * model.dim)) {
      return Bad("centroids have the wrong length");
    }
    if (!in.Finished()) return Bad("bytes follow the centroids");
    TESSERA_RETURN_IF_ERROR(CheckCentroids({centroids.data(), model.spec.nlist, model.dim}));
    const uint32_t dim = model.dim;
    return std::make_unique<ProductFileQuantizer>(
        quant::TrainedModel{std::make_shared<const quant::Model>(std::move(model)),
                            std::make_shared<const quant::ListTable>(dim, std::move(centroids))});
  }

  static Status CheckCentroids(MatrixView<const float> centroids) {
    if (quant::CheckFinite(centroids, "centroids").ok()) return OkStatus();
    return Bad("centroids hold a value that is not finite");
  }

  std::string Serialize() const override {
    std::string bytes;
    ByteWriter out(bytes);
    out.Put(kMagic);
    out.Put(kVersion);
    out.Put(static_cast<uint8_t>(CodeKind::kProduct));
    out.PutString(model_->Serialize());
    out.PutFloats(lists_->centroids().data(), lists_->centroids().size());
    out.Put(Crc32c(bytes));
    return bytes;
  }

  const QuantizerSpec& spec() const override { return model_->spec; }
  Metric metric() const override { return model_->metric; }
  uint32_t dim() const override { return model_->dim; }
  uint32_t code_bytes() const override { return ListBytes() + model_->code_bytes(); }

  Status Encode(MatrixView<const float> rows, uint8_t* codes, Executor* executor) const override {
    TESSERA_RETURN_IF_ERROR(CheckRows(rows, dim(), metric()));
    InlineExecutor inline_executor;
    quant::EncodedRows encoded;
    ForBlocks(rows, metric(), [&](size_t first, MatrixView<const float> block) {
      quant::EncodeRows(*model_, *lists_, block, executor ? *executor : inline_executor, encoded);
      for (size_t i = 0; i < block.rows(); ++i) {
        uint8_t* code = codes + (first + i) * code_bytes();
        std::memcpy(code, &encoded.lists[i].value, ListBytes());
        std::memcpy(code + ListBytes(), encoded.codes.data() + i * model_->code_bytes(),
                    model_->code_bytes());
      }
    });
    return OkStatus();
  }

  Status Decode(const uint8_t* codes, size_t n, float* out) const override {
    for (size_t i = 0; i < n; ++i) {
      const uint8_t* code = codes + i * code_bytes();
      uint32_t list = 0;
      std::memcpy(&list, code, ListBytes());
      if (list >= lists_->nlist()) {
        return InvalidArgument("codes[" + std::to_string(i) + "]: list " + std::to_string(list) +
                               ", the quantizer has " + std::to_string(lists_->nlist()));
      }
      quant::DecodeRow(*model_, *lists_, ListId(list), code + ListBytes(), out + i * dim());
    }
    return OkStatus();
  }

  StatusOr<double> QuantizationError(MatrixView<const float> rows,
                                     Executor* executor) const override;

 private:
  uint32_t ListBytes() const { return model_->spec.inverted_lists ? 4 : 0; }

  std::shared_ptr<const quant::Model> model_;
  std::shared_ptr<const quant::ListTable> lists_;
};

// Mean squared distance of rows to what `quantizer` makes of them.
StatusOr<double> RoundTripError(const Quantizer& quantizer, MatrixView<const float> rows,
                                Executor* executor) {
  if (rows.rows() == 0) return 0.0;
  TESSERA_RETURN_IF_ERROR(CheckRows(rows, quantizer.dim(), quantizer.metric()));
  constexpr size_t kRows = 1024;
  std::vector<uint8_t> codes(kRows * quantizer.code_bytes());
  std::vector<float> decoded(kRows * quantizer.dim());
  std::vector<float> copy;
  double sum = 0;
  for (size_t first = 0; first < rows.rows(); first += kRows) {
    const auto block = rows.Slice(first, std::min(kRows, rows.rows() - first));
    TESSERA_RETURN_IF_ERROR(quantizer.Encode(block, codes.data(), executor));
    TESSERA_RETURN_IF_ERROR(quantizer.Decode(codes.data(), block.rows(), decoded.data()));
    const auto reference = Normalized(block, quantizer.metric(), copy);
    for (size_t i = 0; i < block.rows(); ++i) {
      for (size_t j = 0; j < rows.dim(); ++j) {
        const double difference = double{reference.row(i)[j]} - double{decoded[i * rows.dim() + j]};
        sum += difference * difference;
      }
    }
  }
  return sum / static_cast<double>(rows.rows());
}

StatusOr<double> ProductFileQuantizer::QuantizationError(MatrixView<const float> rows,
                                                         Executor* executor) const {
  return RoundTripError(*this, rows, executor);
}

uint64_t Centroids(const QuantizerSpec& spec) {
  return uint64_t{spec.vq_k} * std::max(spec.vq_k2, 1u);
}

class VectorFileQuantizer final : public Quantizer {
 public:
  VectorFileQuantizer(const QuantizerSpec& spec, Metric metric, VectorQuantizer quantizer)
      : spec_(spec), metric_(metric), quantizer_(std::move(quantizer)) {}

  static StatusOr<std::unique_ptr<Quantizer>> Train(const QuantizerSpec& spec, Metric metric,
                                                    MatrixView<const float> sample,
                                                    const TrainingContext& context) {
    const KMeansOptions options{.k = spec.vq_k};
    TESSERA_ASSIGN_OR_RETURN(
        auto trained, spec.vq_k2 == 0
                          ? VectorQuantizer::Train(sample, options, context)
                          : VectorQuantizer::TrainTwoLevels(sample, options, spec.vq_k2, context));
    return std::make_unique<VectorFileQuantizer>(spec, metric, std::move(trained));
  }

  static StatusOr<std::unique_ptr<Quantizer>> Read(ByteReader& in) {
    TESSERA_ASSIGN_OR_RETURN(const QuantizerSpec spec, quant::ReadSpec(in, "quantizer"));
    const auto metric = in.Get<uint8_t>();
    const auto dim = in.Get<uint32_t>();
    if (!in.ok()) return Bad("truncated");
    if (metric > static_cast<uint8_t>(Metric::kCosine))
      return Bad("metric is " + std::to_string(metric));
    if (dim == 0) return Bad("dim is 0");
    TESSERA_RETURN_IF_ERROR(quant::CheckResolved(spec, dim, "quantizer"));
    if (spec.code != CodeKind::kVector) return Bad("code kind is not vector");
    const bool two_levels = spec.vq_k2 != 0;
    std::vector<float> coarse;
    if (two_levels && !in.GetFloats(coarse, uint64_t{spec.vq_k} * dim)) {
      return Bad("coarse centroids have the wrong length");
    }
    const uint64_t k = Centroids(spec);
    std::vector<float> centroids;
    if (!in.GetFloats(centroids, k * dim)) return Bad("centroids have the wrong length");
    if (!in.Finished()) return Bad("bytes follow the centroids");
    TESSERA_RETURN_IF_ERROR(
        ProductFileQuantizer::CheckCentroids({coarse.data(), coarse.size() / dim, dim}));
    TESSERA_RETURN_IF_ERROR(ProductFileQuantizer::CheckCentroids({centroids.data(), k, dim}));
    VectorQuantizer quantizer =
        two_levels ? VectorQuantizer(dim, std::move(coarse), std::move(centroids))
                   : VectorQuantizer(dim, std::move(centroids));
    return std::make_unique<VectorFileQuantizer>(spec, static_cast<Metric>(metric),
                                                 std::move(quantizer));
  }

  std::string Serialize() const override {
    std::string bytes;
    ByteWriter out(bytes);
    out.Put(kMagic);
    out.Put(kVersion);
    out.Put(static_cast<uint8_t>(CodeKind::kVector));
    quant::WriteSpec(spec_, out);
    out.Put(static_cast<uint8_t>(metric_));
    out.Put(dim());
    const auto centroids = quantizer_.centroids();
    if (spec_.vq_k2 != 0) out.PutFloats(quantizer_.coarse().data(), quantizer_.coarse().size());
    out.PutFloats(centroids.data(), centroids.rows() * centroids.dim());
    out.Put(Crc32c(bytes));
    return bytes;
  }

  const QuantizerSpec& spec() const override { return spec_; }
  Metric metric() const override { return metric_; }
  uint32_t dim() const override { return quantizer_.dim(); }
  uint32_t code_bytes() const override {
    if (Centroids(spec_) <= 1u << 8) return 1;
    return Centroids(spec_) <= 1u << 16 ? 2 : 4;
  }

  Status Encode(MatrixView<const float> rows, uint8_t* codes, Executor* executor) const override {
    TESSERA_RETURN_IF_ERROR(CheckRows(rows, dim(), metric_));
    std::vector<uint32_t> labels(std::min(rows.rows(), kBlockRows));
    ForBlocks(rows, metric_, [&](size_t first, MatrixView<const float> block) {
      quantizer_.Encode(block, labels.data(), nullptr, executor);
      for (size_t i = 0; i < block.rows(); ++i) {
        std::memcpy(codes + (first + i) * code_bytes(), &labels[i], code_bytes());
      }
    });
    return OkStatus();
  }

  Status Decode(const uint8_t* codes, size_t n, float* out) const override {
    for (size_t i = 0; i < n; ++i) {
      uint32_t label = 0;
      std::memcpy(&label, codes + i * code_bytes(), code_bytes());
      if (!quantizer_.Decode(&label, 1, out + i * dim()).ok()) {
        return InvalidArgument("codes[" + std::to_string(i) + "] is " + std::to_string(label) +
                               ", the codebook has " + std::to_string(quantizer_.size()) +
                               " centroids");
      }
    }
    return OkStatus();
  }

  StatusOr<double> QuantizationError(MatrixView<const float> rows,
                                     Executor* executor) const override {
    return RoundTripError(*this, rows, executor);
  }

 private:
  QuantizerSpec spec_;
  Metric metric_;
  VectorQuantizer quantizer_;
};

}  // namespace

StatusOr<std::unique_ptr<Quantizer>> Quantizer::Train(const QuantizerSpec& spec, Metric metric,
                                                      MatrixView<const float> rows,
                                                      const TrainingContext& context) {
  if (rows.dim() == 0 || rows.dim() > kMaxDim) {
    return InvalidArgument("rows: dim must be in 1.." + std::to_string(kMaxDim) + ", got " +
                           std::to_string(rows.dim()));
  }
  const auto dim = static_cast<uint32_t>(rows.dim());
  TESSERA_RETURN_IF_ERROR(Annotate(spec.Validate(dim), "quantizer: "));
  TESSERA_RETURN_IF_ERROR(CheckRows(rows, dim, metric));
  const uint64_t total = rows.rows();
  const uint64_t wanted = quant::TrainingSampleRows(spec, dim, total, kSampleBytes);
  std::vector<float> sample;
  if (wanted < total) {
    quant::Random random(context.seed, 1);
    sample = quant::GatherRows(rows, quant::SampleIndices(total, wanted, random));
    rows = MatrixView<const float>(sample.data(), wanted, dim);
  }
  std::vector<float> normalized;
  rows = Normalized(rows, metric, normalized);
  if (spec.code == CodeKind::kVector)
    return VectorFileQuantizer::Train(spec, metric, rows, context);
  return ProductFileQuantizer::Train(spec, metric, rows, total, context);
}

StatusOr<std::unique_ptr<Quantizer>> Quantizer::Parse(const std::string& bytes) {
  TESSERA_ASSIGN_OR_RETURN(const std::string_view body,
                           quant::CheckEnvelope(bytes, kMagic, kVersion, "quantizer"));
  ByteReader in(body);
  const auto kind = in.Get<uint8_t>();
  if (kind == static_cast<uint8_t>(CodeKind::kProduct)) return ProductFileQuantizer::Read(in);
  if (kind == static_cast<uint8_t>(CodeKind::kVector)) return VectorFileQuantizer::Read(in);
  return Bad("unknown kind " + std::to_string(kind));
}

}  // namespace tessera
