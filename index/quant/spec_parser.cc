// QuantizerSpec::Parse: reads the pieces of a factory string in order, each with a message of its own.
#include <charconv>
#include <optional>
#include <string_view>
#include <vector>

#include "index/quantizer_spec.h"

namespace tessera {
namespace {

constexpr const char* kForm =
    "expected [PCA<d>,|MRL<d>,][RR,|OPQ,][IVF<n>,]PQ<m>[x<bits>]|RQ<n>x<bits>|PRQ<m>x<n>x<bits>|"
    "MPQ<bytes>|SQ8|SQ6|SQ4|RaBitQ<bits>|FP16|BF16|Binary[,Aniso][,FT][,Refine(...)] or VQ<k>";

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

// "A", "S", "Pst" after SQ<bits>.
bool TakeScalarRange(std::string_view& text, RecordSpec& record) {
  if (TakePrefix(text, "A")) {
    record.range = ScalarRange::kDynamicAffine;
  } else if (TakePrefix(text, "S")) {
    record.range = ScalarRange::kMinMax;
  } else if (TakePrefix(text, "P")) {
    record.range = ScalarRange::kPercentile;
  } else if (TakePrefix(text, "E")) {
    record.range = ScalarRange::kLeastError;
  } else {
    return text.empty();
  }
  if (record.range == ScalarRange::kDynamicAffine) return text.empty();
  record.symmetric = TakePrefix(text, "s");
  record.per_tensor = TakePrefix(text, "t");
  return text.empty();
}

// A whole piece as a record; none if it is not one.
std::optional<RecordSpec> ParseRecord(std::string_view text) {
  RecordSpec record;
  if (text == "FP16") return RecordSpec{RecordKind::kFloat16};
  if (text == "BF16") return RecordSpec{RecordKind::kBrain16};
  if (text == "Binary") return RecordSpec{RecordKind::kSign};
  if (TakePrefix(text, "RaBitQ")) {
    record.kind = RecordKind::kRotatedBits;
    record.bits = 1;
    const bool read = text.empty() || (TakeNumber(text, record.bits) && text.empty());
    if (!read || record.bits < 1 || record.bits > 8) return std::nullopt;
    return record;
  }
  record.kind = RecordKind::kScalar;
  if (!TakePrefix(text, "SQ") || !TakeNumber(text, record.bits)) return std::nullopt;
  if (record.bits != 8 && record.bits != 6 && record.bits != 4) return std::nullopt;
  if (!TakeScalarRange(text, record)) return std::nullopt;
  return record;
}

class SpecParser {
 public:
  explicit SpecParser(const std::string& text) : text_(text), pieces_(SplitAtCommas(text)) {
    spec_.refine = {};
    spec_.inverted_lists = false;
    spec_.nlist = 1;
  }

  StatusOr<QuantizerSpec> Parse() {
    if (text_.empty()) return InvalidArgument("quantizer: empty, expected for example IVF,PQ");
    if (Piece().starts_with("VQ")) return ParseVector();
    TESSERA_RETURN_IF_ERROR(ParseTruncation());
    if (!Done() && (Piece() == "RR" || Piece() == "OPQ")) {
      spec_.rotation = Piece() == "RR" ? RotationKind::kRandom : RotationKind::kOptimized;
      ++next_;
    }
    if (!Done() && Piece().starts_with("IVF")) TESSERA_RETURN_IF_ERROR(ParseLists());
    if (Done()) return InvalidArgument(Prefix() + "ends where a code such as PQ is expected");
    TESSERA_RETURN_IF_ERROR(ParseCode());
    spec_.score_aware = TakePiece("Aniso");
    spec_.fine_tuned = TakePiece("FT");
    if (!Done()) TESSERA_RETURN_IF_ERROR(ParseRefine());
    if (!Done()) return Error("nothing may follow here");
    return Checked();
  }

 private:
  bool Done() const { return next_ == pieces_.size(); }
  std::string_view Piece() const { return pieces_[next_]; }
  std::string Prefix() const { return "quantizer \"" + text_ + "\": "; }
  Status Error(const std::string& message) const {
    return InvalidArgument(Prefix() + std::string(Piece()) + ": " + message);
  }
  bool TakePiece(std::string_view word) {
    if (Done() || Piece() != word) return false;
    ++next_;
    return true;
  }
  StatusOr<QuantizerSpec> Checked() const {
    TESSERA_RETURN_IF_ERROR(Annotate(spec_.Validate(0), Prefix()));
    return spec_;
  }

  // A number at least 1 off the front of `rest`.
  Status ParseNumber(std::string_view& rest, const char* name, uint32_t& value) {
    if (!TakeNumber(rest, value)) {
      return Error(std::string(name) + " must be a number of at most 32 bits");
    }
    if (value == 0) return Error(std::string(name) + " must be at least 1");
    return OkStatus();
  }
  // A number that ends the piece; none leaves `value` 0 = chosen at training.
  Status ParseRest(std::string_view rest, const char* name, uint32_t& value) {
    if (rest.empty()) return OkStatus();
    TESSERA_RETURN_IF_ERROR(ParseNumber(rest, name, value));
    if (!rest.empty()) return Error(std::string(name) + " must be a number of at most 32 bits");
    return OkStatus();
  }

