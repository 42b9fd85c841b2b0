#include "index/quant/model.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "index/base/bytes.h"
#include "index/quant/bit_allocation.h"
#include "index/quant/nearest.h"
#include "index/quant/spec_bytes.h"

namespace tessera::quant {
namespace {

constexpr uint32_t kMagic = 0x4d515354;  // "TSQM"
constexpr uint32_t kVersion = 5;
#if defined(TESSERA_FLOAT_QUERIES)
constexpr uint32_t kMinByteLists = UINT32_MAX;
#else
// Below, a pass over the centroids themselves takes about a microsecond.
constexpr uint32_t kMinByteLists = 128;
#endif
// From here on two levels of centroids are faster than one (README).
constexpr uint32_t kMinGroupedLists = 8192;

Status Bad(const std::string& what) { return DataLoss("model: " + what); }

bool AllFinite(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

bool Positive(float v) { return std::isfinite(v) && v > 0; }

Status CheckScalars(const Model& model) {
  if (model.dim == 0 || model.dim > kMaxDim) return Bad("dim is " + std::to_string(model.dim));
  TESSERA_RETURN_IF_ERROR(CheckResolved(model.spec, model.dim, "model"));
  TESSERA_RETURN_IF_ERROR(Annotate(CheckTrainable(model.spec, model.metric), "model: "));
  if (!std::isfinite(model.mu)) return Bad("mu is not finite");
  if (!std::isfinite(model.ip_weight) || model.ip_weight < 0) return Bad("ip_weight is not >= 0");
  if (!Positive(model.correction_step)) return Bad("correction_step is not > 0");
  if (!std::isfinite(model.correction_low) || !std::isfinite(model.correction_slope)) {
    return Bad("correction_low or correction_slope is not finite");
  }
  if (!std::isfinite(model.error_bound) || model.error_bound < 0) {
    return Bad("error_bound is not >= 0");
  }
  if (!std::isfinite(model.residual_limit) || model.residual_limit < 0) {
    return Bad("residual_limit is not >= 0");
  }
  if (!std::isfinite(model.training_error)) return Bad("training_error is not finite");
  return OkStatus();
}

// Reads `count` finite floats.
Status ReadFloats(ByteReader& in, uint64_t count, const char* name, std::vector<float>& out) {
  if (!in.GetFloats(out, count)) return Bad(std::string(name) + " has the wrong length");
  if (!AllFinite(out)) return Bad(std::string(name) + " holds a value that is not finite");
  return OkStatus();
}

Status ReadRecord(ByteReader& in, const Model& model, const RecordSpec& spec, RecordUse use,
                  const std::string& name, RecordCode& out) {
  RecordRanges ranges;
  const uint32_t dim = use == RecordUse::kRefine ? model.dim : model.code_dim();
  const uint64_t count = spec.is_static() ? dim : 0;
  TESSERA_RETURN_IF_ERROR(ReadFloats(in, count, (name + "_low").c_str(), ranges.low));
  TESSERA_RETURN_IF_ERROR(ReadFloats(in, count, (name + "_step").c_str(), ranges.step));
  for (const float step : ranges.step) {
    if (step < 0) return Bad(name + "_step holds a negative value");
  }
  out = RecordCode(spec, model.metric, dim, use, std::move(ranges));
  return OkStatus();
}

StatusOr<TableLayout> ReadLayout(ByteReader& in, const Model& model) {
  if (model.spec.code != CodeKind::kMixed) return LayoutOf(model.spec, model.code_dim());
  const std::string_view text = in.GetString();
  if (!in.ok()) return Bad("truncated in the mixed bits");
  std::vector<uint8_t> bits(text.begin(), text.end());
  if (const Status status = CheckMixedBits(bits, model.code_dim(), model.spec.mixed_bytes); !status.ok()) {
    return Bad(MessageOf(status));
  }
  return MixedLayout(model.code_dim(), std::move(bits));
}

Status ReadArrays(ByteReader& in, Model& model) {
  const uint64_t dim = model.code_dim();
  TESSERA_RETURN_IF_ERROR(ReadFloats(in, model.dim, "mean", model.mean));
  std::vector<float> rotation;
  TESSERA_RETURN_IF_ERROR(
      ReadFloats(in, Model::IsRotated(model.spec) ? dim * model.rotated_dim() : 0, "rotation", rotation));
  model.SetRotation(std::move(rotation));
  if (model.spec.has_table_code()) {
    std::vector<float> codebooks;
    TESSERA_ASSIGN_OR_RETURN(TableLayout layout, ReadLayout(in, model));
    TESSERA_RETURN_IF_ERROR(ReadFloats(in, layout.floats(), "codebooks", codebooks));
    model.code = TableCode(std::move(layout), std::move(codebooks));
  }
  const bool scaled = Model::HasListScales(model.spec, model.metric);
  std::vector<float> scales;
  TESSERA_RETURN_IF_ERROR(ReadFloats(in, scaled ? model.spec.nlist : 0, "list_scales", scales));
  if (!std::all_of(scales.begin(), scales.end(), Positive)) {
    return Bad("list_scales holds a value that is not > 0");
  }
  model.list_scales = std::move(scales);
  if (model.spec.fine_tuned) {
    std::vector<float> weights;
    TESSERA_RETURN_IF_ERROR(ReadFloats(in, dim * dim, "error_weights", weights));
    model.error_weights = ErrorWeights(std::move(weights), model.code);
  }
  TESSERA_RETURN_IF_ERROR(ReadRecord(in, model, model.spec.record, model.record_use(), "record", model.record));
  return ReadRecord(in, model, model.spec.refine, RecordUse::kRefine, "refine", model.refine);
}

}  // namespace

ListTable::ListTable(uint32_t dim, std::vector<float> centroids)
    : dim_(dim),
      centroids_(std::move(centroids)),
      norms_(SquaredNorms(centroids_.data(), dim == 0 ? 0 : centroids_.size() / dim, dim)) {
  if (nlist() >= kMinByteLists && AllFinite(norms_)) {
    byte_centroids_ = ByteMatrix(centroids_.data(), nlist(), dim);
    if (nlist() >= kMinGroupedLists) groups_ = CentroidGroups(dim, centroids_, norms_);
  }
}

void Model::SetRotation(std::vector<float> matrix) {
  rotation = std::move(matrix);
  query_rotation.reset();
  if (rotation.empty()) return;
  query_rotation = std::make_shared<const LimbMatrix>(rotation.data(), code_dim(), rotated_dim());
}

namespace {

constexpr double kMostUnits = 1 << 30;  // so that differences fit 32 bits

int32_t Units(double steps) {
  if (std::isnan(steps)) return static_cast<int32_t>(kMostUnits) - 1;  // from overflow: ranks last
  return static_cast<int32_t>(std::llround(std::clamp(steps, -kMostUnits, kMostUnits - 1)));
}

}  // namespace

int32_t Model::correction_origin(float list_scale) const {
  const double low = double{correction_low} + double{correction_slope} * double{list_scale};
  return Units(low / double{correction_step});
}

int32_t Model::CorrectionUnits(ListId list, float correction) const {
  const int32_t units = Units(double{correction} / double{correction_step});
  return Units(static_cast<double>(int64_t{units} - correction_origin(list_scale(list))));
}

size_t Model::bytes() const {
  const size_t floats = mean.size() + rotation.size() + list_scales.size();
  return sizeof(Model) + (query_rotation ? query_rotation->bytes() : 0) + floats * sizeof(float) + code.bytes() +
         error_weights.bytes() + record.resident_bytes() + refine.resident_bytes();
}

std::string Model::Serialize() const {
  std::string bytes;
  ByteWriter out(bytes);
  out.Put(kMagic);
  out.Put(kVersion);
  WriteSpec(spec, out);
  out.Put(static_cast<uint8_t>(metric));
  out.Put(dim);
  out.Put(mu);
  out.Put(ip_weight);
  out.Put(correction_step);
  out.Put(correction_low);
  out.Put(correction_slope);
  out.Put(error_bound);
  out.Put(residual_limit);
  out.Put(training_error);
  out.Put(trained_rows);
  out.PutFloats(mean.data(), mean.size());
  out.PutFloats(rotation.data(), rotation.size());
  if (spec.code == CodeKind::kMixed) {
    const std::vector<uint8_t>& bits = code.layout().mixed_bits;
    out.PutString(std::string(bits.begin(), bits.end()));
  }
  if (spec.has_table_code()) out.PutFloats(code.codebooks().data(), code.codebooks().size());
  out.PutFloats(list_scales.data(), list_scales.size());
  if (spec.fine_tuned) {
    out.PutFloats(error_weights.matrix().data(), error_weights.matrix().size());
  }
  for (const RecordCode* part : {&record, &refine}) {
    out.PutFloats(part->ranges().low.data(), part->ranges().low.size());
    out.PutFloats(part->ranges().step.data(), part->ranges().step.size());
  }
  out.Put(Crc32c(bytes));
  return bytes;
}

StatusOr<Model> Model::Parse(const std::string& bytes) {
  TESSERA_ASSIGN_OR_RETURN(const std::string_view body,
                           CheckEnvelope(bytes, kMagic, kVersion, "model"));
  ByteReader in(body);
  Model model;
  TESSERA_ASSIGN_OR_RETURN(model.spec, ReadSpec(in, "model"));
  const auto metric = in.Get<uint8_t>();
  if (metric > static_cast<uint8_t>(Metric::kCosine))
    return Bad("metric is " + std::to_string(metric));
  model.metric = static_cast<Metric>(metric);
  model.dim = in.Get<uint32_t>();
  model.mu = in.Get<float>();
  model.ip_weight = in.Get<float>();
  model.correction_step = in.Get<float>();
  model.correction_low = in.Get<float>();
  model.correction_slope = in.Get<float>();
  model.error_bound = in.Get<float>();
  model.residual_limit = in.Get<float>();
  model.training_error = in.Get<double>();
  model.trained_rows = in.Get<uint64_t>();
  if (!in.ok()) return Bad("truncated");
  TESSERA_RETURN_IF_ERROR(CheckScalars(model));
  TESSERA_RETURN_IF_ERROR(ReadArrays(in, model));
  if (!in.Finished()) return Bad("bytes follow the last array");
  return model;
}

}  // namespace tessera::quant
