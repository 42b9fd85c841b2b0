#include "index/filter/resolved_condition.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "index/filter/datetime.h"
#include "index/filter/geo.h"
#include "index/filter/text_position.h"

namespace tessera::filter {
namespace {

using Kind = Condition::Kind;

const char* NameOf(PayloadValue::Kind kind) {
  switch (kind) {
    case PayloadValue::Kind::kKeyword:
      return "string";
    case PayloadValue::Kind::kInteger:
    case PayloadValue::Kind::kUnsigned:
      return "integer";
    case PayloadValue::Kind::kFloat:
      return "float";
    case PayloadValue::Kind::kBool:
      return "bool";
  }
  return "value";
}

std::string Shown(const PayloadValue& value) {
  return std::string("the ") + NameOf(value.kind) + " " + Excerpt(value.ToString());
}

// The kind of values that `value` can equal in a field of this type; none if it cannot.
std::optional<ValueKind> ComparedKind(const PayloadValue& value, const PayloadField* declared) {
  const bool is_string = value.kind == PayloadValue::Kind::kKeyword;
  const bool is_bool = value.kind == PayloadValue::Kind::kBool;
  const ValueKind own = is_string ? ValueKind::kKeyword
                        : is_bool ? ValueKind::kBool
                                  : ValueKind::kNumber;
  if (declared == nullptr) return own;
  switch (declared->type) {
    case FieldType::kKeyword:
      return is_string ? std::optional(own) : std::nullopt;
    case FieldType::kInteger:
    case FieldType::kFloat:
      return own == ValueKind::kNumber ? std::optional(own) : std::nullopt;
    case FieldType::kBool:
      return is_bool ? std::optional(own) : std::nullopt;
    case FieldType::kDatetime:
      return is_string ? std::optional(ValueKind::kDatetime) : std::nullopt;
    case FieldType::kGeo:
      break;
  }
  return std::nullopt;
}

class Resolver {
 public:
  Resolver(const Condition& condition, const PayloadSchema& schema)
      : condition_(condition), declared_(schema.Find(condition.field)), schema_(schema) {
    test_.condition = &condition;
  }

  StatusOr<ResolvedCondition> Resolve() {
    TESSERA_RETURN_IF_ERROR(CheckField());
    TESSERA_RETURN_IF_ERROR(ResolveKind());
    return std::move(test_);
  }

 private:
  Status Wrong(const std::string& message) const {
    return InvalidArgument("field \"" + Excerpt(condition_.field) + "\": " + message);
  }
  // "is declared keyword, and cannot be compared with the integer 5"
  Status Mismatch(const std::string& what) const {
    return Wrong(std::string("is declared as ") + FieldTypeName(declared_->type) + ", and " + what);
  }

  Status CheckField() const {
    Status path = CheckPath(condition_.field);
    if (!path.ok()) return Wrong(MessageOf(path));
    if (declared_ != nullptr && !declared_->indexed) return Wrong("is declared without an index");
    const std::string& field = condition_.field;
    for (size_t dot = field.find('.'); dot != std::string::npos; dot = field.find('.', dot + 1)) {
      const PayloadField* above = schema_.Find(std::string_view(field).substr(0, dot));
      if (above == nullptr) continue;
      return Wrong("is below \"" + Excerpt(above->path) + "\", which is declared as " +
                   FieldTypeName(above->type));
    }
    return OkStatus();
  }

  Status ResolveKind() {
    switch (condition_.kind) {
      case Kind::kAnyOf:
      case Kind::kNoneOf:
        return ResolveValues();
      case Kind::kRange:
        return ResolveRange();
      case Kind::kPrefix:
        return ResolvePrefix();
      case Kind::kGeoRadius:
      case Kind::kGeoBox:
        return ResolveGeo();
      default:
        return OkStatus();
    }
  }

  Status ResolveValues() {
    for (const PayloadValue& value : condition_.values) {
      const std::optional<ValueKind> kind = ComparedKind(value, declared_);
      if (!kind) {
        return Mismatch("cannot be compared with " + Shown(value) +
                        (declared_->type == FieldType::kGeo ? "; use geo_radius or geo_box" : ""));
      }
      if (*kind == ValueKind::kKeyword) {
        TESSERA_RETURN_IF_ERROR(CheckKeyword(value.text));
        test_.keywords.push_back(value.text);
        continue;
      }
      Number number;
      TESSERA_RETURN_IF_ERROR(ToNumber(value, *kind, number));
      test_.numbers[static_cast<size_t>(*kind)].push_back(number);
    }
    const auto make_set = [](auto& values) {
      std::sort(values.begin(), values.end());
      values.erase(std::unique(values.begin(), values.end()), values.end());
    };
    make_set(test_.keywords);
    for (auto& numbers : test_.numbers) make_set(numbers);
    return OkStatus();
  }

