#include "server/convert_filter.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "server/convert.h"

namespace tessera::server {
namespace {

using Kind = Condition::Kind;

StatusOr<PayloadValue> ReadValue(const v1::Value& value, const std::string& place) {
  switch (value.kind_case()) {
    case v1::Value::kText:
      return PayloadValue::Keyword(value.text());
    case v1::Value::kInteger:
      return PayloadValue::Integer(value.integer());
    case v1::Value::kUnsignedInteger:
      return PayloadValue::Unsigned(value.unsigned_integer());
    case v1::Value::kNumber:
      return PayloadValue::Float(value.number());
    case v1::Value::kBoolean:
      return PayloadValue::Bool(value.boolean());
    case v1::Value::KIND_NOT_SET:
      break;
  }
  return InvalidArgument(place + " is missing");
}

StatusOr<RangeBound> ReadBound(const v1::Value& value, bool inclusive, const std::string& place) {
  RangeBound bound{.present = true, .inclusive = inclusive, .value = {}};
  TESSERA_ASSIGN_OR_RETURN(bound.value, ReadValue(value, place));
  return bound;
}

Status ReadRange(const v1::Range& range, const std::string& place, Condition& out) {
  out.kind = Kind::kRange;
  if (range.has_gt()) {
    TESSERA_ASSIGN_OR_RETURN(out.lower, ReadBound(range.gt(), false, place + ".gt"));
  } else if (range.has_gte()) {
    TESSERA_ASSIGN_OR_RETURN(out.lower, ReadBound(range.gte(), true, place + ".gte"));
  }
  if (range.has_lt()) {
    TESSERA_ASSIGN_OR_RETURN(out.upper, ReadBound(range.lt(), false, place + ".lt"));
  } else if (range.has_lte()) {
    TESSERA_ASSIGN_OR_RETURN(out.upper, ReadBound(range.lte(), true, place + ".lte"));
  }
  return OkStatus();
}

// Bounds what is made while it is made: a message of a few bytes a node becomes nodes of some
// hundred.
class Reader {
 public:
  explicit Reader(const PayloadSchema& schema) : schema_(schema) {}

  Status Read(const v1::Filter& in, const std::string& place, size_t depth, Filter& out) {
    if (depth > kMaxFilterDepth) {
      return InvalidArgument("filter is nested deeper than " + std::to_string(kMaxFilterDepth));
    }
    if (++nodes_ > 2 * kMaxFilterConditions) {
      return InvalidArgument("filter has more than " + std::to_string(2 * kMaxFilterConditions) +
                             " conditions and groups");
    }
    const bool group = in.must_size() + in.should_size() + in.must_not_size() > 0;
    if (int{group} + int{in.has_condition()} + int{!in.expression().empty()} > 1) {
      return InvalidArgument(place +
                             " has several of expression, condition and must, should, must_not");
    }
    if (in.has_condition()) return ReadCondition(in.condition(), place, out);
    if (!in.expression().empty()) return ReadExpression(in.expression(), place, depth, out);
    TESSERA_RETURN_IF_ERROR(ReadMembers(in.must(), place + ".must", depth, out.must));
    TESSERA_RETURN_IF_ERROR(ReadMembers(in.should(), place + ".should", depth, out.should));
    return ReadMembers(in.must_not(), place + ".must_not", depth, out.must_not);
  }

 private:
  using Members = google::protobuf::RepeatedPtrField<v1::Filter>;

  Status ReadMembers(const Members& in, const std::string& place, size_t depth,
                     std::vector<Filter>& out) {
    for (int i = 0; i < in.size(); ++i) {
      TESSERA_RETURN_IF_ERROR(Read(in.Get(i), place + "[" + std::to_string(i) + "]", depth + 1,
                                   out.emplace_back()));
    }
    return OkStatus();
  }

  // Checked here, where its text is at hand.
  Status ReadExpression(const std::string& text, const std::string& place, size_t depth,
                        Filter& out) {
    expression_bytes_ += text.size();
    if (expression_bytes_ > kMaxFilterTextBytes) {
      return InvalidArgument("filter: expressions have more than " +
                             std::to_string(kMaxFilterTextBytes) + " bytes");
    }
    const std::string prefix = depth == 1 ? "" : place + ": ";
    StatusOr<Filter> parsed = ParseFilter(text);
    if (!parsed.ok()) return Annotate(parsed.status(), prefix);
    out = *std::move(parsed);
    return Annotate(CheckFilter(out, schema_, text), prefix);
  }

  Status AddValues(size_t count) {
    values_ += count;
    if (values_ <= kMaxFilterValues) return OkStatus();
    return InvalidArgument("filter has more than " + std::to_string(kMaxFilterValues) +
                           " values and ids");
  }

  Status ReadValues(const v1::Values& in, const std::string& place, Condition& out) {
    TESSERA_RETURN_IF_ERROR(AddValues(in.values_size()));
    out.values.reserve(in.values_size());
    for (int i = 0; i < in.values_size(); ++i) {
      StatusOr<PayloadValue> value = ReadValue(in.values(i), "");
      if (!value.ok()) {
        return InvalidArgument(place + ".values[" + std::to_string(i) + "]" +
                               MessageOf(value.status()));
      }
      out.values.push_back(*std::move(value));
    }
    return OkStatus();
  }

  Status ReadIds(const v1::PointIds& in, const std::string& place, Condition& out) {
    TESSERA_RETURN_IF_ERROR(AddValues(in.ids_size()));
    out.ids.reserve(in.ids_size());
    for (int i = 0; i < in.ids_size(); ++i) {
      StatusOr<PointId> id = FromProto(in.ids(i), "");
      if (!id.ok()) {
        return FromProto(in.ids(i), place + ".ids[" + std::to_string(i) + "]").status();
      }
      out.ids.push_back(*std::move(id));
    }
    return OkStatus();
  }

