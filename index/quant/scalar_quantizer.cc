#include "index/scalar_quantizer.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "index/quant/rows.h"

namespace tessera {
namespace {

constexpr size_t kDynamicHeaderBytes = sizeof(float) + 1;

// Rounds |v| < 2^22 to the nearest integer, halves to even: above 1.5 * 2^23 a float has no
// fraction.
inline float RoundHalfToEven(float v) { return (v + 12582912.0f) - 12582912.0f; }

// The comparisons are those of the x86 instructions maxps and minps: NaN gives `low`.
inline float Clamped(float v, float low, float high) {
  v = v > low ? v : low;
  return v < high ? v : high;
}

int32_t IntegerOf(uint8_t byte, ScalarType type) {
  return type.is_signed ? static_cast<int8_t>(byte) : byte;
}

}  // namespace

void QuantizeLinear(const float* x, size_t n, const ScalarParams& params, ScalarType type,
                    uint8_t* q) {
  const auto low = static_cast<float>(type.lowest() - params.zero_point);
  const auto high = static_cast<float>(type.highest() - params.zero_point);
  for (size_t i = 0; i < n; ++i) {
    const float rounded = RoundHalfToEven(Clamped(x[i] / params.scale, low, high));
    q[i] = static_cast<uint8_t>(static_cast<int32_t>(rounded) + params.zero_point);
  }
}

void DequantizeLinear(const uint8_t* q, size_t n, const ScalarParams& params, ScalarType type,
                      float* x) {
  for (size_t i = 0; i < n; ++i) {
    x[i] = static_cast<float>(IntegerOf(q[i], type) - params.zero_point) * params.scale;
  }
}

void QuantizeLinear(const float* x, const AxisShape& shape, const ScalarParams* params,
                    ScalarType type, uint8_t* q) {
  for (size_t i = 0; i < shape.outer * shape.channels; ++i) {
    QuantizeLinear(x + i * shape.inner, shape.inner, params[i % shape.channels], type,
                   q + i * shape.inner);
  }
}

void DequantizeLinear(const uint8_t* q, const AxisShape& shape, const ScalarParams* params,
                      ScalarType type, float* x) {
  for (size_t i = 0; i < shape.outer * shape.channels; ++i) {
    DequantizeLinear(q + i * shape.inner, shape.inner, params[i % shape.channels], type,
                     x + i * shape.inner);
  }
}

ScalarParams DynamicParams(const float* x, size_t n, ScalarType type) {
  float low = 0;
  float high = 0;
  for (size_t i = 0; i < n; ++i) {
    low = std::min(low, x[i]);
    high = std::max(high, x[i]);
  }
  const auto lowest = static_cast<float>(type.lowest());
  const auto highest = static_cast<float>(type.highest());
  ScalarParams params;
  params.scale = high == low ? 1.0f : (high - low) / (highest - lowest);
  // NaN (0 / 0, infinity / infinity) stays at `highest`, as std::min has it in onnxruntime.
  const float zero_point = lowest - low / params.scale;
  params.zero_point =
      static_cast<int32_t>(RoundHalfToEven(std::max(lowest, std::min(highest, zero_point))));
  return params;
}

ScalarParams DynamicQuantizeLinear(const float* x, size_t n, ScalarType type, uint8_t* q) {
  const ScalarParams params = DynamicParams(x, n, type);
  QuantizeLinear(x, n, params, type, q);
  return params;
}

size_t PackedBytes(size_t n, int bits) { return (n * static_cast<size_t>(bits) + 7) / 8; }

void PackIntegers(const uint8_t* q, size_t n, int bits, uint8_t* packed) {
  const uint32_t mask = (1u << bits) - 1;
  uint32_t pending = 0;
  int filled = 0;
  for (size_t i = 0; i < n; ++i) {
    pending |= (q[i] & mask) << filled;
    for (filled += bits; filled >= 8; filled -= 8) {
      *packed++ = static_cast<uint8_t>(pending);
      pending >>= 8;
    }
  }
  if (filled > 0) *packed = static_cast<uint8_t>(pending);
}

void UnpackIntegers(const uint8_t* packed, size_t n, ScalarType type, uint8_t* q) {
  const uint32_t mask = (1u << type.bits) - 1;
  const uint32_t sign = type.is_signed ? 1u << (type.bits - 1) : 0;
  uint32_t pending = 0;
  int filled = 0;
  for (size_t i = 0; i < n; ++i) {
    if (filled < type.bits) {
      pending |= uint32_t{*packed++} << filled;
      filled += 8;
    }
    q[i] = static_cast<uint8_t>(((pending & mask) ^ sign) - sign);
    pending >>= type.bits;
    filled -= type.bits;
  }
}

Status ScalarQuantizerOptions::Validate() const {
  TESSERA_RETURN_IF_ERROR(type.Validate());
  TESSERA_RETURN_IF_ERROR(calibration.Validate());
  if (dynamic && per_dimension) {
    return InvalidArgument(
        "per_dimension needs parameters fixed at training, and dynamic ones are not");
  }
  if (dynamic && calibration.kind != CalibrationKind::kMinMax) {
    return InvalidArgument(
        "calibration.kind of a dynamic quantizer is min/max: it sees one vector at a time");
  }
  return OkStatus();
}

StatusOr<ScalarQuantizer> ScalarQuantizer::Train(MatrixView<const float> rows,
                                                 const ScalarQuantizerOptions& options) {
  TESSERA_RETURN_IF_ERROR(options.Validate());
  if (rows.dim() == 0 || rows.dim() > kMaxDim) {
    return InvalidArgument("rows have " + std::to_string(rows.dim()) +
                           " dimensions, expected 1 to " + std::to_string(kMaxDim));
  }
  ScalarQuantizer quantizer;
  quantizer.options_ = options;
  quantizer.dim_ = static_cast<uint32_t>(rows.dim());
  if (options.dynamic) return quantizer;
  if (rows.rows() == 0) return InvalidArgument("rows is empty, calibration needs at least one");
  TESSERA_RETURN_IF_ERROR(quant::CheckFinite(rows, "rows"));
  if (options.per_dimension) {
    TESSERA_ASSIGN_OR_RETURN(quantizer.params_,
                             CalibrateDimensions(rows, options.type, options.calibration));
  } else {
    TESSERA_ASSIGN_OR_RETURN(const ScalarParams params,
                             Calibrate(rows, options.type, options.calibration));
    quantizer.params_ = {params};
  }
  return quantizer;
}

uint32_t ScalarQuantizer::code_bytes() const {
  const size_t packed = PackedBytes(dim_, options_.type.bits);
  return static_cast<uint32_t>(packed + (options_.dynamic ? kDynamicHeaderBytes : 0));
}

Status ScalarQuantizer::CheckRows(MatrixView<const float> rows) const {
  if (rows.dim() == dim_) return quant::CheckFinite(rows, "rows");
  return InvalidArgument("rows have " + std::to_string(rows.dim()) + " dimensions, the quantizer " +
                         std::to_string(dim_));
}

Status ScalarQuantizer::EncodeRow(const float* row, uint8_t* integers, uint8_t* code) const {
  const ScalarType type = options_.type;
  if (options_.per_dimension) {
    QuantizeLinear(row, {1, dim_, 1}, params_.data(), type, integers);
  } else if (!options_.dynamic) {
    QuantizeLinear(row, dim_, params_[0], type, integers);
  } else {
    const auto [low, high] = std::minmax_element(row, row + dim_);
    TESSERA_ASSIGN_OR_RETURN(const ScalarParams params,
                             ParamsOfRange({*low, *high}, type, options_.calibration.symmetric));
    QuantizeLinear(row, dim_, params, type, integers);
    std::memcpy(code, &params.scale, sizeof(float));
    code[sizeof(float)] = static_cast<uint8_t>(params.zero_point);
    code += kDynamicHeaderBytes;
  }
  PackIntegers(integers, dim_, type.bits, code);
  return OkStatus();
}

Status ScalarQuantizer::Encode(MatrixView<const float> rows, uint8_t* codes) const {
  TESSERA_RETURN_IF_ERROR(CheckRows(rows));
  std::vector<uint8_t> integers(dim_);
  for (size_t i = 0; i < rows.rows(); ++i) {
    const Status encoded = EncodeRow(rows.row(i), integers.data(), codes + i * code_bytes());
    if (!encoded.ok()) return Annotate(encoded, "rows[" + std::to_string(i) + "]: ");
  }
  return OkStatus();
}

Status ScalarQuantizer::Decode(const uint8_t* codes, size_t n, float* out) const {
  const ScalarType type = options_.type;
  std::vector<uint8_t> integers(dim_);
  for (size_t i = 0; i < n; ++i, out += dim_) {
    const uint8_t* code = codes + i * code_bytes();
    ScalarParams params = params_.empty() ? ScalarParams() : params_[0];
    if (options_.dynamic) {
      std::memcpy(&params.scale, code, sizeof(float));
      params.zero_point = IntegerOf(code[sizeof(float)], type);
      if (const Status valid = CheckParams(params, type); !valid.ok()) {
        return Annotate(valid, "codes[" + std::to_string(i) + "].");
      }
      code += kDynamicHeaderBytes;
    }
    UnpackIntegers(code, dim_, type, integers.data());
    if (options_.per_dimension) {
      DequantizeLinear(integers.data(), {1, dim_, 1}, params_.data(), type, out);
    } else {
      DequantizeLinear(integers.data(), dim_, params, type, out);
    }
  }
  return OkStatus();
}

StatusOr<double> ScalarQuantizer::QuantizationError(MatrixView<const float> rows) const {
  std::vector<uint8_t> codes(rows.rows() * code_bytes());
  TESSERA_RETURN_IF_ERROR(Encode(rows, codes.data()));
  std::vector<float> back(dim_);
  double sum = 0;
  for (size_t i = 0; i < rows.rows(); ++i) {
    TESSERA_RETURN_IF_ERROR(Decode(codes.data() + i * code_bytes(), 1, back.data()));
    for (size_t j = 0; j < dim_; ++j) {
      const double e = static_cast<double>(rows.row(i)[j]) - back[j];
      sum += e * e;
    }
  }
  return rows.rows() == 0 ? 0.0 : sum / static_cast<double>(rows.rows());
}

}  // namespace tessera
