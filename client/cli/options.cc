#include "client/cli/options.h"

#include <chrono>
#include <algorithm>
#include <charconv>
#include <cmath>

namespace tessera::cli {
namespace {

template <typename T>
bool ParseWhole(const std::string& text, T& out) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, out);
  return error == std::errc() && stop == end;
}

}  // namespace

StatusOr<Metric> ParseMetric(const std::string& text) {
  for (Metric metric : {Metric::kL2, Metric::kInnerProduct, Metric::kCosine}) {
    if (text == MetricName(metric)) return metric;
  }
  return InvalidArgument("no metric \"" + text + "\", expected l2, ip or cosine");
}

StatusOr<PointId> ParsePointId(const std::string& text) {
  if (text.empty()) return InvalidArgument("an id is empty");
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    return PointId(text.substr(1, text.size() - 2));
  }
  if (!std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; })) {
    return PointId(text);
  }
  uint64_t number = 0;
  if (!ParseWhole(text, number)) {
    return InvalidArgument("id " + text + " is above 2^64 - 1; a key of digits is written '\"" +
                           text + "\"'");
  }
  return PointId(number);
}

StatusOr<std::vector<float>> ParseVector(const std::string& text) {
  std::string body = text;
  const size_t first = body.find_first_not_of(" \t");
  if (first != std::string::npos && body[first] == '[') {
    const size_t last = body.find_last_not_of(" \t");
    if (body[last] != ']') return InvalidArgument("the vector has no closing ]");
    body = body.substr(first + 1, last - first - 1);
  }
  std::vector<float> vector;
  for (size_t begin = 0; begin < body.size();) {
    const size_t end = std::min(body.find_first_of(", \t", begin), body.size());
    if (end > begin) {
      const std::string word = body.substr(begin, end - begin);
      float value = 0;
      if (!ParseWhole(word, value) || !std::isfinite(value)) {
        return InvalidArgument("vector[" + std::to_string(vector.size()) + "] is \"" + word +
                               "\", expected a finite number");
      }
      vector.push_back(value);
    }
    begin = end + 1;
  }
  if (vector.empty()) return InvalidArgument("the vector is empty");
  return vector;
}

StatusOr<uint64_t> ParseByteSize(const std::string& text) {
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  const std::string unit(stop, end);
  const std::string units[] = {"", "KiB", "MiB", "GiB", "TiB"};
  double factor = 1;
  for (const std::string& known : units) {
    const bool matches = unit == known || (known.empty() && unit == "B");
    if (error == std::errc() && matches && number * factor >= 1 && number * factor < 1e18) {
      return static_cast<uint64_t>(number * factor);
    }
    factor *= 1024;
  }
  return InvalidArgument("\"" + text +
                         "\" is no number of bytes, expected e.g. 4GiB, 512MiB or 1000000");
}

StatusOr<uint64_t> ParseMemoryLimit(const std::string& text) {
  if (text == "none") return uint64_t{0};
  return ParseByteSize(text);
}

int64_t TimeToLive::ExpireAtMs() const {
  if (seconds == 0) return 0;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count() + static_cast<int64_t>(seconds) * 1000;
}

StatusOr<TimeToLive> ParseTimeToLive(const std::string& text) {
  if (text == "never") return TimeToLive();
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string unit(end, text.data() + text.size());
  const uint64_t seconds = unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : unit == "d" ? 86400 : 0;
  constexpr uint64_t kMostSeconds = uint64_t{1000} * 365 * 86400;
  if (error != std::errc() || seconds == 0 || number == 0 || number > kMostSeconds / seconds) {
    return InvalidArgument("\"" + text + "\": expected a time such as 90s, 15m, 12h or 7d (up to 1,000 years), or never");
  }
  return TimeToLive{number * seconds};
}

StatusOr<RerankChoice> ParseRerank(const std::string& text) {
  const size_t colon = text.find(':');
  const std::string tier = text.substr(0, colon);
  RerankChoice choice;
  bool known = false;
  for (auto candidate : {client::RerankTier::kAuto, client::RerankTier::kNone,
                         client::RerankTier::kRefine, client::RerankTier::kRaw}) {
    if (tier == client::RerankTierName(candidate)) {
      choice.tier = candidate;
      known = true;
    }
  }
  if (!known) {
    return InvalidArgument("no tier \"" + tier + "\", expected none, refine, raw or auto");
  }
  if (colon != std::string::npos && !ParseWhole(text.substr(colon + 1), choice.depth)) {
    return InvalidArgument("the depth in \"" + text + "\" is not a number");
  }
  return choice;
}

}  // namespace tessera::cli
