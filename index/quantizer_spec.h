// What to train: the parameters of a quantizer, also as a string in the field's factory form.
#pragma once

#include <cstdint>
#include <string>

#include "index/status.h"

namespace tessera {

enum class RotationKind : uint8_t { kNone = 0, kRandom = 1, kOptimized = 2 };
// Dimensions left out before anything else: kPrincipal keeps the directions of most variance, kLeading the
// first components as they are (embeddings trained for it: Matryoshka).
enum class TruncationKind : uint8_t { kNone = 0, kPrincipal = 1, kLeading = 2 };
// The code that a vector (or its residual to the list's centroid) becomes. All but kVector and kRecord are
// table codes: a decoded vector is a sum of codewords, a distance a sum of table entries.
enum class CodeKind : uint8_t {
  kProduct = 0,   // codebooks of disjoint sub-spaces
  kVector = 1,    // one codebook, or two levels of them
  kAdditive = 2,  // 8-bit product codes, each the sum of two codebooks of 16 entries
  kResidual = 3,  // codebooks one after the other on what the ones before have left
  kMixed = 4,     // product codes whose sub-spaces get bits by their variance
  kRecord = 5,    // no tables: records of components, scored by products
};
// How the components of a vector are kept where no codebook is.
enum class RecordKind : uint8_t {
  kNone = 0,
  kScalar = 1,       // integers of `bits` with a scale
  kRotatedBits = 2,  // RaBitQ: integers of `bits` after a random rotation, scaled to an unbiased product
  kFloat16 = 3,      // IEEE half precision
  kBrain16 = 4,      // the upper half of a float
  kSign = 5,         // a bit a component, Hamming distance
};
// Where a scalar record's scale comes from.
enum class ScalarRange : uint8_t {
  kDynamic = 0,       // of each vector: largest magnitude
  kDynamicAffine = 1,  // of each vector: least and largest component
  kMinMax = 2,        // static, of the sample: least and largest
  kPercentile = 3,    // static: 0.1 % to 99.9 %
  kLeastError = 4,    // static: the range of least squared error
};

struct RecordSpec {
  RecordKind kind = RecordKind::kNone;
  uint32_t bits = 0;  // kScalar: 8, 6, 4; kRotatedBits: 1 to 8; else 0
  ScalarRange range = ScalarRange::kDynamic;  // kScalar
  bool symmetric = false;   // static ranges: around zero
  bool per_tensor = false;  // static ranges: one for all dimensions

  bool is_static() const { return kind == RecordKind::kScalar && range >= ScalarRange::kMinMax; }
  // "SQ8", "RaBitQ4", ...; empty for kNone.
  std::string ToString() const;

  friend bool operator==(const RecordSpec&, const RecordSpec&) = default;
};
inline constexpr RecordSpec kDynamic8 = {RecordKind::kScalar, 8, ScalarRange::kDynamic, false, false};
inline constexpr RecordSpec kStatic8 = {RecordKind::kScalar, 8, ScalarRange::kMinMax, false, false};

// Written as [PCA<d>,|MRL<d>,][RR,|OPQ,][IVF[<nlist>],]CODE[,Aniso][,FT][,Refine(RECORD)]
//         or VQ<k>, VQ<k>x<k>
//   PCA64          codes of the 64 principal directions alone; MRL64 of the first 64 components
//   RR             random orthogonal rotation first
//   OPQ            rotation fitted to the product code (optimized product quantization)
//   IVF1024        1,024 inverted lists, codes of residuals; "IVF" alone lets training choose from
//                  the row count; no IVF = one list
// CODE is one of
//   PQ32x8         32 sub-quantizers of 8 bits (bits: 2, 4, 6 or 8, default 8); "PQx4" lets
//                  training choose their number from the dimension, "PQ" their bits too: 8 where
//                  the processor scans those at full speed, else 4 and twice as many
//   PQ32x4+4       the same bytes as sums of two codebooks of 16: every processor scans them in registers
//   RQ8x8          8 codebooks of 8 bits (or 4), each of the residual of those before
//   PRQ4x2x8       4 sub-spaces, in each of them 2 such codebooks of 8 bits
//   MPQ24          24 bytes, bits dealt to sub-spaces by their variance
//   RECORD         see below: the records themselves are scanned
// RECORD is one of
//   SQ8 SQ6 SQ4    integers, a scale per vector (largest magnitude); SQ8A least and largest component
//   SQ8S           a range per dimension, least and largest of the sample; SQ8P of 0.1 % to 99.9 %, SQ8E
//                  of least squared error; then "s": symmetric around zero, "t": one range for all
//   RaBitQ4        4 bits (1 to 8, default 1) a dimension, unbiased; brings its own random rotation
//   FP16 BF16      half precision; the upper half of a float
//   Binary         signs, Hamming distance
//   Aniso          score-aware training and encoding; refused: loses beside the correction (README)
//   FT             codes and codebooks of PQ fine-tuned to rank sampled neighbours (l2, cosine)
//   Refine(SQ8)    records kept in memory beside the codes, for rerank; none without it
//   VQ4096         one codebook of 4,096 centroids, code = index of the nearest (little-endian,
//                  1, 2 or 4 bytes); VQ64x64 two levels; for files (tessera fit), not for collections
struct QuantizerSpec {
  TruncationKind truncation = TruncationKind::kNone;
  uint32_t kept_dim = 0;  // with a truncation
  RotationKind rotation = RotationKind::kNone;
  CodeKind code = CodeKind::kProduct;
  bool inverted_lists = true;
  uint32_t nlist = 0;    // 0 = chosen at training; 1 without inverted lists
  uint32_t pq_m = 0;     // sub-spaces; 0 = chosen at training; 1 for RQ
  uint32_t pq_bits = 0;  // 2, 4, 6, 8; 0 = chosen at training, 8 if pq_m is given; 8 for kAdditive, kMixed
  uint32_t stages = 0;   // kResidual: codebooks a sub-space
  uint32_t mixed_bytes = 0;  // kMixed
  uint32_t vq_k = 0;     // for CodeKind::kVector
  uint32_t vq_k2 = 0;    // of the second level; 0 = one level
  RecordSpec record;     // for CodeKind::kRecord
  bool score_aware = false;
  bool fine_tuned = false;
  RecordSpec refine = kDynamic8;

  // Dimensions that codes have, of vectors of `dim`.
  uint32_t coded_dim(uint32_t dim) const { return kept_dim == 0 ? dim : kept_dim; }
  bool has_table_code() const { return code != CodeKind::kVector && code != CodeKind::kRecord; }

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
