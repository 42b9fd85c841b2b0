// A trained quantizer on its own, without a collection: train from rows, save to a file, encode and
// decode. Behind `tessera fit | encode | decode`.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "index/quantizer_spec.h"
#include "index/status.h"
#include "index/training.h"
#include "index/types.h"

namespace tessera {

// Immutable, so safe to share between threads.
class Quantizer {
 public:
  virtual ~Quantizer() = default;

  // rows: n x dim in the caller's space (cosine: any nonzero norm; normalised inside). Fewer rows
  // than the spec needs: InvalidArgument says how many. Zero choices in the spec are resolved from
  // n, dim.
  static StatusOr<std::unique_ptr<Quantizer>> Train(const QuantizerSpec& spec, Metric metric,
                                                    MatrixView<const float> rows,
                                                    const TrainingContext& context);
  // DataLoss if `bytes` is not what Serialize() wrote: wrong magic, version, length or crc.
  static StatusOr<std::unique_ptr<Quantizer>> Parse(const std::string& bytes);
  virtual std::string Serialize() const = 0;

  virtual const QuantizerSpec& spec() const = 0;  // resolved: no zero choices left
  virtual Metric metric() const = 0;
  virtual uint32_t dim() const = 0;
  // Bytes of one code: with inverted lists 4 (list, little-endian) + the product code.
  virtual uint32_t code_bytes() const = 0;
  // codes: rows x code_bytes. InvalidArgument names row and dimension of a NaN or infinity.
  virtual Status Encode(MatrixView<const float> rows, uint8_t* codes, Executor* executor) const = 0;
  // out: n x dim. InvalidArgument names the row of an impossible code.
  virtual Status Decode(const uint8_t* codes, size_t n, float* out) const = 0;
  // Mean squared distance of (normalised) rows to what they decode to.
  virtual StatusOr<double> QuantizationError(MatrixView<const float> rows,
                                             Executor* executor) const = 0;
};

}  // namespace tessera
