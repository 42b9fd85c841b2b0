// A payload as values of paths, typed by a schema: what conditions are about. One place decides
// what a JSON value means.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "index/filter/json.h"
#include "index/filter/number.h"
#include "index/payload.h"

namespace tessera::filter {

// What values can be compared with each other. Text is a string too long for a keyword: it only
// exists.
enum class ValueKind : uint8_t { kKeyword, kNumber, kBool, kDatetime, kGeo, kText };

struct FieldValue {
  ValueKind kind = ValueKind::kText;
  std::string_view text;  // of a keyword, and as sent of a datetime; lives as long as the payload
  Number number;          // of a number, bool (0 or 1) or datetime (microseconds)
  GeoPoint geo;
};

// Called for each value in the payload's order, several times for a path with several values.
using FieldVisitor = std::function<void(const std::string& path, const FieldValue& value)>;

// InvalidArgument names the path of a value that is not of its declared type. Fields that are not
// indexed are checked and visited only if `all`.
Status FlattenPayload(const JsonValue& object, const PayloadSchema& schema, bool all,
                      const FieldVisitor& visit);

// True if `path` is `field` or below it.
bool IsAtOrBelow(std::string_view path, std::string_view field);
// InvalidArgument, without the path, says what is wrong with it.
Status CheckPath(std::string_view path);

}  // namespace tessera::filter
