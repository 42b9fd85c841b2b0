// ToString and NormalizeFilter of index/filter.h.
#include <algorithm>
#include <array>
#include <utility>

#include "index/filter.h"
#include "index/filter/json.h"
#include "index/filter/lexer.h"

namespace tessera {
namespace {

using Kind = Condition::Kind;

constexpr std::array<std::string_view, 13> kReserved = {
    "and", "or",     "not",     "in",     "between", "true",      "false",
    "id",  "exists", "missing", "prefix", "geo_box", "geo_radius"};

bool IsPlainPath(std::string_view path) {
  if (path.empty() || (path[0] >= '0' && path[0] <= '9')) return false;
  const bool plain = std::all_of(path.begin(), path.end(), [](char c) {
    return c == '.' || (filter::IsWordByte(c) && static_cast<unsigned char>(c) < 0x80);
  });
  return plain && std::none_of(kReserved.begin(), kReserved.end(),
                               [&](std::string_view word) { return filter::IsWord(path, word); });
}

void AppendField(std::string_view path, std::string& out) {
  if (IsPlainPath(path)) {
    out += path;
    return;
  }
  out += '`';
  for (const char c : path) {
    if (c == '`') out += '`';
    out += c;
  }
  out += '`';
}

// [not ]in (v, ...), or = and != of a single value.
void AppendValues(const Condition& condition, std::string& out) {
  const bool any = condition.kind == Kind::kAnyOf;
  if (condition.values.size() == 1) {
    out += (any ? " = " : " != ") + condition.values[0].ToString();
    return;
  }
  out += any ? " in (" : " not in (";
  for (size_t i = 0; i < condition.values.size(); ++i) {
    if (i > 0) out += ", ";
    out += condition.values[i].ToString();
  }
  out += ')';
}

void AppendRange(const Condition& condition, std::string& out) {
  const RangeBound& lower = condition.lower;
  const RangeBound& upper = condition.upper;
  if (lower.present && upper.present)
    out += lower.value.ToString() + (lower.inclusive ? " <= " : " < ");
  AppendField(condition.field, out);
  if (lower.present && !upper.present)
    out += (lower.inclusive ? " >= " : " > ") + lower.value.ToString();
  if (upper.present) out += (upper.inclusive ? " <= " : " < ") + upper.value.ToString();
}

void AppendIds(const std::vector<PointId>& ids, std::string& out) {
  out += "id in (";
  for (size_t i = 0; i < ids.size(); ++i) {
    if (i > 0) out += ", ";
    if (ids[i].is_number()) {
      out += std::to_string(ids[i].number());
    } else {
      filter::AppendJsonString(ids[i].key(), out);
    }
  }
  out += ')';
}

// name(field, argument, ...)
void AppendFunction(const char* name, const Condition& condition,
                    std::initializer_list<double> arguments, std::string& out) {
  out += name;
  out += '(';
  AppendField(condition.field, out);
  for (const double argument : arguments) {
    out += ", ";
    filter::AppendFloat(argument, out);
  }
  out += ')';
}

void AppendCondition(const Condition& condition, std::string& out) {
  switch (condition.kind) {
    case Kind::kNone:
      break;
    case Kind::kAnyOf:
    case Kind::kNoneOf:
      AppendField(condition.field, out);
      AppendValues(condition, out);
      break;
    case Kind::kRange:
      AppendRange(condition, out);
      break;
    case Kind::kExists:
      AppendFunction("exists", condition, {}, out);
      break;
    case Kind::kMissing:
      AppendFunction("missing", condition, {}, out);
      break;
    case Kind::kPrefix:
      out += "prefix(";
      AppendField(condition.field, out);
      out += ", ";
      filter::AppendJsonString(condition.prefix, out);
      out += ')';
      break;
    case Kind::kGeoRadius:
      AppendFunction("geo_radius", condition,
                     {condition.center.lat, condition.center.lon, condition.radius}, out);
      break;
    case Kind::kGeoBox:
      AppendFunction(
          "geo_box", condition,
          {condition.box.south, condition.box.west, condition.box.north, condition.box.east}, out);
      break;
    case Kind::kHasId:
      AppendIds(condition.ids, out);
      break;
  }
}

void AppendFilter(const Filter& filter, std::string& out);

// In parentheses if it is a group that `and`, `or` or `not` would pull apart.
void AppendOperand(const Filter& filter, std::string& out) {
  const bool wrap = !filter.must.empty() || !filter.should.empty();
  if (wrap) out += '(';
  AppendFilter(filter, out);
  if (wrap) out += ')';
}

// Precondition: normalized.
void AppendFilter(const Filter& filter, std::string& out) {
  if (!filter.is_group()) {
    AppendCondition(filter.condition, out);
  } else if (!filter.must_not.empty()) {
    out += "not ";
    AppendOperand(filter.must_not[0], out);
  } else if (filter.must.empty() && filter.should.empty()) {
    out += "true";
  } else {
    const std::vector<Filter>& operands = filter.must.empty() ? filter.should : filter.must;
    for (size_t i = 0; i < operands.size(); ++i) {
      if (i > 0) out += filter.must.empty() ? " or " : " and ";
      AppendOperand(operands[i], out);
    }
  }
}

}  // namespace

Filter NormalizeFilter(const Filter& filter) {
  Filter out;
  if (!filter.is_group()) {
    out.condition = filter.condition;
    return out;
  }
  for (const Filter& member : filter.must) out.must.push_back(NormalizeFilter(member));
  if (!filter.should.empty()) {
    Filter any;
    for (const Filter& member : filter.should) any.should.push_back(NormalizeFilter(member));
    if (any.should.size() == 1) {
      Filter only = std::move(any.should[0]);
      any = std::move(only);
    }
    out.must.push_back(std::move(any));
  }
  for (const Filter& member : filter.must_not) {
    out.must.emplace_back().must_not.push_back(NormalizeFilter(member));
  }
  if (out.must.size() != 1) return out;
  Filter only = std::move(out.must[0]);
  return only;
}

std::string ToString(const Filter& filter) {
  std::string out;
  AppendFilter(NormalizeFilter(filter), out);
  return out;
}

}  // namespace tessera
