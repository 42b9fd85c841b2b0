// A JSON object as a tree: read by simdjson, written minified. The only files that know the syntax
// of JSON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "index/status.h"

namespace tessera::filter {

struct JsonValue {
  enum class Kind : uint8_t { kNull, kBool, kInteger, kUnsigned, kFloat, kString, kArray, kObject };

  Kind kind = Kind::kNull;
  bool boolean = false;
  int64_t integer = 0;
  uint64_t unsigned_integer = 0;  // of kUnsigned: above what int64_t holds
  double number = 0;
  std::string text;
  std::string key;               // of a member of an object
  std::vector<JsonValue> items;  // of an array or object, in order

  // "null", "a bool", "an integer", "a float", "a string", "an array", "an object": for messages.
  const char* KindName() const;
};

// The object that `text` is, within the limits of index/payload.h; "" is {}. InvalidArgument names
// column or path.
StatusOr<JsonValue> ParseJsonObject(std::string_view text);
bool IsUtf8(std::string_view text);
// Minified.
std::string WriteJson(const JsonValue& value);
// A string with its quotes and escapes.
void AppendJsonString(std::string_view text, std::string& out);
// The shortest text that reads back as `value` and as no integer. Precondition: finite.
void AppendFloat(double value, std::string& out);

}  // namespace tessera::filter
