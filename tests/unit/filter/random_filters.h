// Random payloads, schemas and filters over a few small domains, so that conditions often hold.
#pragma once

#include <random>
#include <string>

#include "index/filter.h"

namespace tessera {

class RandomFilters {
 public:
  explicit RandomFilters(uint64_t seed) : random_(seed) {}

  static PayloadSchema Schema() {
    return PayloadSchema::Make({{"when", FieldType::kDatetime},
                                {"place", FieldType::kGeo},
                                {"kind", FieldType::kKeyword},
                                {"note", FieldType::kKeyword, false, false}})
        .value();
  }

  size_t Below(size_t n) { return random_() % n; }
  bool OneIn(size_t n) { return Below(n) == 0; }

  std::string Payload() {
    std::string text = "{";
    const auto add = [&](const std::string& key, const std::string& value) {
      text += (text.size() > 1 ? ",\"" : "\"") + key + "\":" + value;
    };
    if (!OneIn(4)) add("kind", Several(&RandomFilters::Word));
    if (!OneIn(4)) add("n", Several(&RandomFilters::Number));
    if (!OneIn(3)) add("mixed", Several(&RandomFilters::Anything));
    if (!OneIn(3)) add("when", Several(&RandomFilters::When));
    if (!OneIn(3)) add("place", Several(&RandomFilters::Place));
    if (!OneIn(3))
      add("o", "[{\"x\":" + Number() + "},{\"y\":" + Word() +
                   (OneIn(2) ? ",\"x\":" + Number() : "") + "}]");
    if (OneIn(3)) add("spot", Place());
    if (OneIn(5)) add("note", "\"free text\"");
    if (OneIn(9)) add("long", "\"" + std::string(300, 'x') + "\"");
    if (OneIn(2)) add("unique", "\"u" + std::to_string(random_()) + "\"");
    if (OneIn(2)) add("serial", std::to_string(random_() >> Below(64)));
    return text + "}";
  }

  Filter Random(size_t depth) {
    Filter filter;
    if (depth == 0 || OneIn(3)) {
      filter.condition = Leaf();
      return filter;
    }
    for (size_t i = Below(4); i > 0; --i) filter.must.push_back(Random(depth - 1));
    for (size_t i = Below(3); i > 0; --i) filter.should.push_back(Random(depth - 1));
    for (size_t i = Below(2); i > 0; --i) filter.must_not.push_back(Random(depth - 1));
    return filter;
  }

  Condition Leaf() {
    using Kind = Condition::Kind;
    Condition c;
    switch (Below(9)) {
      case 0:
        c.kind = OneIn(2) ? Kind::kExists : Kind::kMissing;
        c.field = AnyField();
        break;
      case 1:
        c.kind = Kind::kPrefix;
        c.field = OneIn(2) ? "kind" : OneIn(2) ? "mixed" : "unique";
        c.prefix = OneIn(3) ? "u1" : OneIn(2) ? "b" : "a";
        break;
      case 2:
        c.kind = Kind::kGeoRadius;
        c.field = OneIn(2) ? "place" : "spot";
        c.center = Point();
        c.radius = 1e3 * static_cast<double>(Below(9000));
        break;
      case 3:
        c.kind = Kind::kGeoBox;
        c.field = OneIn(2) ? "place" : "spot";
        c.box = Box();
        break;
      case 4:
        c.kind = Kind::kHasId;
        for (size_t i = Below(4); i > 0; --i) c.ids.push_back(Id(Below(40)));
        break;
      case 5:
      case 6:
        Range(c);
        break;
      default:
        Values(c);
    }
    return c;
  }

  static PointId Id(uint64_t row) {
    return row % 3 == 0 ? PointId("k" + std::to_string(row)) : PointId(row);
  }

