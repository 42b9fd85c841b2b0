// What to train: the parameters of a quantizer, also as a string in the field's factory form.
#pragma once

#include <cstdint>
#include <string>

#include "index/status.h"

namespace tessera {

enum class RotationKind : uint8_t { kNone = 0, kRandom = 1, kOptimized = 2 };
// The code that a vector (or its residual to the list's centroid) becomes.
enum class CodeKind : uint8_t { kProduct = 0, kVector = 1 };
// 8-bit scalar codes kept in memory beside the codes, for rerank. Dynamic: a scale per vector
// (max-abs / 127). Static: a range per dimension, calibrated (min/max) at training.
enum class RefineKind : uint8_t { kNone = 0, kDynamic8 = 1, kStatic8 = 2 };

// Written as [RR,|OPQ,][IVF[<nlist>],]PQ[<m>[x<bits>]][,Refine(SQ8)|,Refine(SQ8S)]
//         or VQ<k>
//   RR             random orthogonal rotation first
//   OPQ            rotation fitted to the product code (optimized product quantization)
//   IVF1024        1,024 inverted lists, codes of residuals; "IVF" alone lets training choose from
//   the
//                  row count; no IVF = one list
//   PQ32x8         32 sub-quantizers of 8 bits (bits: 4, 6 or 8, default 8); "PQx4" lets
//                  training choose their number from the dimension, "PQ" their bits too: 8 where
//                  the processor scans those at full speed, else 4 and twice as many
//   Refine(SQ8)    dynamic 8-bit refine codes; Refine(SQ8S) static ones; none without it
//   VQ4096         one codebook of 4,096 centroids, code = index of the nearest (little-endian,
//                  1, 2 or 4 bytes); for files (tessera fit), not for collections
struct QuantizerSpec {
  RotationKind rotation = RotationKind::kNone;
  CodeKind code = CodeKind::kProduct;
  bool inverted_lists = true;
  uint32_t nlist = 0;    // 0 = chosen at training; 1 without inverted lists
  uint32_t pq_m = 0;     // 0 = chosen at training
  uint32_t pq_bits = 0;  // 4, 6, 8; 0 = chosen at training, 8 if pq_m is given
  uint32_t vq_k = 0;     // for CodeKind::kVector
  RefineKind refine = RefineKind::kDynamic8;

  // InvalidArgument names what is wrong and where in the text.
  static StatusOr<QuantizerSpec> Parse(const std::string& text);
  // The canonical string; Parse(ToString()) gives the same spec.
  std::string ToString() const;
  // InvalidArgument names the field. dim = 0 checks what does not depend on it.
  Status Validate(uint32_t dim) const;

  friend bool operator==(const QuantizerSpec&, const QuantizerSpec&) = default;
};

inline constexpr const char* kDefaultQuantizer = "IVF,PQ,Refine(SQ8)";

}  // namespace tessera