  StatusOr<QuantizerSpec> ParseVector() {
    std::string_view rest = Piece().substr(2);
    spec_.code = CodeKind::kVector;
    if (rest.empty()) return Error("the number of centroids is missing, as in VQ4096");
    TESSERA_RETURN_IF_ERROR(ParseNumber(rest, "the number of centroids", spec_.vq_k));
    if (TakePrefix(rest, "x")) {
      TESSERA_RETURN_IF_ERROR(ParseNumber(rest, "the number of centroids", spec_.vq_k2));
    }
    if (!rest.empty()) return Error("expected VQ<k> or VQ<k>x<k>");
    TESSERA_RETURN_IF_ERROR(Annotate(spec_.Validate(0), Prefix()));
    ++next_;
    if (!Done()) return Error("VQ stands alone");
    return spec_;
  }

  Status ParseTruncation() {
    const bool principal = Piece().starts_with("PCA");
    if (!principal && !Piece().starts_with("MRL")) return OkStatus();
    spec_.truncation = principal ? TruncationKind::kPrincipal : TruncationKind::kLeading;
    std::string_view rest = Piece().substr(3);
    TESSERA_RETURN_IF_ERROR(ParseNumber(rest, "the number of dimensions", spec_.kept_dim));
    if (!rest.empty()) return Error("the number of dimensions must be a number of at most 32 bits");
    ++next_;
    return OkStatus();
  }

  Status ParseLists() {
    spec_.inverted_lists = true;
    spec_.nlist = 0;
    TESSERA_RETURN_IF_ERROR(ParseRest(Piece().substr(3), "the number of lists", spec_.nlist));
    ++next_;
    return OkStatus();
  }

  Status ParseCode() {
    Status status = OkStatus();
    if (Piece().starts_with("PQ")) {
      status = ParseProduct();
    } else if (Piece().starts_with("PRQ") || Piece().starts_with("RQ")) {
      status = ParseResidual();
    } else if (Piece().starts_with("MPQ")) {
      spec_.code = CodeKind::kMixed;
      spec_.pq_bits = 8;
      std::string_view rest = Piece().substr(3);
      status = ParseNumber(rest, "the number of bytes", spec_.mixed_bytes);
      if (status.ok() && !rest.empty()) status = Error("expected MPQ<bytes>");
    } else if (const auto record = ParseRecord(Piece())) {
      spec_.code = CodeKind::kRecord;
      spec_.record = *record;
    } else {
      return Error(kForm);
    }
    TESSERA_RETURN_IF_ERROR(status);
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
    if (rest == "x4+4") {
      spec_.code = CodeKind::kAdditive;
      spec_.pq_bits = 8;
      return OkStatus();
    }
    if (TakePrefix(rest, "x")) {
      if (!TakeNumber(rest, spec_.pq_bits) || !rest.empty() || spec_.pq_bits > 8 ||
          spec_.pq_bits == 0 || spec_.pq_bits % 2 != 0) {
        return Error("bits must be 2, 4, 6 or 8, or 4+4");
      }
    }
    if (!rest.empty()) return Error("expected PQ<m>x<bits>");
    if (spec_.pq_m != 0 && spec_.pq_bits == 0) spec_.pq_bits = 8;
    return OkStatus();
  }

  // RQ<stages>x<bits>, PRQ<sub-spaces>x<stages>x<bits>.
  Status ParseResidual() {
    spec_.code = CodeKind::kResidual;
    std::string_view rest = Piece();
    const bool product = TakePrefix(rest, "P");
    rest.remove_prefix(2);
    spec_.pq_m = 1;
    if (product) {
      TESSERA_RETURN_IF_ERROR(ParseNumber(rest, "the number of sub-spaces", spec_.pq_m));
      if (!TakePrefix(rest, "x")) return Error("expected PRQ<sub-spaces>x<stages>x<bits>");
    }
    TESSERA_RETURN_IF_ERROR(ParseNumber(rest, "the number of stages", spec_.stages));
    spec_.pq_bits = 8;
    if (TakePrefix(rest, "x")) TESSERA_RETURN_IF_ERROR(ParseNumber(rest, "bits", spec_.pq_bits));
    if (!rest.empty() || (spec_.pq_bits != 8 && spec_.pq_bits != 4)) {
      return Error("expected " + std::string(product ? "PRQ<sub-spaces>x" : "RQ") +
                   "<stages>x<bits> with 8 or 4 bits");
    }
    return OkStatus();
  }

  Status ParseRefine() {
    std::string_view rest = Piece();
    if (TakePrefix(rest, "Refine(") && rest.ends_with(")")) {
      if (const auto record = ParseRecord(rest.substr(0, rest.size() - 1))) {
        spec_.refine = *record;
        ++next_;
        return OkStatus();
      }
    }
    return Error("expected Refine(R) with R one of SQ8, SQ6, SQ4 (each also A, S, P, E), RaBitQ<bits>, "
                 "FP16, BF16");
  }

  const std::string& text_;
  std::vector<std::string_view> pieces_;
  size_t next_ = 0;
  QuantizerSpec spec_;
};

}  // namespace

StatusOr<QuantizerSpec> QuantizerSpec::Parse(const std::string& text) {
  return SpecParser(text).Parse();
}

}  // namespace tessera
