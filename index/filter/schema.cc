// PayloadSchema and PayloadValues of index/payload.h.
#include <algorithm>
#include <array>
#include <utility>

#include "index/base/bytes.h"
#include "index/base/format_version.h"
#include "index/filter/flatten.h"
#include "index/filter/json.h"
#include "index/filter/text_position.h"
#include "index/payload.h"

namespace tessera {
namespace {

constexpr uint8_t kVersion = 1;
constexpr uint8_t kPartitionFlag = 1, kUnindexedFlag = 2;
constexpr std::array<const char*, 6> kTypeNames = {"keyword", "integer",  "float",
                                                   "bool",    "datetime", "geo"};

Status CheckField(const PayloadField& field) {
  const std::string name = "schema field \"" + filter::Excerpt(field.path) + "\": ";
  TESSERA_RETURN_IF_ERROR(Annotate(filter::CheckPath(field.path), name));
  for (const char c : field.path) {
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) {
      return InvalidArgument(name + "the path has a control character");
    }
  }
  if (static_cast<size_t>(field.type) >= kTypeNames.size())
    return InvalidArgument(name + "unknown type");
  if (field.partition && field.type != FieldType::kKeyword) {
    return InvalidArgument(name + "a partition must be a keyword, not " +
                           FieldTypeName(field.type));
  }
  if (field.partition && !field.indexed)
    return InvalidArgument(name + "a partition must be indexed");
  return OkStatus();
}

// Fields ascend by path; a field below another need not follow it at once ("a", "a-b", "a.c").
Status CheckOverlap(const PayloadSchema& schema) {
  const std::vector<PayloadField>& fields = schema.fields();
  for (size_t i = 0; i < fields.size(); ++i) {
    const std::string& path = fields[i].path;
    if (i > 0 && fields[i - 1].path == path) {
      return InvalidArgument("schema field \"" + filter::Excerpt(path) + "\" is declared twice");
    }
    for (size_t dot = path.find('.'); dot != std::string::npos; dot = path.find('.', dot + 1)) {
      if (schema.Find(std::string_view(path).substr(0, dot)) != nullptr) {
        return InvalidArgument("schema field \"" + filter::Excerpt(path) +
                               "\" is below the declared field \"" +
                               filter::Excerpt(path.substr(0, dot)) + "\"");
      }
    }
  }
  return OkStatus();
}

PayloadValue ToPayloadValue(const filter::FieldValue& value, const PayloadField* declared) {
  switch (value.kind) {
    case filter::ValueKind::kBool:
      return PayloadValue::Bool(value.number.base != 0);
    case filter::ValueKind::kNumber:
      if (declared != nullptr && declared->type == FieldType::kFloat)
        return PayloadValue::Float(value.number.base);
      return value.number.ToValue();
    default:
      return PayloadValue::Keyword(std::string(value.text));
  }
}

}  // namespace

const char* FieldTypeName(FieldType type) {
  const auto index = static_cast<size_t>(type);
  return index < kTypeNames.size() ? kTypeNames[index] : "unknown";
}

StatusOr<FieldType> ParseFieldType(std::string_view name) {
  for (size_t i = 0; i < kTypeNames.size(); ++i) {
    if (name == kTypeNames[i]) return static_cast<FieldType>(i);
  }
  return InvalidArgument("field type \"" + filter::Excerpt(name) +
                         "\", expected keyword, integer, float, bool, datetime or geo");
}

StatusOr<PayloadSchema> PayloadSchema::Make(std::vector<PayloadField> fields) {
  if (fields.size() > kMaxSchemaFields) {
    return InvalidArgument("schema: " + std::to_string(fields.size()) +
                           " fields, expected at most " + std::to_string(kMaxSchemaFields));
  }
  PayloadSchema schema;
  schema.fields_ = std::move(fields);
  std::sort(schema.fields_.begin(), schema.fields_.end(),
            [](const PayloadField& a, const PayloadField& b) { return a.path < b.path; });
  const PayloadField* partition = nullptr;
  for (const PayloadField& field : schema.fields_) {
    TESSERA_RETURN_IF_ERROR(CheckField(field));
    if (!field.partition) continue;
    if (partition != nullptr) {
      return InvalidArgument("schema: \"" + partition->path + "\" and \"" + field.path +
                             "\" are both declared as the partition");
    }
    partition = &field;
  }
  TESSERA_RETURN_IF_ERROR(CheckOverlap(schema));
  return schema;
}

