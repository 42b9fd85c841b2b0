#include "index/filter/flatten.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "index/filter/datetime.h"
#include "index/filter/geo.h"
#include "index/filter/text_position.h"

namespace tessera::filter {
namespace {

using Kind = JsonValue::Kind;

std::optional<Number> NumberOf(const JsonValue& value) {
  switch (value.kind) {
    case Kind::kInteger:
      return Number::FromInteger(value.integer);
    case Kind::kUnsigned:
      return Number::FromUnsigned(value.unsigned_integer);
    case Kind::kFloat:
      return Number::FromFloat(value.number);
    default:
      return std::nullopt;
  }
}

// The point that an object of just lat and lon is; none if it is something else.
std::optional<GeoPoint> GeoOf(const JsonValue& value) {
  if (value.kind != Kind::kObject || value.items.size() != 2) return std::nullopt;
  const bool lat_first = value.items[0].key == "lat";
  const JsonValue& lat = value.items[lat_first ? 0 : 1];
  const JsonValue& lon = value.items[lat_first ? 1 : 0];
  const std::optional<Number> y = NumberOf(lat), x = NumberOf(lon);
  if (lat.key != "lat" || lon.key != "lon" || !y || !x || !IsGeoPoint(y->base, x->base))
    return std::nullopt;
  return GeoPoint{y->base, x->base};
}

class Flattener {
 public:
  Flattener(const PayloadSchema& schema, bool all, const FieldVisitor& visit)
      : schema_(schema), all_(all), visit_(visit) {}

  Status Members(const JsonValue& object) {
    for (const JsonValue& item : object.items) {
      const size_t size = path_.size();
      if (size > 0) path_ += '.';
      path_ += item.key;
      const PayloadField* declared = schema_.fields().empty() ? nullptr : schema_.Find(path_);
      TESSERA_RETURN_IF_ERROR(declared != nullptr ? Declared(item, *declared) : Inferred(item));
      path_.resize(size);
    }
    return OkStatus();
  }

 private:
  Status Wrong(const PayloadField& field, const std::string& found) const {
    return InvalidArgument("payload field \"" + field.path + "\": expected " +
                           FieldTypeName(field.type) + ", found " + found);
  }

  Status Inferred(const JsonValue& item) {
    FieldValue value;
    switch (item.kind) {
      case Kind::kNull:
        return OkStatus();
      case Kind::kArray:
        for (const JsonValue& element : item.items) TESSERA_RETURN_IF_ERROR(Inferred(element));
        return OkStatus();
      case Kind::kObject:
        if (const auto point = GeoOf(item)) {
          value.kind = ValueKind::kGeo;
          value.geo = *point;
          visit_(path_, value);
        }
        return Members(item);
      case Kind::kString:
        value.kind = item.text.size() <= kMaxKeywordBytes ? ValueKind::kKeyword : ValueKind::kText;
        value.text = item.text;
        break;
      case Kind::kBool:
        value.kind = ValueKind::kBool;
        value.number = Number::FromInteger(item.boolean ? 1 : 0);
        break;
      default:
        value.kind = ValueKind::kNumber;
        value.number = *NumberOf(item);
    }
    visit_(path_, value);
    return OkStatus();
  }

  Status Declared(const JsonValue& item, const PayloadField& field) {
    if (item.kind == Kind::kNull) return OkStatus();
    if (item.kind == Kind::kArray) {
      for (const JsonValue& element : item.items) TESSERA_RETURN_IF_ERROR(Declared(element, field));
      return OkStatus();
    }
    FieldValue value;
    TESSERA_RETURN_IF_ERROR(Typed(item, field, value));
    if (field.indexed || all_) visit_(path_, value);
    return OkStatus();
  }

  Status Typed(const JsonValue& item, const PayloadField& field, FieldValue& value) const {
    value.text = item.text;
    switch (field.type) {
      case FieldType::kKeyword:
        if (item.kind != Kind::kString) return Wrong(field, item.KindName());
        value.kind = item.text.size() <= kMaxKeywordBytes ? ValueKind::kKeyword : ValueKind::kText;
        if (value.kind == ValueKind::kKeyword || !field.indexed) return OkStatus();
        return Wrong(field, "a string of " + std::to_string(item.text.size()) +
                                " bytes, more than " + std::to_string(kMaxKeywordBytes));
      case FieldType::kInteger:
      case FieldType::kFloat: {
        const std::optional<Number> number = NumberOf(item);
        if (!number || (field.type == FieldType::kInteger && item.kind == Kind::kFloat)) {
          return Wrong(field, item.KindName());
        }
        value.kind = ValueKind::kNumber;
        value.number = *number;
        return OkStatus();
      }
      case FieldType::kBool:
        if (item.kind != Kind::kBool) return Wrong(field, item.KindName());
        value.kind = ValueKind::kBool;
        value.number = Number::FromInteger(item.boolean ? 1 : 0);
        return OkStatus();
      case FieldType::kDatetime: {
        if (item.kind != Kind::kString) return Wrong(field, item.KindName());
        const std::optional<int64_t> time = ParseDatetime(item.text);
        if (!time) return Wrong(field, "\"" + Excerpt(item.text) + "\", which is not RFC 3339");
        value.kind = ValueKind::kDatetime;
        value.number = Number::FromInteger(*time);
        return OkStatus();
      }
      case FieldType::kGeo: {
        const std::optional<GeoPoint> point = GeoOf(item);
        if (!point) {
          return Wrong(field, item.kind == Kind::kObject
                                  ? "an object that is not just lat in -90..90 and lon in -180..180"
                                  : item.KindName());
        }
        value.kind = ValueKind::kGeo;
        value.geo = *point;
        return OkStatus();
      }
    }
    return Wrong(field, item.KindName());
  }

  const PayloadSchema& schema_;
  bool all_;
  const FieldVisitor& visit_;
  std::string path_;
};

}  // namespace

Status FlattenPayload(const JsonValue& object, const PayloadSchema& schema, bool all,
                      const FieldVisitor& visit) {
  return Flattener(schema, all, visit).Members(object);
}

bool IsAtOrBelow(std::string_view path, std::string_view field) {
  return path.starts_with(field) && (path.size() == field.size() || path[field.size()] == '.');
}

Status CheckPath(std::string_view path) {
  if (path.empty()) return InvalidArgument("the path is empty");
  if (path.size() > kMaxFieldPathBytes) {
    return InvalidArgument("a path of " + std::to_string(path.size()) +
                           " bytes, expected at most " + std::to_string(kMaxFieldPathBytes));
  }
  if (path.front() == '.' || path.back() == '.' || path.find("..") != std::string_view::npos) {
    return InvalidArgument("the path has an empty key");
  }
  const auto dots = std::count(path.begin(), path.end(), '.');
  if (static_cast<size_t>(dots) >= kMaxPayloadDepth) {
    return InvalidArgument("the path is deeper than " + std::to_string(kMaxPayloadDepth));
  }
  return OkStatus();
}

}  // namespace tessera::filter
