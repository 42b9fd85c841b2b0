// Conditions on payloads and ids: a tree of plain values, and the expression that people write.
//
// Thread rule of this header: values; functions may run at once on any threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "index/payload.h"
#include "index/status.h"
#include "index/types.h"

namespace tessera {

inline constexpr size_t kMaxFilterDepth = 16;
inline constexpr size_t kMaxFilterConditions = 1000;
// Ids and values of any-of and none-of, of the whole filter.
inline constexpr size_t kMaxFilterValues = 65536;
inline constexpr size_t kMaxFilterTextBytes = 4 << 20;

// One end of a range; absent if not `present`.
struct RangeBound {
  bool present = false;
  bool inclusive = false;
  PayloadValue value;  // a number, or an RFC 3339 string for a datetime field

  friend bool operator==(const RangeBound&, const RangeBound&) = default;
};

// Edges in degrees. west > east crosses the date line. Edges belong to it.
struct GeoBox {
  double south = 0, west = 0, north = 0, east = 0;

  friend bool operator==(const GeoBox&, const GeoBox&) = default;
};

// What one field, or the id, must be. A condition holds if any value of the field satisfies it, so
// with an array `price >= 1` and `price < 5` may be two different values, a range with both bounds
// is one value.
struct Condition {
  enum class Kind : uint8_t {
    kNone,       // a group: Filter::must, should, must_not
    kAnyOf,      // equals one of `values`; with none, nothing does
    kNoneOf,     // has a value, and no value equals one of `values`; text too long for a keyword
                 // counts as a value
    kRange,      // within `lower` and `upper`, at least one present
    kExists,     // has a value; of an object, if anything below has
    kMissing,    // has none
    kPrefix,     // a keyword that begins with `prefix` (bytes)
    kGeoRadius,  // at most `radius` metres from `center` (haversine, earth radius 6,371,008.8 m)
    kGeoBox,
    kHasId,  // the point's id is one of `ids`; has no field
  };

  Kind kind = Kind::kNone;
  std::string field;
  std::vector<PayloadValue> values;
  RangeBound lower, upper;
  std::string prefix;
  GeoPoint center;
  double radius = 0;
  GeoBox box;
  std::vector<PointId> ids;
  // Where it stands in the expression it came from, in characters from 1; 0 = it came from none.
  // Not compared.
  uint32_t column = 0;

  friend bool operator==(const Condition& a, const Condition& b) {
    return a.kind == b.kind && a.field == b.field && a.values == b.values && a.lower == b.lower &&
           a.upper == b.upper && a.prefix == b.prefix && a.center == b.center &&
           a.radius == b.radius && a.box == b.box && a.ids == b.ids;
  }
};

// Either a condition, or a group: all of `must`, at least one of `should` if there are any, and
// none of `must_not`. An empty group holds for every point.
struct Filter {
  Condition condition;
  std::vector<Filter> must, should, must_not;

  bool is_group() const { return condition.kind == Condition::Kind::kNone; }
  friend bool operator==(const Filter& a, const Filter& b) {
    return a.condition == b.condition && a.must == b.must && a.should == b.should &&
           a.must_not == b.must_not;
  }
};

// Reads an expression such as: category = "shoes" and (price < 50 or not in_stock = true)
//   f = v   f != v (or <>)   f < v   f <= v   f > v   f >= v, also v < f
//   1 < f <= 5   f between 1 and 5 (both ends belong to it)
//   f in ("red", 'blue')   f not in ("red")
//   id = 7   id != 7   id in (1, "a")   id not in (1, "a")
//   exists(f)   missing(f)   prefix(f, "x")
//   geo_radius(f, lat, lon, metres)   geo_box(f, south, west, north, east)
//   true   false: every point, none; a blank text is true.
// `not` binds tighter than `and`, `and` than `or`; words are of any case. A field is a path of
// letters, digits and underscores, else in backquotes (`a-b`.c or `a-b.c`; a backquote is doubled).
// Strings stand in ' or " with JSON's escapes. f != v is none-of: it does not hold where f is
// missing, `not f = v` does. InvalidArgument names the column and what was expected, followed by
// the line and a caret under it. The depth of groups is left to CheckFilter.
StatusOr<Filter> ParseFilter(std::string_view text);
// An expression that ParseFilter reads as NormalizeFilter(filter). Precondition of both: not deeper
// than kMaxFilterDepth.
std::string ToString(const Filter& filter);
// The same meaning in the form that ParseFilter makes: groups of only must, only should or a single
// must_not, none else of one member; an empty group reads `true`.
Filter NormalizeFilter(const Filter& filter);

// InvalidArgument if the filter is past the limits, malformed (NaN, a range without bounds, a box
// upside down), or compares a field with what its declared type is not or that has no index. Names
// the column, or the place as in "filter.must[1].should[0]"; with `text`, the expression it came
// from, the line and a caret follow.
Status CheckFilter(const Filter& filter, const PayloadSchema& schema, std::string_view text = {});

// Whether a point passes; `payload` as CanonicalPayload makes it, "" is {}. What searches find by
// PayloadIndex is defined by this. InvalidArgument as by CheckFilter, or of a payload that is none
// or does not fit the schema.
StatusOr<bool> Matches(const Filter& filter, std::string_view payload, const PointId& id,
                       const PayloadSchema& schema);

// The values that a filter pins the partition field to: at its top, or in a `must` of its top, by
// any-of. Null if it does not.
const Condition* PartitionCondition(const Filter& filter, const PayloadSchema& schema);

}  // namespace tessera
