#include "index/quant/record_code.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <numbers>
#include <utility>

#include "index/base/half_float.h"
#include "index/quant/code_planes.h"
#include "index/quant/extremes.h"
#include "index/quant/query.h"
#include "index/quant/rotated_bits.h"
#include "index/simd/kernels.h"

namespace tessera::quant {
namespace {

// RaBitQ of more bits errs less than a rounded scale would.
constexpr uint32_t kBrainScaleBits = 4;

template <typename T>
T Get(const uint8_t* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}
template <typename T>
void Put(T value, uint8_t* to) {
  std::memcpy(to, &value, sizeof(T));
}

// Rounds to the nearest integer, of two the even one: 1.5 * 2^23 has no fraction bits, so adding it
// rounds, and the low bits are the integer. Vectorises, unlike lrintf. |v| < 2^22.
int32_t Round(float v) {
  constexpr float kMagic = 12582912.0f;
  return std::bit_cast<int32_t>(v + kMagic) - std::bit_cast<int32_t>(kMagic);
}

Range FullRange(const float* x, uint32_t dim) {
  const uint32_t whole = dim / 16 * 16;
  Range range = whole > 0 ? FindRange(x, whole) : Range{x[0], x[0]};
  for (uint32_t j = whole; j < dim; ++j) {
    range.low = std::min(range.low, x[j]);
    range.high = std::max(range.high, x[j]);
  }
  return range;
}

float Inverse(float scale) { return scale >= 1e-30f ? 1.0f / scale : 0.0f; }

// codes = clamp(round(x * inverse + middle), least, most).
void RoundCodes(const float* x, uint32_t dim, float inverse, float offset, float least, float most,
                uint8_t* codes) {
  for (uint32_t j = 0; j < dim; ++j) {
    codes[j] =
        static_cast<uint8_t>(Round(std::min(std::max(x[j] * inverse + offset, least), most)));
  }
}

bool IsFloats(RecordKind kind) {
  return kind == RecordKind::kFloat16 || kind == RecordKind::kBrain16;
}

}  // namespace

RecordCode::RecordCode(const RecordSpec& spec, Metric metric, uint32_t dim, RecordUse use,
                       RecordRanges ranges)
    : spec_(spec), metric_(metric), dim_(dim), ranges_(std::move(ranges)) {
  const auto add = [this](uint32_t& at, size_t bytes) {
    at = bytes_;
    bytes_ += static_cast<uint32_t>(bytes);
  };
  const bool scalar = spec.kind == RecordKind::kScalar;
  const bool rotated = spec.kind == RecordKind::kRotatedBits;
  if (spec.kind == RecordKind::kNone) return;
  if (spec.kind == RecordKind::kSign) {
    bytes_ = static_cast<uint32_t>(PlaneBytes(dim, 1));
    add(scale_at_, sizeof(uint16_t));
    if (use == RecordUse::kScannedPart) add(tail_at_, sizeof(uint16_t));
    for (uint32_t h = 0; h <= dim; ++h) {
      cosines_.push_back(static_cast<float>(std::cos(std::numbers::pi * h / dim)));
    }
    return;
  }
  bytes_ = IsFloats(spec.kind) ? 2 * dim : static_cast<uint32_t>(PlaneBytes(dim, spec.bits));
  wide_scale_ = rotated && spec.bits > kBrainScaleBits;
  if (rotated || (scalar && !spec.is_static())) {
    add(scale_at_, wide_scale_ ? sizeof(float) : sizeof(uint16_t));
  }
  if (scalar && spec.range == ScalarRange::kDynamicAffine) add(middle_at_, sizeof(uint16_t));
  if (metric != Metric::kInnerProduct) add(g_at_, sizeof(float));
  // The spread is of the record's own error: what a tail errs by is not in it.
  if (rotated && use == RecordUse::kScanned) add(slack_at_, sizeof(uint16_t));
}

size_t RecordCode::resident_bytes() const {
  return (ranges_.low.capacity() + ranges_.step.capacity() + cosines_.capacity()) * sizeof(float);
}

int32_t RecordCode::doubled_middle() const {
  const int32_t levels = 1 << spec_.bits;
  const bool symmetric = spec_.kind == RecordKind::kScalar && spec_.range == ScalarRange::kDynamic;
  return symmetric ? levels : levels - 1;
}

float RecordCode::ScaleOf(const uint8_t* record) const {
  if (scale_at_ == 0) return 1.0f;
  return wide_scale_ ? Get<float>(record + scale_at_)
                     : FromBrain(Get<uint16_t>(record + scale_at_));
}

float RecordCode::MiddleOf(const uint8_t* record) const {
  return middle_at_ == 0 ? 0.0f : FromBrain(Get<uint16_t>(record + middle_at_));
}

float RecordCode::WriteIntegers(const float* residual, uint8_t* record) const {
  thread_local std::vector<uint8_t> codes;
  codes.resize(dim_);
  const auto most = static_cast<float>((1 << spec_.bits) - 1);
  float spread = 0;
  if (spec_.kind == RecordKind::kRotatedBits) {
    const RotatedFit fit = FitRotatedBits(residual, dim_, spec_.bits, codes.data());
    spread = fit.spread;
    if (wide_scale_) {
      Put(fit.scale, record + scale_at_);
    } else {
      Put(ToFiniteBrain(fit.scale), record + scale_at_);
    }
  } else if (spec_.is_static()) {
    for (uint32_t j = 0; j < dim_; ++j) {
      const float step = ranges_.step[j];
      const float position = step > 0 ? (residual[j] - ranges_.low[j]) / step : 0.0f;
      codes[j] = static_cast<uint8_t>(Round(std::min(std::max(position, 0.0f), most)));
    }
  } else if (spec_.range == ScalarRange::kDynamicAffine) {
    const Range range = FullRange(residual, dim_);
    const float middle = FromBrain(ToFiniteBrain(0.5f * range.low + 0.5f * range.high));
    const float reach = std::max(range.high - middle, middle - range.low);
    const uint16_t scale = BrainNotBelow(reach * (2.0f / most));
    Put(ToFiniteBrain(middle), record + middle_at_);
    Put(scale, record + scale_at_);
    const float inverse = Inverse(FromBrain(scale));
    RoundCodes(residual, dim_, inverse, 0.5f * most - middle * inverse, 0.0f, most, codes.data());
  } else {
    const Range range = FullRange(residual, dim_);
    const auto middle = static_cast<float>(1 << (spec_.bits - 1));
    const uint16_t scale = BrainNotBelow(std::max(-range.low, range.high) / (middle - 1.0f));
    Put(scale, record + scale_at_);
    RoundCodes(residual, dim_, Inverse(FromBrain(scale)), middle, 1.0f, most, codes.data());
  }
  PackPlanes(codes.data(), dim_, spec_.bits, record);
  return spread;
}

void RecordCode::WriteSigns(const float* residual, float tail, float* decoded,
                            uint8_t* record) const {
  thread_local std::vector<uint8_t> bits;
  bits.resize(dim_);
  for (uint32_t j = 0; j < dim_; ++j) bits[j] = residual[j] < 0 ? 0 : 1;
  PackPlanes(bits.data(), dim_, 1, record);
  const float norm = std::sqrt(simd::ActiveKernels().dot(residual, residual, dim_));
  Put(ToFiniteBrain(norm), record + scale_at_);
  if (tail_at_ != 0) Put(ToFiniteBrain(tail), record + tail_at_);
  Decode(record, decoded);
}

void RecordCode::Write(const float* residual, const float* centroid, float tail, float* decoded,
                       uint8_t* record) const {
  if (spec_.kind == RecordKind::kSign) return WriteSigns(residual, tail, decoded, record);
  float spread = 0;
  if (IsFloats(spec_.kind)) {
    const bool half = spec_.kind == RecordKind::kFloat16;
    for (uint32_t j = 0; j < dim_; ++j) {
      Put(half ? ToFiniteHalf(residual[j]) : ToFiniteBrain(residual[j]), record + 2 * j);
    }
  } else {
    spread = WriteIntegers(residual, record);
  }
  Decode(record, decoded);
  const auto dot = simd::ActiveKernels().dot;
  if (g_at_ != 0) {
    const float g = dot(residual, residual, dim_) + 2.0f * dot(centroid, decoded, dim_) + tail;
    Put(FiniteEstimate(g), record + g_at_);
  }
  if (slack_at_ != 0) Put(BrainNotBelow(spread), record + slack_at_);
}

void RecordCode::DecodeFloats(const uint8_t* record, float* out) const {
  if (spec_.kind == RecordKind::kFloat16) {
    for (uint32_t j = 0; j < dim_; ++j) out[j] = FromHalf(Get<uint16_t>(record + 2 * j));
  } else {
    for (uint32_t j = 0; j < dim_; ++j) out[j] = FromBrain(Get<uint16_t>(record + 2 * j));
  }
}

void RecordCode::DecodeIntegers(const uint8_t* record, float* out) const {
  thread_local std::vector<uint8_t> codes;
  codes.resize(dim_);
  UnpackPlanes(record, dim_, spec_.bits, codes.data());
  if (spec_.is_static()) {
    for (uint32_t j = 0; j < dim_; ++j) {
      out[j] = ranges_.low[j] + ranges_.step[j] * static_cast<float>(codes[j]);
    }
    return;
  }
  const float scale = ScaleOf(record);
  const float middle = MiddleOf(record);
  const float zero = 0.5f * static_cast<float>(doubled_middle());
  for (uint32_t j = 0; j < dim_; ++j) {
    out[j] = middle + scale * (static_cast<float>(codes[j]) - zero);
  }
}

void RecordCode::Decode(const uint8_t* record, float* out) const {
  if (IsFloats(spec_.kind)) return DecodeFloats(record, out);
  if (spec_.kind != RecordKind::kSign) return DecodeIntegers(record, out);
  const float length = ScaleOf(record) / std::sqrt(static_cast<float>(dim_));
  for (uint32_t j = 0; j < dim_; ++j) {
    out[j] = (record[j / 8] >> (j % 8) & 1) != 0 ? length : -length;
  }
}

void RecordCode::Prepare(const float* y, RecordQuery& out) const {
  out.bias = 0;
  if (IsFloats(spec_.kind) || spec_.kind == RecordKind::kSign) {
    out.y.assign(y, y + dim_);
    return;
  }
  out.scratch.assign(y, y + dim_);
  if (spec_.is_static()) {
    double bias = 0;
    const double middle = 0.5 * doubled_middle();
    for (uint32_t j = 0; j < dim_; ++j) {
      bias += double{y[j]} * (double{ranges_.low[j]} + middle * double{ranges_.step[j]});
      out.scratch[j] *= ranges_.step[j];
    }
    out.bias = static_cast<float>(bias);
  }
  QuantizeLimbs(out.scratch.data(), dim_, out.weights);
}

void RecordCode::EnterList(const float* centroid, RecordQuery& query) const {
  if (spec_.kind != RecordKind::kSign) return;
  query.norm = std::sqrt(simd::ActiveKernels().l2sqr(query.y.data(), centroid, dim_));
  query.signs.assign(PlaneBytes(dim_, 1), 0);
  for (uint32_t j = 0; j < dim_; ++j) {
    const int set = query.y[j] >= centroid[j] ? 1 : 0;
    query.signs[j / 8] = static_cast<uint8_t>(query.signs[j / 8] | set << (j % 8));
  }
}

float RecordCode::Product(const RecordQuery& query, const uint8_t* record) const {
  if (IsFloats(spec_.kind)) {
    thread_local std::vector<float> decoded;
    decoded.resize(dim_);
    DecodeFloats(record, decoded.data());
    return simd::ActiveKernels().dot(query.y.data(), decoded.data(), dim_);
  }
  const int64_t product = 2 * PlaneProduct(record, dim_, spec_.bits, query.weights) -
                          doubled_middle() * query.weights.sum();
  const float codes = query.weights.step * (0.5f * static_cast<float>(product));
  const float centred = ScaleOf(record) * codes + query.bias;
  if (middle_at_ == 0) return centred;
  return centred +
         MiddleOf(record) * (query.weights.step * static_cast<float>(query.weights.sum()));
}

float RecordCode::Score(const RecordQuery& query, float base, const uint8_t* record) const {
  if (spec_.kind == RecordKind::kSign) {
    const uint32_t differing =
        simd::ActiveKernels().hamming(record, query.signs.data(), PlaneBytes(dim_, 1));
    const float norm = ScaleOf(record);
    const float product = query.norm * norm * cosines_[std::min(differing, dim_)];
    const float tail = tail_at_ == 0 ? 0.0f : FromBrain(Get<uint16_t>(record + tail_at_));
    return FiniteEstimate(base + norm * norm + tail - 2.0f * product);
  }
  const float g = g_at_ == 0 ? 0.0f : Get<float>(record + g_at_);
  const float weight = metric_ == Metric::kInnerProduct ? -1.0f : -2.0f;
  return FiniteEstimate(base + g + weight * Product(query, record));
}

float RecordCode::Slack(const uint8_t* record) const {
  const float spread = FromBrain(Get<uint16_t>(record + slack_at_));
  return metric_ == Metric::kInnerProduct ? spread : 2.0f * spread;
}

}  // namespace tessera::quant
