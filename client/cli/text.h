// Numbers and tables as people read them, JSON as programs do.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tessera::cli {

std::string FormatCount(uint64_t n);           // 1,234,567
std::string FormatBytes(uint64_t bytes);       // 12.3 MiB
std::string FormatDuration(double seconds);    // 9.4 s, 1:07, 2:03:04
std::string FormatAge(int64_t seconds);        // 90 s, 12 min, 3 h, 4 d
std::string FormatFixed(double x, int digits);  // 0.97

// Columns as wide as their widest cell; every column but the first to the right.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}
  void AddRow(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  std::string ToString() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// Writes one JSON value, calls nested as the value is. A number that is no number becomes null.
class JsonWriter {
 public:
  JsonWriter& BeginObject() { return Open('{'); }
  JsonWriter& EndObject() { return Close('}'); }
  JsonWriter& BeginArray() { return Open('['); }
  JsonWriter& EndArray() { return Close(']'); }
  JsonWriter& Key(const std::string& key);
  JsonWriter& String(const std::string& value);
  JsonWriter& Number(double value);
  JsonWriter& Number(float value);
  JsonWriter& Integer(uint64_t value);
  JsonWriter& Bool(bool value);
  JsonWriter& Raw(const std::string& text);  // a JSON value as it is
  const std::string& text() const { return text_; }

 private:
  JsonWriter& Open(char c);
  JsonWriter& Close(char c);
  void Separate();
  void Quote(const std::string& text);

  std::string text_;
  bool first_ = true;  // nothing written at this level, or right after a key
};

}  // namespace tessera::cli
