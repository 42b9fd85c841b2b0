#include "client/convert_filter.h"

#include <vector>

namespace tessera::client {
namespace {

using Kind = Condition::Kind;

Status ValueToProto(const PayloadValue& value, v1::Value* out) {
  switch (value.kind) {
    case PayloadValue::Kind::kKeyword:
      TESSERA_RETURN_IF_ERROR(CheckText(value.text, "filter: a value"));
      out->set_text(value.text);
      break;
    case PayloadValue::Kind::kInteger: out->set_integer(value.integer); break;
    case PayloadValue::Kind::kUnsigned: out->set_unsigned_integer(value.unsigned_integer); break;
    case PayloadValue::Kind::kFloat: out->set_number(value.number); break;
    case PayloadValue::Kind::kBool: out->set_boolean(value.boolean); break;
  }
  return OkStatus();
}

Status ValuesToProto(const std::vector<PayloadValue>& values, v1::Values* out) {
  for (const PayloadValue& value : values) {
    TESSERA_RETURN_IF_ERROR(ValueToProto(value, out->add_values()));
  }
  return OkStatus();
}

Status RangeToProto(const Condition& condition, v1::Range* out) {
  const RangeBound& lower = condition.lower;
  const RangeBound& upper = condition.upper;
  if (lower.present) {
    v1::Value* bound = lower.inclusive ? out->mutable_gte() : out->mutable_gt();
    TESSERA_RETURN_IF_ERROR(ValueToProto(lower.value, bound));
  }
  if (!upper.present) return OkStatus();
  return ValueToProto(upper.value, upper.inclusive ? out->mutable_lte() : out->mutable_lt());
}

Status ConditionToProto(const Condition& condition, v1::Condition* out) {
  TESSERA_RETURN_IF_ERROR(CheckText(condition.field, "filter: a field"));
  out->set_field(condition.field);
  switch (condition.kind) {
    case Kind::kNone: break;
    case Kind::kAnyOf: return ValuesToProto(condition.values, out->mutable_any_of());
    case Kind::kNoneOf: return ValuesToProto(condition.values, out->mutable_none_of());
    case Kind::kRange: return RangeToProto(condition, out->mutable_range());
    case Kind::kExists: out->mutable_exists(); break;
    case Kind::kMissing: out->mutable_missing(); break;
    case Kind::kPrefix:
      TESSERA_RETURN_IF_ERROR(CheckText(condition.prefix, "filter: a prefix"));
      out->set_prefix(condition.prefix);
      break;
    case Kind::kGeoRadius:
      out->mutable_geo_radius()->set_lat(condition.center.lat);
      out->mutable_geo_radius()->set_lon(condition.center.lon);
      out->mutable_geo_radius()->set_metres(condition.radius);
      break;
    case Kind::kGeoBox:
      out->mutable_geo_box()->set_south(condition.box.south);
      out->mutable_geo_box()->set_west(condition.box.west);
      out->mutable_geo_box()->set_north(condition.box.north);
      out->mutable_geo_box()->set_east(condition.box.east);
      break;
    case Kind::kHasId:
      out->mutable_has_id();
      for (const PointId& id : condition.ids) {
        TESSERA_RETURN_IF_ERROR(Annotate(CheckId(id), "filter: "));
        ToProto(id, out->mutable_has_id()->add_ids());
      }
      break;
  }
  return OkStatus();
}

Status FilterToProto(const Filter& filter, size_t depth, v1::Filter* out) {
  if (depth > kMaxFilterDepth) {
    return InvalidArgument("filter is nested deeper than " + std::to_string(kMaxFilterDepth));
  }
  if (!filter.is_group()) {
    TESSERA_RETURN_IF_ERROR(ConditionToProto(filter.condition, out->mutable_condition()));
  }
  for (const Filter& member : filter.must) {
    TESSERA_RETURN_IF_ERROR(FilterToProto(member, depth + 1, out->add_must()));
  }
  for (const Filter& member : filter.should) {
    TESSERA_RETURN_IF_ERROR(FilterToProto(member, depth + 1, out->add_should()));
  }
  for (const Filter& member : filter.must_not) {
    TESSERA_RETURN_IF_ERROR(FilterToProto(member, depth + 1, out->add_must_not()));
  }
  return OkStatus();
}

}  // namespace

Status ToProto(const Filter& filter, v1::Filter* out) { return FilterToProto(filter, 1, out); }

void ToProto(const PayloadField& field, v1::PayloadField* out) {
  out->set_path(field.path);
  out->set_type(static_cast<v1::FieldType>(v1::FIELD_TYPE_KEYWORD + static_cast<int>(field.type)));
  out->set_partition(field.partition);
  out->set_indexed(field.indexed);
}

PayloadField FromProto(const v1::PayloadField& in) {
  PayloadField field{.path = in.path(), .type = FieldType::kKeyword, .partition = in.partition(),
                     .indexed = !in.has_indexed() || in.indexed()};
  // An unknown type of a newer server is shown as a keyword.
  if (in.type() >= v1::FIELD_TYPE_KEYWORD && in.type() <= v1::FIELD_TYPE_GEO) {
    field.type = static_cast<FieldType>(in.type() - v1::FIELD_TYPE_KEYWORD);
  }
  return field;
}

PayloadValue FromProto(const v1::Value& in) {
  switch (in.kind_case()) {
    case v1::Value::kInteger: return PayloadValue::Integer(in.integer());
    case v1::Value::kUnsignedInteger: return PayloadValue::Unsigned(in.unsigned_integer());
    case v1::Value::kNumber: return PayloadValue::Float(in.number());
    case v1::Value::kBoolean: return PayloadValue::Bool(in.boolean());
    default: return PayloadValue::Keyword(in.text());
  }
}

FacetCount FromProto(const v1::FacetCount& in) { return {FromProto(in.value()), in.count()}; }

}  // namespace tessera::client