const PayloadField* PayloadSchema::Find(std::string_view path) const {
  const auto found = std::lower_bound(
      fields_.begin(), fields_.end(), path,
      [](const PayloadField& field, std::string_view p) { return field.path < p; });
  return found != fields_.end() && found->path == path ? &*found : nullptr;
}

const PayloadField* PayloadSchema::partition() const {
  const auto found = std::find_if(fields_.begin(), fields_.end(),
                                  [](const PayloadField& field) { return field.partition; });
  return found != fields_.end() ? &*found : nullptr;
}

Status PayloadSchema::Validate(std::string_view payload) const {
  if (fields_.empty()) return OkStatus();
  StatusOr<filter::JsonValue> object = filter::ParseJsonObject(payload);
  if (!object.ok()) return Annotate(object.status(), "payload: ");
  const PayloadField* tenant = partition();
  size_t tenants = 0;
  const auto count = [&](const std::string& path, const filter::FieldValue&) {
    if (tenant != nullptr && path == tenant->path) ++tenants;
  };
  TESSERA_RETURN_IF_ERROR(filter::FlattenPayload(*object, *this, true, count));
  if (tenant == nullptr || tenants == 1) return OkStatus();
  return InvalidArgument("payload field \"" + tenant->path +
                         "\": expected one keyword, since it is the partition; " +
                         (tenants == 0 ? "it is missing" : "found " + std::to_string(tenants)));
}

// u8 version, u32 count, then a field each: string path, u8 type, u8 flags.
std::string PayloadSchema::Encode() const {
  std::string bytes;
  ByteWriter out(bytes);
  out.Put(kVersion);
  out.Put(static_cast<uint32_t>(fields_.size()));
  for (const PayloadField& field : fields_) {
    out.PutString(field.path);
    out.Put(static_cast<uint8_t>(field.type));
    out.Put(static_cast<uint8_t>((field.partition ? kPartitionFlag : 0) |
                                 (field.indexed ? 0 : kUnindexedFlag)));
  }
  return bytes;
}

StatusOr<PayloadSchema> PayloadSchema::Decode(std::string_view bytes) {
  ByteReader in(bytes);
  const auto version = in.Get<uint8_t>();
  if (!in.ok()) return InvalidArgument("payload schema: its bytes are cut off, or too many");
  TESSERA_RETURN_IF_ERROR(CheckFormatVersion("the payload schema", version, kVersion));
  const auto count = in.Get<uint32_t>();
  if (count > kMaxSchemaFields)
    return InvalidArgument("payload schema: " + std::to_string(count) + " fields");
  std::vector<PayloadField> fields;
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    PayloadField field;
    field.path = in.GetString();
    const auto type = in.Get<uint8_t>(), flags = in.Get<uint8_t>();
    if (type >= kTypeNames.size() || flags > (kPartitionFlag | kUnindexedFlag)) {
      return InvalidArgument("payload schema: field " + std::to_string(i) + " has type " +
                             std::to_string(type) + " and flags " + std::to_string(flags));
    }
    field.type = static_cast<FieldType>(type);
    field.partition = (flags & kPartitionFlag) != 0;
    field.indexed = (flags & kUnindexedFlag) == 0;
    fields.push_back(std::move(field));
  }
  if (!in.Finished()) return InvalidArgument("payload schema: its bytes are cut off, or too many");
  return Make(std::move(fields));
}

StatusOr<std::vector<PayloadValue>> PayloadValues(std::string_view payload, std::string_view path,
                                                  const PayloadSchema& schema) {
  StatusOr<filter::JsonValue> object = filter::ParseJsonObject(payload);
  if (!object.ok()) return Annotate(object.status(), "payload: ");
  const PayloadField* declared = schema.Find(path);
  std::vector<PayloadValue> values;
  TESSERA_RETURN_IF_ERROR(filter::FlattenPayload(
      *object, schema, true, [&](const std::string& at, const filter::FieldValue& value) {
        if (at == path && value.kind != filter::ValueKind::kGeo)
          values.push_back(ToPayloadValue(value, declared));
      }));
  return values;
}

}  // namespace tessera
