// Scalar quantization: each component becomes an integer of 8, 6 or 4 bits that stands for
// (integer - zero_point) * scale.
//
// The functions compute what the ONNX operators QuantizeLinear, DequantizeLinear and
// DynamicQuantizeLinear (opset 21) are defined to, in the order of float operations of onnxruntime,
// to the bit (tests/parity compares them): integers and floats of TensorFlow Lite, PyTorch and ONNX
// Runtime mean here what they meant there. Pure and thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "index/scalar_calibration.h"
#include "index/scalar_type.h"
#include "index/status.h"
#include "index/types.h"

namespace tessera {

// q[i] = saturate(round(x[i] / scale) + zero_point), halves to even. Integers stand one a byte
// whatever their width, signed ones in two's complement. Any float is taken: beyond the type's
// range (infinity, a quotient that overflows) the nearest limit; NaN (and 0 / 0) becomes the lowest
// integer. Precondition: params.zero_point is one of the type's integers.
void QuantizeLinear(const float* x, size_t n, const ScalarParams& params, ScalarType type,
                    uint8_t* q);
// x[i] = float(q[i] - zero_point) * scale. The integers are within the type.
void DequantizeLinear(const uint8_t* q, size_t n, const ScalarParams& params, ScalarType type,
                      float* x);

// Per axis: a tensor seen as outer x channels x inner, each channel with its own parameters. For
// rows of a matrix by dimension: {rows, dim, 1}.
struct AxisShape {
  size_t outer = 0;
  size_t channels = 0;
  size_t inner = 1;
};
// params: shape.channels of them.
void QuantizeLinear(const float* x, const AxisShape& shape, const ScalarParams* params,
                    ScalarType type, uint8_t* q);
void DequantizeLinear(const uint8_t* q, const AxisShape& shape, const ScalarParams* params,
                      ScalarType type, float* x);

// Scale and zero point from the values themselves, which need not be finite but must not be NaN:
// scale = (max - min) / (highest - lowest) of the range that also holds zero, 1 if all are zero;
// zero point = round(lowest - min / scale), saturated. ONNX defines it for u8; other types go the
// same way. As there, the scale is 0 where the range is so small that it underflows, infinity where
// it overflows.
ScalarParams DynamicParams(const float* x, size_t n, ScalarType type);
// DynamicParams, then QuantizeLinear by them.
ScalarParams DynamicQuantizeLinear(const float* x, size_t n, ScalarType type, uint8_t* q);

// Integers of 6 and 4 bits side by side: value i at bit i * bits, low bits first (for 4 bits that
// is ONNX's order: the first of two values in the low half). n values take PackedBytes(n, bits)
// bytes; bits behind the last value are 0.
size_t PackedBytes(size_t n, int bits);
void PackIntegers(const uint8_t* q, size_t n, int bits, uint8_t* packed);
void UnpackIntegers(const uint8_t* packed, size_t n, ScalarType type, uint8_t* q);

struct ScalarQuantizerOptions {
  ScalarType type{};
  CalibrationOptions calibration{};  // symmetric or affine; how a static range is found
  // True: parameters from each vector at run time, by its smallest and largest value; nothing is
  // learned.
  bool dynamic = false;
  // Parameters for each dimension instead of one pair for all. Static only.
  bool per_dimension = false;

  // InvalidArgument names the field.
  Status Validate() const;
};

// A quantizer of whole vectors. A code is the packed integers; of a dynamic one, f32 scale
// (little-endian) and zero point (one byte) stand before them. Immutable, so safe to share between
// threads.
class ScalarQuantizer {
 public:
  ScalarQuantizer() = default;
  // rows: n x dim, finite; n >= 1. A dynamic quantizer reads no more than their dim.
  // InvalidArgument names the field of bad options, row and dimension of a NaN or infinity.
  static StatusOr<ScalarQuantizer> Train(MatrixView<const float> rows,
                                         const ScalarQuantizerOptions& options);

  const ScalarQuantizerOptions& options() const { return options_; }
  uint32_t dim() const { return dim_; }
  uint32_t code_bytes() const;
  // dim of them if per dimension, one if not, none if dynamic.
  const std::vector<ScalarParams>& params() const { return params_; }

  // codes: n x code_bytes(). InvalidArgument names row and dimension of a NaN or infinity, and a
  // row whose range is beyond float.
  Status Encode(MatrixView<const float> rows, uint8_t* codes) const;
  // out: n x dim. InvalidArgument names the row of a code whose scale is not positive and finite or
  // whose zero point is not of the type.
  Status Decode(const uint8_t* codes, size_t n, float* out) const;
  // Mean squared distance of rows to what they decode to. Errors as Encode.
  StatusOr<double> QuantizationError(MatrixView<const float> rows) const;

 private:
  Status CheckRows(MatrixView<const float> rows) const;
  // integers: scratch of dim.
  Status EncodeRow(const float* row, uint8_t* integers, uint8_t* code) const;

  ScalarQuantizerOptions options_;
  uint32_t dim_ = 0;
  std::vector<ScalarParams> params_;
};

}  // namespace tessera
