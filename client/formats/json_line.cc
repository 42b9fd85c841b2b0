#include "client/formats/json_line.h"

#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "client/formats/byte_source.h"
#include "client/formats/vector_reader.h"

namespace tessera::formats {
namespace {

namespace ondemand = simdjson::ondemand;
using simdjson::error_code;

static_assert(simdjson::SIMDJSON_PADDING <= ByteSource::kPadding);

constexpr size_t kQuotedBytes = 40;

const char* KindOf(ondemand::json_type type) {
  switch (type) {
    case ondemand::json_type::array:
      return "an array";
    case ondemand::json_type::object:
      return "an object";
    case ondemand::json_type::number:
      return "a number";
    case ondemand::json_type::string:
      return "a string";
    case ondemand::json_type::boolean:
      return "a boolean";
    case ondemand::json_type::null:
      return "null";
  }
  return "of no JSON type";
}

Status BadJson(error_code error) {
  return InvalidArgument(std::string("not valid JSON: ") + simdjson::error_message(error));
}

// The token as it stands in the file, for a message: cut, and without control characters.
std::string Quote(std::string_view token) {
  while (!token.empty() && static_cast<uint8_t>(token.back()) <= ' ') token.remove_suffix(1);
  std::string quoted(token.substr(0, kQuotedBytes));
  for (char& c : quoted) {
    if (static_cast<uint8_t>(c) < ' ' || c == 0x7f) c = '?';
  }
  return token.size() > kQuotedBytes ? quoted + "..." : quoted;
}

std::string TokenOf(ondemand::value& value) { return Quote(value.raw_json_token()); }

Status ParseKey(ondemand::value& value, std::optional<PointId>& id) {
  std::string_view key;
  if (error_code error = value.get_string().get(key)) return BadJson(error);
  if (key.empty()) return InvalidArgument("id is an empty string");
  if (key.size() > kMaxPointKeyBytes) {
    return InvalidArgument("id is a string of " + std::to_string(key.size()) +
                           " bytes, expected at most " + std::to_string(kMaxPointKeyBytes));
  }
  id.emplace(std::string(key));
  return OkStatus();
}

Status ParseNumberId(ondemand::value& value, std::optional<PointId>& id) {
  const std::string token = TokenOf(value);
  uint64_t number;
  if (value.get_uint64().get(number) == simdjson::SUCCESS) {
    id.emplace(number);
    return OkStatus();
  }
  if (token.starts_with('-')) return InvalidArgument("id is negative: " + token);
  const bool digits = token.find_first_not_of("0123456789.") == std::string::npos &&
                      token.find('.') >= 20;  // 20 digits is the most that 64 bits need
  return InvalidArgument("id is " + token +
                         (digits ? ", more than an unsigned 64-bit integer holds"
                                 : ", expected an integer or a string"));
}

Status ParseId(ondemand::value& value, std::optional<PointId>& id) {
  if (id.has_value()) return InvalidArgument("id is there twice");
  ondemand::json_type type;
  if (error_code error = value.type().get(type)) return BadJson(error);
  if (type == ondemand::json_type::string) return ParseKey(value, id);
  if (type == ondemand::json_type::number) return ParseNumberId(value, id);
  return InvalidArgument(std::string("id is ") + KindOf(type) +
                         ", expected an integer or a string");
}

Status ParseItem(simdjson::simdjson_result<ondemand::value> item, std::vector<float>& out) {
  const auto place = [&out] { return "vector[" + std::to_string(out.size()) + "] is "; };
  ondemand::value value;
  if (error_code error = item.get(value)) return BadJson(error);
  ondemand::json_type type;
  if (error_code error = value.type().get(type)) return BadJson(error);
  if (type != ondemand::json_type::number) {
    return InvalidArgument(place() + KindOf(type) + ", expected a number");
  }
  if (out.size() == kMaxDim) {
    return InvalidArgument("vector has more than " + std::to_string(kMaxDim) + " numbers");
  }
  double number;
  if (value.get_double().get(number) != simdjson::SUCCESS) {
    return InvalidArgument(place() + TokenOf(value) + ", no number that 64 bits hold");
  }
  const auto narrowed = static_cast<float>(number);
  if (!std::isfinite(narrowed)) {
    return InvalidArgument(place() + TokenOf(value) + ", too large for a 32-bit float");
  }
  out.push_back(narrowed);
  return OkStatus();
}

Status ParseVector(ondemand::value& value, std::vector<float>& out) {
  if (!out.empty()) return InvalidArgument("vector is there twice");
  ondemand::json_type type;
  if (error_code error = value.type().get(type)) return BadJson(error);
  if (type != ondemand::json_type::array) {
    return InvalidArgument(std::string("vector is ") + KindOf(type) +
                           ", expected an array of numbers");
  }
  ondemand::array array;
  if (error_code error = value.get_array().get(array)) return BadJson(error);
  for (auto item : array) TESSERA_RETURN_IF_ERROR(ParseItem(item, out));
  return out.empty() ? InvalidArgument("vector is empty") : OkStatus();
}

// The value as it stands in the line.
Status RawText(ondemand::value& value, std::string_view& text) {
  if (error_code error = simdjson::to_json_string(value).get(text)) return BadJson(error);
  while (!text.empty() && static_cast<uint8_t>(text.back()) <= ' ') text.remove_suffix(1);
  return OkStatus();
}

// The key as it stands in the line, without its quotes; the parser has found that there is an end.
std::string_view EscapedKey(const ondemand::field& field) {
  const char* begin = field.key().raw();
  const char* end = begin;
  while (*end != '"') end += *end == '\\' ? 2 : 1;
  return {begin, static_cast<size_t>(end - begin)};
}

Status ParsePayload(ondemand::value& value, std::string& payload) {
  if (!payload.empty()) return InvalidArgument("payload is there twice");
  ondemand::json_type type;
  if (error_code error = value.type().get(type)) return BadJson(error);
  if (type == ondemand::json_type::null) return OkStatus();
  if (type != ondemand::json_type::object) {
    return InvalidArgument(std::string("payload is ") + KindOf(type) + ", expected an object");
  }
  std::string_view text;
  TESSERA_RETURN_IF_ERROR(RawText(value, text));
  payload.assign(text);
  return OkStatus();
}

// One more member of the payload; `key` is escaped as in the line.
Status AddMember(std::string_view key, ondemand::value& value, std::string& payload) {
  std::string_view text;
  TESSERA_RETURN_IF_ERROR(RawText(value, text));
  payload.append(payload.empty() ? "{\"" : ",\"").append(key).append("\":").append(text);
  return OkStatus();
}

}  // namespace

struct JsonLineParser::Impl {
  std::string id_field;
  std::string vector_field;
  std::string payload_field;
  bool all_others = false;
  ondemand::parser parser;
};

JsonLineParser::JsonLineParser(std::string id_field, std::string vector_field, std::string payload_field)
    : impl_(std::make_unique<Impl>()) {
  impl_->id_field = std::move(id_field);
  impl_->vector_field = std::move(vector_field);
  impl_->payload_field = std::move(payload_field);
  impl_->all_others = impl_->payload_field == kAllOtherFields;
}
JsonLineParser::~JsonLineParser() = default;

Status JsonLineParser::Parse(std::span<const uint8_t> line, JsonRow& row) {
  row.id.reset();
  row.vector.clear();
  row.payload.clear();
  const char* text = reinterpret_cast<const char*>(line.data());
  ondemand::document document;
  const auto view =
      simdjson::padded_string_view(text, line.size(), line.size() + ByteSource::kPadding);
  if (error_code error = impl_->parser.iterate(view).get(document)) return BadJson(error);
  ondemand::object object;
  if (document.get_object().get(object)) return InvalidArgument("expected a JSON object");
  for (auto item : object) {
    ondemand::field field;
    if (error_code error = std::move(item).get(field)) return BadJson(error);
    const std::string_view escaped = EscapedKey(field);
    std::string_view key;
    if (error_code error = field.unescaped_key().get(key)) return BadJson(error);
    if (key == impl_->id_field) {
      TESSERA_RETURN_IF_ERROR(ParseId(field.value(), row.id));
    } else if (key == impl_->vector_field) {
      TESSERA_RETURN_IF_ERROR(ParseVector(field.value(), row.vector));
    } else if (impl_->all_others) {
      TESSERA_RETURN_IF_ERROR(AddMember(escaped, field.value(), row.payload));
    } else if (!impl_->payload_field.empty() && key == impl_->payload_field) {
      TESSERA_RETURN_IF_ERROR(ParsePayload(field.value(), row.payload));
    }
  }
  if (impl_->all_others && !row.payload.empty()) row.payload += '}';
  const char* rest;  // simdjson's way to ask whether there is more
  if (document.current_location().get(rest) == simdjson::SUCCESS) {
    return InvalidArgument("text after the end of the object");
  }
  if (row.vector.empty()) return InvalidArgument("vector is missing");
  return OkStatus();
}

}  // namespace tessera::formats
