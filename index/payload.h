// What a point carries beside its vector: a JSON object, its fields and their types.
//
// Thread rule of this header: values; functions may run at once on any threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "index/status.h"

namespace tessera {

inline constexpr size_t kMaxPayloadBytes = 65536;
// Objects and arrays within each other, the outermost counted.
inline constexpr size_t kMaxPayloadDepth = 16;
inline constexpr size_t kMaxPayloadKeyBytes = 256;
// Longer strings of undeclared fields are text: see PayloadSchema.
inline constexpr size_t kMaxKeywordBytes = 256;
inline constexpr size_t kMaxFieldPathBytes = 1024;
inline constexpr size_t kMaxSchemaFields = 1024;

// The form in which a payload is kept: minified JSON, members in the order given, integers of 64
// bits exact (signed or unsigned), other numbers in their shortest form that reads back the same
// and is no integer (1.0 stays 1.0). InvalidArgument, with column or path, of what is no JSON
// object, no UTF-8, larger or deeper than above, has a key twice, an empty key, one longer than
// above or with a dot (no path could name it), or a number that 64 bits do not hold.
StatusOr<std::string> CanonicalPayload(std::string_view text);
// `payload` with `patch` applied as a JSON merge patch (RFC 7386): objects merge, null removes, all
// else replaces. "" as payload is {}. Canonical; InvalidArgument says which of the two is bad, or
// that the result is too large.
StatusOr<std::string> MergePayload(std::string_view payload, std::string_view patch);

struct GeoPoint {
  double lat = 0;  // degrees, -90..90
  double lon = 0;  // degrees, -180..180

  friend bool operator==(const GeoPoint&, const GeoPoint&) = default;
};

// A single value of a field, or one to compare a field with. Equal only if kind and value are the
// same; conditions compare numbers of all kinds by what they stand for.
struct PayloadValue {
  enum class Kind : uint8_t { kKeyword, kInteger, kUnsigned, kFloat, kBool };

  Kind kind = Kind::kKeyword;
  bool boolean = false;
  int64_t integer = 0;
  uint64_t unsigned_integer = 0;  // of kUnsigned: only what int64_t does not hold
  double number = 0;              // of kFloat, finite
  std::string text;               // of kKeyword; also a datetime

  static PayloadValue Keyword(std::string text);
  static PayloadValue Integer(int64_t value);
  static PayloadValue Unsigned(uint64_t value);  // kInteger where it fits
  static PayloadValue Float(double value);
  static PayloadValue Bool(bool value);
  // As in JSON and in filter expressions: "shoes" in quotes, 5, 5.0, true.
  std::string ToString() const;

  friend bool operator==(const PayloadValue&, const PayloadValue&) = default;
};

// A value of a field and how many points have it.
struct FacetCount {
  PayloadValue value;  // a datetime as RFC 3339 in UTC
  uint64_t count = 0;

  friend bool operator==(const FacetCount&, const FacetCount&) = default;
};

// Datetimes are RFC 3339 strings ("2024-02-29T12:00:00.25+01:00"; a date alone is its midnight
// UTC), compared to the microsecond; a leap second counts as the second after it.
enum class FieldType : uint8_t {
  kKeyword = 0,
  kInteger = 1,
  kFloat = 2,
  kBool = 3,
  kDatetime = 4,
  kGeo = 5
};
const char* FieldTypeName(
    FieldType type);  // "keyword", "integer", "float", "bool", "datetime", "geo"
StatusOr<FieldType> ParseFieldType(std::string_view name);

struct PayloadField {
  std::string
      path;  // keys joined by dots: "offers.price" is price of each of the objects in offers
  FieldType type = FieldType::kKeyword;
  bool partition = false;  // the tenant key: each payload has exactly one value
  bool indexed = true;     // false: no condition may name it, and it takes no memory

  friend bool operator==(const PayloadField&, const PayloadField&) = default;
};

// The declared fields. A field may hold a value or an array of values of its type; null is no
// value. Fields that are not declared are what their JSON values are: strings keywords, numbers
// numbers (integers and floats compare), true and false bools, an object of just `lat` and `lon`
// within their ranges also a geo point. An undeclared string longer than kMaxKeywordBytes is text:
// it exists, and equals nothing that may be asked for.
class PayloadSchema {
 public:
  PayloadSchema() = default;
  // InvalidArgument names the field: a bad or repeated path, one below another, a partition that is
  // no keyword, not indexed or the second, more than kMaxSchemaFields.
  static StatusOr<PayloadSchema> Make(std::vector<PayloadField> fields);

  const std::vector<PayloadField>& fields() const { return fields_; }  // ascending by path
  const PayloadField* Find(std::string_view path) const;               // null if not declared
  const PayloadField* partition() const;                               // null if there is none

  // InvalidArgument names path, expected and found type. `payload` as CanonicalPayload makes it; ""
  // is {}.
  Status Validate(std::string_view payload) const;

  // Versioned bytes for a record, and back: InvalidArgument if they are no schema.
  std::string Encode() const;
  static StatusOr<PayloadSchema> Decode(std::string_view bytes);

  friend bool operator==(const PayloadSchema&, const PayloadSchema&) = default;

 private:
  std::vector<PayloadField> fields_;
};

// The values of one field in a payload, in its order: for groups and for showing. A datetime comes
// as it was sent, a geo point not at all (its lat and lon have paths of their own if it is not
// declared). "" is {}.
StatusOr<std::vector<PayloadValue>> PayloadValues(std::string_view payload, std::string_view path,
                                                  const PayloadSchema& schema);

}  // namespace tessera