  Status ReadCondition(const v1::Condition& in, const std::string& outer, Filter& filter) {
    const std::string place = outer + ".condition";
    Condition& out = filter.condition;
    if (in.has_has_id() && !in.field().empty()) {
      return InvalidArgument(place + ".field goes with no has_id");
    }
    if (!in.has_has_id() && in.field().empty()) {
      return InvalidArgument(place + ".field is missing");
    }
    out.field = in.field();
    switch (in.test_case()) {
      case v1::Condition::kAnyOf:
        out.kind = Kind::kAnyOf;
        return ReadValues(in.any_of(), place + ".any_of", out);
      case v1::Condition::kNoneOf:
        out.kind = Kind::kNoneOf;
        return ReadValues(in.none_of(), place + ".none_of", out);
      case v1::Condition::kRange:
        return ReadRange(in.range(), place + ".range", out);
      case v1::Condition::kExists:
        out.kind = Kind::kExists;
        return OkStatus();
      case v1::Condition::kMissing:
        out.kind = Kind::kMissing;
        return OkStatus();
      case v1::Condition::kPrefix:
        out.kind = Kind::kPrefix;
        out.prefix = in.prefix();
        return OkStatus();
      case v1::Condition::kGeoRadius:
        out.kind = Kind::kGeoRadius;
        out.center = {in.geo_radius().lat(), in.geo_radius().lon()};
        out.radius = in.geo_radius().metres();
        return OkStatus();
      case v1::Condition::kGeoBox:
        out.kind = Kind::kGeoBox;
        out.box = {in.geo_box().south(), in.geo_box().west(), in.geo_box().north(),
                   in.geo_box().east()};
        return OkStatus();
      case v1::Condition::kHasId:
        out.kind = Kind::kHasId;
        return ReadIds(in.has_id(), place + ".has_id", out);
      case v1::Condition::TEST_NOT_SET:
        break;
    }
    return InvalidArgument(place + " has no test: any_of, none_of, range, exists, ...");
  }

  const PayloadSchema& schema_;
  size_t nodes_ = 0;
  size_t values_ = 0;
  size_t expression_bytes_ = 0;
};

}  // namespace

StatusOr<Filter> FromProto(const v1::Filter& filter, const PayloadSchema& schema) {
  Filter out;
  TESSERA_RETURN_IF_ERROR(Reader(schema).Read(filter, "filter", 1, out));
  // Expressions were checked with their texts, and limits hold for the whole.
  TESSERA_RETURN_IF_ERROR(CheckFilter(out, schema));
  return out;
}

bool IsEmpty(const v1::Filter& filter) {
  return !filter.has_condition() &&
         filter.must_size() + filter.should_size() + filter.must_not_size() == 0 &&
         filter.expression().find_first_not_of(" \t\r\n\v\f") == std::string::npos;
}

StatusOr<PayloadSchema> FromProto(
    const google::protobuf::RepeatedPtrField<v1::PayloadField>& fields) {
  if (static_cast<size_t>(fields.size()) > kMaxSchemaFields) {
    return InvalidArgument("collection.payload_fields has " + std::to_string(fields.size()) +
                           " fields, at most " + std::to_string(kMaxSchemaFields) +
                           " are allowed");
  }
  std::vector<PayloadField> out;
  for (int i = 0; i < fields.size(); ++i) {
    const v1::PayloadField& field = fields.Get(i);
    if (field.type() < v1::FIELD_TYPE_KEYWORD || field.type() > v1::FIELD_TYPE_GEO) {
      return InvalidArgument("collection.payload_fields[" + std::to_string(i) + "].type is " +
                             std::to_string(static_cast<int>(field.type())) +
                             ", expected 1 to 6");
    }
    out.push_back({.path = field.path(),
                   .type = static_cast<FieldType>(field.type() - v1::FIELD_TYPE_KEYWORD),
                   .partition = field.partition(),
                   .indexed = !field.has_indexed() || field.indexed()});
  }
  StatusOr<PayloadSchema> schema = PayloadSchema::Make(std::move(out));
  if (!schema.ok()) return Annotate(schema.status(), "collection.payload_fields: ");
  return schema;
}

void ToProto(const PayloadSchema& schema,
             google::protobuf::RepeatedPtrField<v1::PayloadField>* out) {
  for (const PayloadField& field : schema.fields()) {
    v1::PayloadField* added = out->Add();
    added->set_path(field.path);
    added->set_type(static_cast<v1::FieldType>(v1::FIELD_TYPE_KEYWORD + static_cast<int>(field.type)));
    added->set_partition(field.partition);
    added->set_indexed(field.indexed);
  }
}

void ToProto(const PayloadValue& value, v1::Value* out) {
  switch (value.kind) {
    case PayloadValue::Kind::kKeyword:
      out->set_text(value.text);
      break;
    case PayloadValue::Kind::kInteger:
      out->set_integer(value.integer);
      break;
    case PayloadValue::Kind::kUnsigned:
      out->set_unsigned_integer(value.unsigned_integer);
      break;
    case PayloadValue::Kind::kFloat:
      out->set_number(value.number);
      break;
    case PayloadValue::Kind::kBool:
      out->set_boolean(value.boolean);
      break;
  }
}

void ToProto(const FacetCount& count, v1::FacetCount* out) {
  ToProto(count.value, out->mutable_value());
  out->set_count(count.count);
}

}  // namespace tessera::server