 private:
  std::string Several(std::string (RandomFilters::*value)()) {
    if (!OneIn(3)) return (this->*value)();
    std::string text = "[";
    for (size_t i = 0, n = Below(4); i < n; ++i) text += (i > 0 ? "," : "") + (this->*value)();
    return text + "]";
  }
  std::string Word() {
    const char* words[] = {"\"a\"", "\"ab\"", "\"b\"", "\"bcd\"", "\"\"", "\"\xc3\xa9\\n\\\"\""};
    return words[Below(6)];
  }
  std::string Number() {
    const char* numbers[] = {"9007199254740993",
                             "9007199254740992.0",
                             "9223372036854775807",
                             "9223372036854775808",
                             "-0.0",
                             "0",
                             "1.5",
                             "-3"};
    return OneIn(3) ? numbers[Below(8)] : std::to_string(Below(20));
  }
  std::string Anything() {
    switch (Below(5)) {
      case 0:
        return "true";
      case 1:
        return "false";
      case 2:
        return "null";
      case 3:
        return Number();
      default:
        return Word();
    }
  }
  std::string When() {
    return "\"2024-01-" + std::to_string(10 + Below(15)) +
           (OneIn(2) ? "\"" : "T12:00:00.5+02:00\"");
  }
  std::string Place() {
    const GeoPoint point = Point();
    return "{\"lat\":" + std::to_string(point.lat) + ",\"lon\":" + std::to_string(point.lon) + "}";
  }
  GeoPoint Point() {
    if (OneIn(8)) return {OneIn(2) ? 90.0 : -90.0, static_cast<double>(Below(360)) - 180};
    if (OneIn(8)) return {static_cast<double>(Below(20)), OneIn(2) ? 180.0 : -180.0};
    return {static_cast<double>(Below(1800)) / 10 - 90,
            static_cast<double>(Below(3600)) / 10 - 180};
  }
  GeoBox Box() {
    GeoPoint a = Point(), b = Point();
    if (a.lat > b.lat) std::swap(a.lat, b.lat);
    return {a.lat, a.lon, b.lat, b.lon};
  }
  std::string AnyField() {
    const char* fields[] = {"kind", "n",    "mixed",    "when", "place", "o",     "o.x",
                            "o.y",  "spot", "spot.lat", "long", "none",  "a-b.`c"};
    return fields[Below(13)];
  }
  PayloadValue NumberValue() {
    switch (Below(6)) {
      case 0:
        return PayloadValue::Float(9007199254740992.0);
      case 1:
        return PayloadValue::Integer(9007199254740993);
      case 2:
        return PayloadValue::Float(0x1p63);
      case 3:
        return PayloadValue::Float(1.5);
      case 4:
        return PayloadValue::Unsigned(uint64_t{1} << 63);
      default:
        return PayloadValue::Integer(static_cast<int64_t>(Below(20)));
    }
  }
  PayloadValue WordValue() {
    const char* words[] = {"a", "ab", "b", "bcd", "", "\xc3\xa9\n\"", "absent"};
    return PayloadValue::Keyword(words[Below(7)]);
  }
  PayloadValue WhenValue() {
    return PayloadValue::Keyword("2024-01-" + std::to_string(10 + Below(15)) +
                                 (OneIn(2) ? "" : "T10:00:00.500000Z"));
  }
  void Range(Condition& c) {
    c.kind = Condition::Kind::kRange;
    const bool when = OneIn(3);
    c.field = when ? "when" : OneIn(2) ? "n" : OneIn(2) ? "serial" : OneIn(2) ? "mixed" : "o.x";
    const size_t ends = Below(3);
    for (RangeBound* bound : {&c.lower, &c.upper}) {
      if (ends == (bound == &c.lower ? 0u : 1u)) continue;
      bound->present = true;
      bound->inclusive = OneIn(2);
      bound->value = when ? WhenValue() : NumberValue();
      if (c.field == "serial") bound->value = PayloadValue::Unsigned(random_() >> Below(64));
    }
  }
  void Values(Condition& c) {
    c.kind = OneIn(3) ? Condition::Kind::kNoneOf : Condition::Kind::kAnyOf;
    const char* fields[] = {"kind", "n", "mixed", "when", "o.x", "o.y", "long", "none"};
    c.field = fields[Below(8)];
    for (size_t i = OneIn(3) ? Below(5) : 1; i > 0; --i) {
      if (c.field == "kind")
        c.values.push_back(WordValue());
      else if (c.field == "when")
        c.values.push_back(WhenValue());
      else if (c.field == "n")
        c.values.push_back(NumberValue());
      else
        c.values.push_back(OneIn(4)   ? PayloadValue::Bool(OneIn(2))
                           : OneIn(2) ? WordValue()
                                      : NumberValue());
    }
  }

  std::mt19937_64 random_;
};

}  // namespace tessera
