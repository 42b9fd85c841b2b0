#include "bench/plot/results.h"

#include <algorithm>
#include <charconv>
#include <sstream>

namespace tessera::bench {
namespace {

// False if a quote is not closed.
bool SplitFields(const std::string& line, std::vector<std::string>& fields) {
  fields.assign(1, "");
  bool quoted = false;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"') {
      if (quoted && i + 1 < line.size() && line[i + 1] == '"') {
        fields.back() += line[i++];
      } else {
        quoted = !quoted;
      }
    } else if (line[i] == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += line[i];
    }
  }
  return !quoted;
}

Status Wrong(const std::string& file, size_t line, const std::string& what) {
  return InvalidArgument(file + " line " + std::to_string(line) + ": " + what);
}

}  // namespace

const std::string& Result::Text(const std::string& column) const {
  static const std::string none;
  const auto it = fields_.find(column);
  return it == fields_.end() ? none : it->second;
}

std::optional<double> Result::Number(const std::string& column) const {
  const std::string& text = Text(column);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

StatusOr<std::vector<Result>> ParseResults(const std::string& text, const std::string& file,
                                           const std::vector<std::string>& needed) {
  std::vector<Result> results;
  std::vector<std::string> columns, fields;
  std::istringstream in(text);
  size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty() || line.front() == '#') continue;
    if (!SplitFields(line, fields)) return Wrong(file, number, "a quote is not closed");
    if (columns.empty()) {
      columns = fields;
      for (const std::string& name : needed) {
        if (std::find(columns.begin(), columns.end(), name) == columns.end()) {
          return Wrong(file, number, "no column " + name);
        }
      }
      continue;
    }
    if (fields.size() != columns.size()) {
      return Wrong(file, number,
                   std::to_string(fields.size()) + " fields, the header has " +
                       std::to_string(columns.size()));
    }
    std::map<std::string, std::string> by_name;
    for (size_t i = 0; i < fields.size(); ++i) by_name[columns[i]] = fields[i];
    results.emplace_back(std::move(by_name));
  }
  if (columns.empty()) return Wrong(file, number, "no header");
  return results;
}

}  // namespace tessera::bench
