// CanonicalPayload, MergePayload and PayloadValue of index/payload.h.
#include "index/payload.h"

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "index/filter/json.h"

namespace tessera {
namespace {

using filter::JsonValue;

bool IsObject(const JsonValue& value) { return value.kind == JsonValue::Kind::kObject; }

// RFC 7386, section 2. Depth is bounded by the reader.
void Merge(JsonValue& target, JsonValue&& patch) {
  if (!IsObject(patch)) {
    patch.key = std::move(target.key);
    target = std::move(patch);
    return;
  }
  if (!IsObject(target)) {
    JsonValue object;
    object.kind = JsonValue::Kind::kObject;
    object.key = std::move(target.key);
    target = std::move(object);
  }
  std::unordered_map<std::string, size_t> places;  // by key: objects may have thousands
  for (size_t i = 0; i < target.items.size(); ++i) places.emplace(target.items[i].key, i);
  std::vector<bool> removed(target.items.size(), false);
  for (JsonValue& member : patch.items) {
    const auto found = places.find(member.key);
    if (found != places.end()) {
      removed[found->second] = member.kind == JsonValue::Kind::kNull;
      if (!removed[found->second]) Merge(target.items[found->second], std::move(member));
    } else if (member.kind != JsonValue::Kind::kNull) {
      JsonValue& added = target.items.emplace_back();
      added.key = member.key;
      Merge(added, std::move(member));
    }
  }
  size_t index = 0;
  std::erase_if(target.items,
                [&](const JsonValue&) { return index < removed.size() && removed[index++]; });
}

StatusOr<std::string> Written(const JsonValue& object) {
  std::string text = filter::WriteJson(object);
  if (text.size() <= kMaxPayloadBytes) return text;
  return InvalidArgument("payload: " + std::to_string(text.size()) +
                         " bytes when written, expected at most " +
                         std::to_string(kMaxPayloadBytes));
}

StatusOr<JsonValue> Parsed(std::string_view text, const char* name) {
  StatusOr<JsonValue> object = filter::ParseJsonObject(text);
  if (!object.ok()) return Annotate(object.status(), name);
  return object;
}

}  // namespace

StatusOr<std::string> CanonicalPayload(std::string_view text) {
  if (text.empty()) return InvalidArgument("payload: empty, expected a JSON object");
  TESSERA_ASSIGN_OR_RETURN(const JsonValue object, Parsed(text, "payload: "));
  return Written(object);
}

StatusOr<std::string> MergePayload(std::string_view payload, std::string_view patch) {
  if (patch.empty()) return InvalidArgument("patch: empty, expected a JSON object");
  TESSERA_ASSIGN_OR_RETURN(JsonValue target, Parsed(payload, "payload: "));
  TESSERA_ASSIGN_OR_RETURN(JsonValue changes, Parsed(patch, "patch: "));
  Merge(target, std::move(changes));
  return Written(target);
}

PayloadValue PayloadValue::Keyword(std::string text) {
  PayloadValue value;
  value.text = std::move(text);
  return value;
}

PayloadValue PayloadValue::Integer(int64_t integer) {
  PayloadValue value;
  value.kind = Kind::kInteger;
  value.integer = integer;
  return value;
}

PayloadValue PayloadValue::Unsigned(uint64_t integer) {
  if (integer <= uint64_t{INT64_MAX}) return Integer(static_cast<int64_t>(integer));
  PayloadValue value;
  value.kind = Kind::kUnsigned;
  value.unsigned_integer = integer;
  return value;
}

PayloadValue PayloadValue::Float(double number) {
  PayloadValue value;
  value.kind = Kind::kFloat;
  value.number = number;
  return value;
}

PayloadValue PayloadValue::Bool(bool boolean) {
  PayloadValue value;
  value.kind = Kind::kBool;
  value.boolean = boolean;
  return value;
}

std::string PayloadValue::ToString() const {
  std::string out;
  switch (kind) {
    case Kind::kKeyword:
      filter::AppendJsonString(text, out);
      break;
    case Kind::kInteger:
      out = std::to_string(integer);
      break;
    case Kind::kUnsigned:
      out = std::to_string(unsigned_integer);
      break;
    case Kind::kFloat:
      filter::AppendFloat(number, out);
      break;
    case Kind::kBool:
      out = boolean ? "true" : "false";
      break;
  }
  return out;
}

}  // namespace tessera
