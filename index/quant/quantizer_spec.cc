#include "index/quantizer_spec.h"

#include <charconv>
#include <string_view>
#include <vector>

#include "index/types.h"

namespace tessera {
namespace {

constexpr uint32_t kMaxLists = 1u << 24;
constexpr uint32_t kMaxCodewords = 1u << 24;  // of a vector quantizer
constexpr uint32_t kMaxCodeBytes = 256;       // a row's sum of 7-bit table entries must fit 16 bits
constexpr uint32_t kMaxRotatedDim = 8192;     // the matrix takes 4 dim^2 bytes
constexpr uint32_t kMaxOptimizedDim = 2048;   // fitting takes time in proportion to dim^3

bool IsCodeWidth(uint32_t bits) { return bits == 4 || bits == 6 || bits == 8; }

std::vector<std::string_view> SplitAtCommas(std::string_view text) {
  std::vector<std::string_view> pieces;
  for (size_t comma; (comma = text.find(',')) != std::string_view::npos;
       text.remove_prefix(comma + 1)) {
    pieces.push_back(text.substr(0, comma));
  }
  pieces.push_back(text);
  return pieces;
}

// Reads digits off the front of `text`. False if there are none, or more than fit.
bool TakeNumber(std::string_view& text, uint32_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

bool TakePrefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// Reads the pieces of one text in order, each with a message of its own.
class SpecParser {
 public:
  explicit SpecParser(const std::string& text) : text_(text), pieces_(SplitAtCommas(text)) {
    spec_.refine = RefineKind::kNone;
    spec_.inverted_lists = false;
    spec_.nlist = 1;
  }

  StatusOr<QuantizerSpec> Parse() {
    if (text_.empty()) return InvalidArgument("quantizer: empty, expected for example IVF,PQ");
    if (Piece().starts_with("VQ")) return ParseVector();
    if (!Done() && (Piece() == "RR" || Piece() == "OPQ")) {
      spec_.rotation = Piece() == "RR" ? RotationKind::kRandom : RotationKind::kOptimized;
      ++next_;
    }
    if (!Done() && Piece().starts_with("IVF")) TESSERA_RETURN_IF_ERROR(ParseLists());
    if (Done() || !Piece().starts_with("PQ")) {
      if (Done()) return InvalidArgument("quantizer \"" + text_ + "\": ends where PQ is expected");
      return Error("expected [RR,|OPQ,][IVF<n>,]PQ<m>[x<bits>][,Refine(SQ8)] or VQ<k>");
    }
    TESSERA_RETURN_IF_ERROR(ParseProduct());
    if (!Done()) TESSERA_RETURN_IF_ERROR(ParseRefine());
    if (!Done()) return Error("nothing may follow here");
    TESSERA_RETURN_IF_ERROR(Annotate(spec_.Validate(0), "quantizer \"" + text_ + "\": "));
    return spec_;
  }

 private:
  bool Done() const { return next_ == pieces_.size(); }
  std::string_view Piece() const { return pieces_[next_]; }
  Status Error(const std::string& message) const {
    return InvalidArgument("quantizer \"" + text_ + "\": " + std::string(Piece()) + ": " + message);
  }
  // A number that ends the piece; none leaves `value` 0 = chosen at training.
  Status ParseRest(std::string_view rest, const char* name, uint32_t& value) {
    if (rest.empty()) return OkStatus();
    if (!TakeNumber(rest, value) || !rest.empty()) {
      return Error(std::string(name) + " must be a number of at most 32 bits");
    }
    if (value == 0) return Error(std::string(name) + " must be at least 1");
    return OkStatus();
  }

  StatusOr<QuantizerSpec> ParseVector() {
    std::string_view rest = Piece().substr(2);
    spec_.code = CodeKind::kVector;
    if (rest.empty()) return Error("the number of centroids is missing, as in VQ4096");
    TESSERA_RETURN_IF_ERROR(ParseRest(rest, "the number of centroids", spec_.vq_k));
    TESSERA_RETURN_IF_ERROR(Annotate(spec_.Validate(0), "quantizer \"" + text_ + "\": "));
    ++next_;
    if (!Done()) return Error("VQ stands alone");
    return spec_;
  }

  Status ParseLists() {
    spec_.inverted_lists = true;
    spec_.nlist = 0;
    TESSERA_RETURN_IF_ERROR(ParseRest(Piece().substr(3), "the number of lists", spec_.nlist));
    ++next_;
    return OkStatus();
  }

  Status ParseProduct() {
    std::string_view rest = Piece().substr(2);
    if (!rest.empty() && rest.front() != 'x') {
      if (!TakeNumber(rest, spec_.pq_m))
        return Error("the number of sub-quantizers must be a number");
      if (spec_.pq_m == 0) return Error("the number of sub-quantizers must be at least 1");
    }
    if (TakePrefix(rest, "x")) {
      if (!TakeNumber(rest, spec_.pq_bits) || !rest.empty() || !IsCodeWidth(spec_.pq_bits)) {
        return Error("bits must be 4, 6 or 8");
      }
    }
    if (!rest.empty()) return Error("expected PQ<m>x<bits>");
    if (spec_.pq_m != 0 && spec_.pq_bits == 0) spec_.pq_bits = 8;
    ++next_;
    return OkStatus();
  }

  Status ParseRefine() {
    if (Piece() == "Refine(SQ8)") {
      spec_.refine = RefineKind::kDynamic8;
    } else if (Piece() == "Refine(SQ8S)") {
      spec_.refine = RefineKind::kStatic8;
    } else {
      return Error("expected Refine(SQ8) or Refine(SQ8S)");
    }
    ++next_;
    return OkStatus();
  }

  const std::string& text_;
  std::vector<std::string_view> pieces_;
  size_t next_ = 0;
  QuantizerSpec spec_;
};

Status ValidateVector(const QuantizerSpec& spec) {
  if (spec.vq_k == 0 || spec.vq_k > kMaxCodewords) {
    return InvalidArgument("vq_k must be in 1.." + std::to_string(kMaxCodewords) + ", got " +
                           std::to_string(spec.vq_k));
  }
  if (spec.rotation != RotationKind::kNone || spec.inverted_lists || spec.nlist > 1 ||
      spec.pq_m != 0 || spec.refine != RefineKind::kNone) {
    return InvalidArgument("VQ stands alone: no rotation, lists, sub-quantizers or refine codes");
  }
  return OkStatus();
}

Status ValidateProduct(const QuantizerSpec& spec) {
  if (spec.vq_k != 0)
    return InvalidArgument("vq_k must be 0 for PQ, got " + std::to_string(spec.vq_k));
  if (spec.pq_bits != 0 && !IsCodeWidth(spec.pq_bits)) {
    return InvalidArgument("pq_bits must be 4, 6 or 8, got " + std::to_string(spec.pq_bits));
  }
  const uint32_t bits = spec.pq_bits == 0 ? 8 : spec.pq_bits;
  const uint32_t max_m = kMaxCodeBytes * 8 / bits;
  if (spec.pq_m > max_m) {
    return InvalidArgument("pq_m must be at most " + std::to_string(max_m) + " at " +
                           std::to_string(bits) + " bits, got " + std::to_string(spec.pq_m));
  }
  if (!spec.inverted_lists && spec.nlist > 1) {
    return InvalidArgument("nlist must be 1 without inverted lists, got " +
                           std::to_string(spec.nlist));
  }
  if (spec.nlist > kMaxLists) {
    return InvalidArgument("nlist must be at most " + std::to_string(kMaxLists) + ", got " +
                           std::to_string(spec.nlist));
  }
  return OkStatus();
}

Status ValidateRotation(RotationKind rotation, uint32_t dim) {
  if (rotation == RotationKind::kRandom && dim > kMaxRotatedDim) {
    return InvalidArgument("rotation: at most " + std::to_string(kMaxRotatedDim) +
                           " dimensions can be rotated, got " + std::to_string(dim));
  }
  if (rotation == RotationKind::kOptimized && dim > kMaxOptimizedDim) {
    return InvalidArgument("rotation: OPQ fits at most " + std::to_string(kMaxOptimizedDim) +
                           " dimensions, got " + std::to_string(dim));
  }
  return OkStatus();
}

}  // namespace

StatusOr<QuantizerSpec> QuantizerSpec::Parse(const std::string& text) {
  return SpecParser(text).Parse();
}

std::string QuantizerSpec::ToString() const {
  if (code == CodeKind::kVector) return "VQ" + std::to_string(vq_k);
  std::string text;
  if (rotation == RotationKind::kRandom) text += "RR,";
  if (rotation == RotationKind::kOptimized) text += "OPQ,";
  if (inverted_lists) text += "IVF" + (nlist == 0 ? "" : std::to_string(nlist)) + ",";
  text += "PQ" + (pq_m == 0 ? "" : std::to_string(pq_m));
  if (pq_bits != 0) text += "x" + std::to_string(pq_bits);
  if (refine == RefineKind::kDynamic8) text += ",Refine(SQ8)";
  if (refine == RefineKind::kStatic8) text += ",Refine(SQ8S)";
  return text;
}

Status QuantizerSpec::Validate(uint32_t dim) const {
  TESSERA_RETURN_IF_ERROR(code == CodeKind::kVector ? ValidateVector(*this)
                                                    : ValidateProduct(*this));
  if (dim == 0) return OkStatus();
  if (dim > kMaxDim) {
    return InvalidArgument("dim must be at most " + std::to_string(kMaxDim) + ", got " +
                           std::to_string(dim));
  }
  if (pq_m > dim) {
    return InvalidArgument("pq_m must be at most the dimension " + std::to_string(dim) + ", got " +
                           std::to_string(pq_m));
  }
  return ValidateRotation(rotation, dim);
}

}  // namespace tessera
