#include "index/filter/json.h"

#define SIMDJSON_EXCEPTIONS 0  // errors are codes: what would throw does not compile
#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "index/filter/text_position.h"
#include "index/payload.h"

namespace tessera::filter {
namespace {

namespace ondemand = simdjson::ondemand;
using simdjson::error_code;

// Reads one text into a tree. All of it is visited, which is what makes simdjson's lazy reader
// validate all of it.
class Reader {
 public:
  Reader(std::string_view text, const char* padded) : text_(text), padded_(padded) {}

  Status Read(ondemand::parser& parser, size_t capacity, JsonValue& out) {
    if (error_code error = parser.iterate(padded_, text_.size(), capacity).get(document_)) {
      return Bad(error, text_.size());
    }
    ondemand::object object;
    if (error_code error = document_.get_object().get(object)) return BadHere(error);
    TESSERA_RETURN_IF_ERROR(ReadObject(object, out, 1));
    const char* behind = nullptr;  // an error at the end of the text
    if (document_.current_location().get(behind) == simdjson::SUCCESS) {
      return BadAt(Here(), "nothing may follow the object");
    }
    return OkStatus();
  }

 private:
  Status BadAt(size_t offset, const std::string& message) const {
    return InvalidArgument("column " + std::to_string(ColumnOf(text_, offset)) + ": " + message);
  }
  Status Bad(error_code error, size_t offset) const {
    return BadAt(offset, std::string("not valid JSON: ") + simdjson::error_message(error));
  }
  size_t Here() {
    const char* at = nullptr;
    if (document_.current_location().get(at)) return text_.size();
    return std::min(static_cast<size_t>(at - padded_), text_.size());
  }
  Status BadHere(error_code error) { return Bad(error, Here()); }

  Status ReadObject(ondemand::object object, JsonValue& out, size_t depth);
  Status ReadArray(ondemand::array array, JsonValue& out, size_t depth);
  Status ReadValue(ondemand::value value, JsonValue& out, size_t depth);
  Status ReadNumber(ondemand::value value, size_t offset, JsonValue& out);
  Status CheckKey(std::string_view key, size_t offset) const;
  Status CheckDuplicates(const JsonValue& object, size_t offset) const;

  std::string_view text_;
  const char* padded_;
  ondemand::document document_;
};

Status Reader::CheckKey(std::string_view key, size_t offset) const {
  if (key.empty()) return BadAt(offset, "a key is empty, which no path could name");
  if (key.size() > kMaxPayloadKeyBytes) {
    return BadAt(offset, "a key of " + std::to_string(key.size()) + " bytes, expected at most " +
                             std::to_string(kMaxPayloadKeyBytes));
  }
  if (key.find('.') != std::string_view::npos) {
    return BadAt(offset, "key \"" + Excerpt(key) + "\" has a dot, which joins the keys of a path");
  }
  return OkStatus();
}

Status Reader::CheckDuplicates(const JsonValue& object, size_t offset) const {
  std::vector<std::string_view> keys;
  keys.reserve(object.items.size());
  for (const JsonValue& item : object.items) keys.push_back(item.key);
  std::sort(keys.begin(), keys.end());
  const auto twice = std::adjacent_find(keys.begin(), keys.end());
  if (twice == keys.end()) return OkStatus();
  return BadAt(offset, "key \"" + Excerpt(*twice) + "\" is in this object twice");
}

Status Reader::ReadObject(ondemand::object object, JsonValue& out, size_t depth) {
  const size_t begin = Here();
  out.kind = JsonValue::Kind::kObject;
  for (auto item : object) {
    ondemand::field field;
    if (error_code error = std::move(item).get(field)) return BadHere(error);
    const auto offset = static_cast<size_t>(field.key().raw() - 1 - padded_);
    std::string_view key;
    if (error_code error = field.unescaped_key().get(key)) return Bad(error, offset);
    TESSERA_RETURN_IF_ERROR(CheckKey(key, offset));
    JsonValue& member = out.items.emplace_back();
    member.key = key;
    TESSERA_RETURN_IF_ERROR(ReadValue(field.value(), member, depth));
  }
  return CheckDuplicates(out, begin == 0 ? 0 : begin - 1);
}

Status Reader::ReadArray(ondemand::array array, JsonValue& out, size_t depth) {
  out.kind = JsonValue::Kind::kArray;
  for (auto item : array) {
    ondemand::value value;
    if (error_code error = std::move(item).get(value)) return BadHere(error);
    TESSERA_RETURN_IF_ERROR(ReadValue(value, out.items.emplace_back(), depth));
  }
  return OkStatus();
}

Status Reader::ReadNumber(ondemand::value value, size_t offset, JsonValue& out) {
  const std::string_view token = value.raw_json_token();
  // Not get_number(): in simdjson 3.0.1 it gives 0 for floats of 19 digits and more.
  ondemand::number_type type;
  error_code error = value.get_number_type().get(type);
  if (!error && type == ondemand::number_type::floating_point_number) {
    out.kind = JsonValue::Kind::kFloat;
    error = value.get_double().get(out.number);
  } else if (!error && type == ondemand::number_type::unsigned_integer) {
    out.kind = JsonValue::Kind::kUnsigned;
    error = value.get_uint64().get(out.unsigned_integer);
  } else if (!error) {
    out.kind = JsonValue::Kind::kInteger;
    error = value.get_int64().get(out.integer);
  }
  if (!error) return OkStatus();
  const size_t digits = token.find_first_not_of("0123456789", token.starts_with('-') ? 1 : 0);
  const bool whole =
      digits == std::string_view::npos || std::strchr(".eE", token[digits]) == nullptr;
  return BadAt(offset, whole && std::min(digits, token.size()) >= 19
                           ? "an integer of more than 64 bits"
                           : "no number that 64 bits hold");
}

Status Reader::ReadValue(ondemand::value value, JsonValue& out, size_t depth) {
  ondemand::json_type type;
  if (error_code error = value.type().get(type)) return BadHere(error);
  const auto offset = static_cast<size_t>(value.raw_json_token().data() - padded_);
  const bool nests = type == ondemand::json_type::array || type == ondemand::json_type::object;
  if (nests && depth == kMaxPayloadDepth) {
    return BadAt(offset, "nested deeper than " + std::to_string(kMaxPayloadDepth));
  }
  error_code error = simdjson::SUCCESS;
  switch (type) {
    case ondemand::json_type::array: {
      ondemand::array array;
      if ((error = value.get_array().get(array))) return BadHere(error);
      return ReadArray(array, out, depth + 1);
    }
    case ondemand::json_type::object: {
      ondemand::object object;
      if ((error = value.get_object().get(object))) return BadHere(error);
      return ReadObject(object, out, depth + 1);
    }
    case ondemand::json_type::number:
      return ReadNumber(value, offset, out);
    case ondemand::json_type::string: {
      std::string_view text;
      error = value.get_string().get(text);
      out.kind = JsonValue::Kind::kString;
      out.text = text;
      break;
    }
    case ondemand::json_type::boolean:
      out.kind = JsonValue::Kind::kBool;
      error = value.get_bool().get(out.boolean);
      break;
    case ondemand::json_type::null:
      if (bool null = false; (error = value.is_null().get(null)) == simdjson::SUCCESS && !null) {
        error = simdjson::N_ATOM_ERROR;
      }
      break;
  }
  return error ? Bad(error, offset) : OkStatus();
}

// Past white space: simdjson would read a scalar at the root, too.
Status CheckIsObject(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos)
    return InvalidArgument("expected a JSON object, found only white space");
  if (text[begin] == '{') return OkStatus();
  return InvalidArgument("column " + std::to_string(begin + 1) +
                         ": expected a JSON object that begins with {");
}

}  // namespace

