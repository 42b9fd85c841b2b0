// Option values that are more than numbers and strings.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "client/client.h"
#include "index/status.h"
#include "index/types.h"

namespace tessera::cli {

StatusOr<Metric> ParseMetric(const std::string& text);  // l2, ip, cosine
// "17" is a number, anything else a key; `"17"` in double quotes is the key 17.
StatusOr<PointId> ParsePointId(const std::string& text);
// "[0.5, -1]" or "0.5 -1" or "0.5,-1": finite numbers, at least one.
StatusOr<std::vector<float>> ParseVector(const std::string& text);
// "1000000", "512MiB", "4GiB": at least one byte.
StatusOr<uint64_t> ParseByteSize(const std::string& text);
// The same, or "none": 0.
StatusOr<uint64_t> ParseMemoryLimit(const std::string& text);

// How long points live, written 90s, 15m, 12h, 7d, or never.
struct TimeToLive {
  uint64_t seconds = 0;  // 0 = for ever
  // The moment, from now, in Unix milliseconds; 0 = never.
  int64_t ExpireAtMs() const;
};
StatusOr<TimeToLive> ParseTimeToLive(const std::string& text);

// What to rerank with, written TIER[:DEPTH]: none, refine:200, raw, auto.
struct RerankChoice {
  client::RerankTier tier = client::RerankTier::kAuto;
  uint32_t depth = 0;  // 0 = the server's choice
};
StatusOr<RerankChoice> ParseRerank(const std::string& text);

// An option whose words are turned into a T by `parse`; its errors are usage errors.
template <typename T>
CLI::Option* AddParsed(CLI::App* command, const std::string& flags, T& target,
                       StatusOr<T> (*parse)(const std::string&), const std::string& help) {
  return command->add_option_function<std::string>(
      flags,
      [&target, parse, flags](const std::string& text) {
        StatusOr<T> value = parse(text);
        if (!value.ok()) throw CLI::ValidationError(flags, MessageOf(value.status()));
        target = *std::move(value);
      },
      help);
}

// The same for a list of words.
template <typename T>
CLI::Option* AddParsedList(CLI::App* command, const std::string& flags, std::vector<T>& target,
                           StatusOr<T> (*parse)(const std::string&), const std::string& help) {
  return command->add_option_function<std::vector<std::string>>(
      flags,
      [&target, parse, flags](const std::vector<std::string>& texts) {
        target.clear();
        for (const std::string& text : texts) {
          StatusOr<T> value = parse(text);
          if (!value.ok()) throw CLI::ValidationError(flags, MessageOf(value.status()));
          target.push_back(*std::move(value));
        }
      },
      help);
}

}  // namespace tessera::cli
