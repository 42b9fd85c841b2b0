#include "index/quantizer_spec.h"

#include "index/types.h"

namespace tessera {
namespace {

constexpr uint32_t kMaxLists = 1u << 24;
constexpr uint32_t kMaxCodewords = 1u << 24;  // of a vector quantizer
constexpr uint32_t kMaxCodeBytes = 256;       // a row's sum of 7-bit table entries must fit 16 bits
constexpr uint32_t kMaxRotatedDim = 8192;     // the matrix takes 4 dim^2 bytes
constexpr uint32_t kMaxOptimizedDim = 2048;   // fitting takes time in proportion to dim^3

Status BadNumber(const std::string& field, const std::string& expected, uint64_t got) {
  return InvalidArgument(field + " must be " + expected + ", got " + std::to_string(got));
}

Status CheckRecord(const RecordSpec& record, const std::string& field) {
  const bool scalar = record.kind == RecordKind::kScalar;
  if (scalar && record.bits != 8 && record.bits != 6 && record.bits != 4) {
    return BadNumber(field + ".bits", "8, 6 or 4", record.bits);
  }
  if (record.kind == RecordKind::kRotatedBits && (record.bits < 1 || record.bits > 8)) {
    return BadNumber(field + ".bits", "in 1..8", record.bits);
  }
  if (!record.is_static() && (record.symmetric || record.per_tensor)) {
    return InvalidArgument(field + ": symmetric and per_tensor are for static ranges");
  }
  return OkStatus();
}

Status ValidateVector(const QuantizerSpec& spec) {
  if (spec.vq_k == 0 || spec.vq_k > kMaxCodewords) {
    return BadNumber("vq_k", "in 1.." + std::to_string(kMaxCodewords), spec.vq_k);
  }
  if (spec.vq_k2 != 0 && uint64_t{spec.vq_k} * spec.vq_k2 > kMaxCodewords) {
    return BadNumber("vq_k x vq_k2", "at most " + std::to_string(kMaxCodewords),
                     uint64_t{spec.vq_k} * spec.vq_k2);
  }
  QuantizerSpec alone;
  alone.code = CodeKind::kVector;
  alone.vq_k = spec.vq_k;
  alone.vq_k2 = spec.vq_k2;
  alone.inverted_lists = false;
  alone.nlist = spec.nlist <= 1 ? spec.nlist : 1;
  alone.refine = {};
  if (!(alone == spec)) {
    return InvalidArgument("VQ stands alone: no rotation, lists, sub-quantizers or refine codes");
  }
  return OkStatus();
}

Status ValidateLists(const QuantizerSpec& spec) {
  if (spec.vq_k != 0 || spec.vq_k2 != 0) return BadNumber("vq_k", "0 but for VQ", spec.vq_k);
  if (!spec.inverted_lists && spec.nlist > 1) {
    return BadNumber("nlist", "1 without inverted lists", spec.nlist);
  }
  if (spec.nlist > kMaxLists) {
    return BadNumber("nlist", "at most " + std::to_string(kMaxLists), spec.nlist);
  }
  if ((spec.truncation != TruncationKind::kNone) != (spec.kept_dim != 0)) {
    return InvalidArgument("kept_dim and truncation go together");
  }
  return OkStatus();
}

Status CheckBits(const QuantizerSpec& spec) {
  const uint32_t bits = spec.pq_bits;
  if (spec.code == CodeKind::kProduct) {
    if (bits <= 8 && bits % 2 == 0) return OkStatus();  // 0: chosen at training
    return BadNumber("pq_bits", "2, 4, 6 or 8", bits);
  }
  if (spec.code == CodeKind::kResidual && bits == 4) return OkStatus();
  if (bits == 8) return OkStatus();
  return BadNumber("pq_bits", spec.code == CodeKind::kResidual ? "4 or 8" : "8", bits);
}

Status ValidateTable(const QuantizerSpec& spec) {
  if (spec.record.kind != RecordKind::kNone) {
    return InvalidArgument("record: only where there is no table code");
  }
  TESSERA_RETURN_IF_ERROR(CheckBits(spec));
  const bool residual = spec.code == CodeKind::kResidual;
  const bool mixed = spec.code == CodeKind::kMixed;
  if (residual != (spec.stages != 0)) return BadNumber("stages", "0 but for RQ and PRQ", spec.stages);
  if (mixed != (spec.mixed_bytes != 0)) {
    return BadNumber("mixed_bytes", "0 but for MPQ", spec.mixed_bytes);
  }
  if (spec.mixed_bytes > kMaxCodeBytes) {
    return BadNumber("mixed_bytes", "at most " + std::to_string(kMaxCodeBytes), spec.mixed_bytes);
  }
  const uint32_t bits = spec.pq_bits == 0 ? 8 : spec.pq_bits;
  const uint32_t max_m = kMaxCodeBytes * 8 / bits;
  const uint64_t codes = uint64_t{spec.pq_m} * (residual ? spec.stages : 1);
  if (codes > max_m) {
    return BadNumber(residual ? "pq_m x stages" : "pq_m",
                     "at most " + std::to_string(max_m) + " at " + std::to_string(bits) + " bits",
                     codes);
  }
  return OkStatus();
}

Status ValidateRecordCode(const QuantizerSpec& spec) {
  if (spec.record.kind == RecordKind::kNone) return InvalidArgument("record: missing");
  if (spec.pq_m != 0 || spec.pq_bits != 0 || spec.stages != 0 || spec.mixed_bytes != 0) {
    return InvalidArgument("pq_m, pq_bits, stages, mixed_bytes must be 0 without a table code");
  }
  if (spec.score_aware || spec.fine_tuned) {
    return InvalidArgument("Aniso and FT train codebooks, " + spec.record.ToString() + " has none");
  }
  if (spec.rotation == RotationKind::kOptimized) {
    return InvalidArgument("rotation: OPQ is fitted to product codes, take RR or PCA with " +
                           spec.record.ToString());
  }
  if (spec.record.kind == RecordKind::kRotatedBits && spec.rotation == RotationKind::kRandom) {
    return InvalidArgument("rotation: RaBitQ brings its own, leave RR out");
  }
  return CheckRecord(spec.record, "record");
}

Status ValidateRefine(const QuantizerSpec& spec) {
  if (spec.refine.kind == RecordKind::kSign) {
    return InvalidArgument("refine: Binary ranks too coarsely to refine by");
  }
  if (spec.refine.kind == RecordKind::kRotatedBits && spec.refine.bits == 1) {
    return InvalidArgument(
        "refine: RaBitQ1 keeps signs alone and ranks too coarsely to refine by, take 2 bits or more");
  }
  return CheckRecord(spec.refine, "refine");
}

Status ValidateRotation(const QuantizerSpec& spec, uint32_t dim) {
  const uint32_t coded = spec.coded_dim(dim);
  const bool random = spec.rotation == RotationKind::kRandom ||
                      spec.record.kind == RecordKind::kRotatedBits;
  if (spec.truncation == TruncationKind::kPrincipal && dim > kMaxRotatedDim) {
    return InvalidArgument("truncation: PCA takes at most " + std::to_string(kMaxRotatedDim) +
                           " dimensions, got " + std::to_string(dim));
  }
  if (random && coded > kMaxRotatedDim) {
    return InvalidArgument("rotation: at most " + std::to_string(kMaxRotatedDim) +
                           " dimensions can be rotated, got " + std::to_string(coded));
  }
  if (spec.rotation == RotationKind::kOptimized && coded > kMaxOptimizedDim) {
    return InvalidArgument("rotation: OPQ fits at most " + std::to_string(kMaxOptimizedDim) +
                           " dimensions, got " + std::to_string(coded));
  }
  return OkStatus();
}

std::string CodeText(const QuantizerSpec& spec) {
  const auto number = [](uint32_t v) { return v == 0 ? std::string() : std::to_string(v); };
  switch (spec.code) {
    case CodeKind::kAdditive:
      return "PQ" + number(spec.pq_m) + "x4+4";
    case CodeKind::kResidual:
      return (spec.pq_m == 1 ? "RQ" : "PRQ" + number(spec.pq_m) + "x") + number(spec.stages) + "x" +
             number(spec.pq_bits);
    case CodeKind::kMixed:
      return "MPQ" + number(spec.mixed_bytes);
    case CodeKind::kRecord:
      return spec.record.ToString();
    default:
      return "PQ" + number(spec.pq_m) + (spec.pq_bits == 0 ? "" : "x" + number(spec.pq_bits));
  }
}

}  // namespace

std::string RecordSpec::ToString() const {
  switch (kind) {
    case RecordKind::kNone:
      return "";
    case RecordKind::kRotatedBits:
      return "RaBitQ" + std::to_string(bits);
    case RecordKind::kFloat16:
      return "FP16";
    case RecordKind::kBrain16:
      return "BF16";
    case RecordKind::kSign:
      return "Binary";
    case RecordKind::kScalar:
      break;
  }
  constexpr const char* kRanges[] = {"", "A", "S", "P", "E"};
  return "SQ" + std::to_string(bits) + kRanges[static_cast<size_t>(range)] + (symmetric ? "s" : "") +
         (per_tensor ? "t" : "");
}

std::string QuantizerSpec::ToString() const {
  if (code == CodeKind::kVector) {
    return "VQ" + std::to_string(vq_k) + (vq_k2 == 0 ? "" : "x" + std::to_string(vq_k2));
  }
  std::string text;
  if (truncation == TruncationKind::kPrincipal) text += "PCA" + std::to_string(kept_dim) + ",";
  if (truncation == TruncationKind::kLeading) text += "MRL" + std::to_string(kept_dim) + ",";
  if (rotation == RotationKind::kRandom) text += "RR,";
  if (rotation == RotationKind::kOptimized) text += "OPQ,";
  if (inverted_lists) text += "IVF" + (nlist == 0 ? "" : std::to_string(nlist)) + ",";
  text += CodeText(*this);
  if (score_aware) text += ",Aniso";
  if (fine_tuned) text += ",FT";
  if (refine.kind != RecordKind::kNone) text += ",Refine(" + refine.ToString() + ")";
  return text;
}

Status QuantizerSpec::Validate(uint32_t dim) const {
  if (code == CodeKind::kVector) {
    TESSERA_RETURN_IF_ERROR(ValidateVector(*this));
  } else {
    TESSERA_RETURN_IF_ERROR(ValidateLists(*this));
    TESSERA_RETURN_IF_ERROR(has_table_code() ? ValidateTable(*this) : ValidateRecordCode(*this));
    TESSERA_RETURN_IF_ERROR(ValidateRefine(*this));
  }
  if (dim == 0) return OkStatus();
  if (dim > kMaxDim) return BadNumber("dim", "at most " + std::to_string(kMaxDim), dim);
  if (kept_dim >= dim) {
    return BadNumber("kept_dim", "less than the dimension " + std::to_string(dim), kept_dim);
  }
  const uint32_t coded = coded_dim(dim);
  if (pq_m > coded) {
    return BadNumber("pq_m", "at most the dimension " + std::to_string(coded), pq_m);
  }
  if (mixed_bytes > coded) {
    return BadNumber("mixed_bytes", "at most the dimension " + std::to_string(coded), mixed_bytes);
  }
  return ValidateRotation(*this, dim);
}

}  // namespace tessera