const char* JsonValue::KindName() const {
  switch (kind) {
    case Kind::kNull:
      return "null";
    case Kind::kBool:
      return "a bool";
    case Kind::kInteger:
    case Kind::kUnsigned:
      return "an integer";
    case Kind::kFloat:
      return "a float";
    case Kind::kString:
      return "a string";
    case Kind::kArray:
      return "an array";
    case Kind::kObject:
      return "an object";
  }
  return "of no JSON type";
}

StatusOr<JsonValue> ParseJsonObject(std::string_view text) {
  JsonValue object;
  object.kind = JsonValue::Kind::kObject;
  if (text.empty()) return object;
  if (text.size() > kMaxPayloadBytes) {
    return InvalidArgument(std::to_string(text.size()) + " bytes, expected at most " +
                           std::to_string(kMaxPayloadBytes));
  }
  TESSERA_RETURN_IF_ERROR(CheckIsObject(text));
  // Kept by the thread, bounded by the largest payload: most are small, and allocating would cost
  // more than reading.
  thread_local ondemand::parser parser;
  thread_local std::string buffer;
  buffer.assign(text);
  buffer.append(simdjson::SIMDJSON_PADDING, ' ');
  TESSERA_RETURN_IF_ERROR(Reader(text, buffer.data()).Read(parser, buffer.size(), object));
  return object;
}

bool IsUtf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

void AppendJsonString(std::string_view text, std::string& out) {
  constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == '"' || byte == '\\') {
      out += '\\';
      out += c;
    } else if (byte >= 0x20) {
      out += c;
    } else if (const char* at = std::strchr("\bb\ff\nn\rr\tt", c); c != 0 && at != nullptr) {
      out += '\\';
      out += at[1];
    } else {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  out += '"';
}

void AppendFloat(double value, std::string& out) {
  char digits[32];
  const char* end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
  const std::string_view shortest(digits, static_cast<size_t>(end - digits));
  out += shortest;
  if (shortest.find_first_of(".e") == std::string_view::npos) out += ".0";
}

namespace {

void Append(const JsonValue& value, std::string& out) {
  switch (value.kind) {
    case JsonValue::Kind::kNull:
      out += "null";
      return;
    case JsonValue::Kind::kBool:
      out += value.boolean ? "true" : "false";
      return;
    case JsonValue::Kind::kInteger:
      out += std::to_string(value.integer);
      return;
    case JsonValue::Kind::kUnsigned:
      out += std::to_string(value.unsigned_integer);
      return;
    case JsonValue::Kind::kFloat:
      AppendFloat(value.number, out);
      return;
    case JsonValue::Kind::kString:
      AppendJsonString(value.text, out);
      return;
    case JsonValue::Kind::kArray:
    case JsonValue::Kind::kObject:
      break;
  }
  const bool object = value.kind == JsonValue::Kind::kObject;
  out += object ? '{' : '[';
  for (size_t i = 0; i < value.items.size(); ++i) {
    if (i > 0) out += ',';
    if (object) {
      AppendJsonString(value.items[i].key, out);
      out += ':';
    }
    Append(value.items[i], out);
  }
  out += object ? '}' : ']';
}

}  // namespace

std::string WriteJson(const JsonValue& value) {
  std::string out;
  Append(value, out);
  return out;
}

}  // namespace tessera::filter