  Status ToNumber(const PayloadValue& value, ValueKind kind, Number& number) const {
    if (kind != ValueKind::kDatetime) {
      if (value.kind == PayloadValue::Kind::kFloat && !std::isfinite(value.number)) {
        return Wrong("cannot be compared with NaN or infinity");
      }
      number = Number::FromValue(value);
      return OkStatus();
    }
    const std::optional<int64_t> time = ParseDatetime(value.text);
    if (!time) return Mismatch(Shown(value) + " is not RFC 3339, as \"2024-01-31T12:00:00Z\" is");
    number = Number::FromInteger(*time);
    return OkStatus();
  }

  Status CheckKeyword(const std::string& keyword) const {
    if (keyword.size() <= kMaxKeywordBytes) return OkStatus();
    return Wrong("a keyword has at most " + std::to_string(kMaxKeywordBytes) + " bytes, found " +
                 std::to_string(keyword.size()));
  }

  Status ResolveRange() {
    if (!condition_.lower.present && !condition_.upper.present)
      return Wrong("the range has no bounds");
    const bool datetime = declared_ != nullptr && declared_->type == FieldType::kDatetime;
    test_.range_kind = datetime ? ValueKind::kDatetime : ValueKind::kNumber;
    TESSERA_RETURN_IF_ERROR(ResolveBound(condition_.lower, test_.lower));
    return ResolveBound(condition_.upper, test_.upper);
  }

  Status ResolveBound(const RangeBound& bound, NumberBound& out) const {
    if (!bound.present) return OkStatus();
    out.present = true;
    out.inclusive = bound.inclusive;
    const std::optional<ValueKind> kind = ComparedKind(bound.value, declared_);
    if (kind == test_.range_kind) return ToNumber(bound.value, *kind, out.value);
    if (declared_ == nullptr && bound.value.kind == PayloadValue::Kind::kKeyword) {
      return Wrong("a range is of numbers, found " + Shown(bound.value) +
                   "; datetimes compare once the field is declared as datetime");
    }
    if (declared_ == nullptr) return Wrong("a range is of numbers, found " + Shown(bound.value));
    if (!kind) return Mismatch("cannot be compared with " + Shown(bound.value));
    return Mismatch("has no range, which is of numbers and datetimes");
  }

  Status ResolvePrefix() const {
    if (declared_ != nullptr && declared_->type != FieldType::kKeyword)
      return Mismatch("has no prefixes");
    return CheckKeyword(condition_.prefix);
  }

  Status ResolveGeo() const {
    if (declared_ != nullptr && declared_->type != FieldType::kGeo) return Mismatch("is no place");
    if (condition_.kind == Kind::kGeoRadius) {
      if (!IsGeoPoint(condition_.center.lat, condition_.center.lon)) {
        return Wrong("the center must have a latitude in -90..90 and a longitude in -180..180");
      }
      if (!(condition_.radius >= 0) || !std::isfinite(condition_.radius)) {
        return Wrong("the radius must be a number of metres, at least 0");
      }
      return OkStatus();
    }
    const GeoBox& box = condition_.box;
    if (!IsGeoPoint(box.south, box.west) || !IsGeoPoint(box.north, box.east)) {
      return Wrong("the box must have latitudes in -90..90 and longitudes in -180..180");
    }
    if (box.south > box.north) return Wrong("the box has its south above its north");
    return OkStatus();
  }

  const Condition& condition_;
  const PayloadField* declared_;
  const PayloadSchema& schema_;
  ResolvedCondition test_;
};

}  // namespace

StatusOr<ResolvedCondition> ResolveCondition(const Condition& condition,
                                             const PayloadSchema& schema) {
  return Resolver(condition, schema).Resolve();
}

bool WithinBounds(const ResolvedCondition& test, const Number& number) {
  if (test.lower.present) {
    if (number < test.lower.value || (!test.lower.inclusive && number == test.lower.value))
      return false;
  }
  if (test.upper.present) {
    if (number > test.upper.value || (!test.upper.inclusive && number == test.upper.value))
      return false;
  }
  return true;
}

bool Satisfies(const ResolvedCondition& test, const FieldValue& value) {
  const Condition& condition = *test.condition;
  switch (condition.kind) {
    case Kind::kAnyOf:
    case Kind::kNoneOf:
      if (value.kind == ValueKind::kKeyword) {
        return std::binary_search(test.keywords.begin(), test.keywords.end(), value.text);
      }
      if (value.kind == ValueKind::kGeo || value.kind == ValueKind::kText) return false;
      {
        const auto& numbers = test.numbers[static_cast<size_t>(value.kind)];
        return std::binary_search(numbers.begin(), numbers.end(), value.number);
      }
    case Kind::kRange:
      return value.kind == test.range_kind && WithinBounds(test, value.number);
    case Kind::kPrefix:
      return value.kind == ValueKind::kKeyword && value.text.starts_with(condition.prefix);
    case Kind::kGeoRadius:
      return value.kind == ValueKind::kGeo &&
             DistanceMetres(condition.center, value.geo) <= condition.radius;
    case Kind::kGeoBox:
      return value.kind == ValueKind::kGeo && Contains(condition.box, value.geo);
    default:
      return false;
  }
}

}  // namespace tessera::filter
