#include <iterator>

#include "client/cli/element_options.h"
#include "client/cli/filter_options.h"
#include "client/cli/load_state.h"
#include "client/cli/options.h"
#include "client/formats/format.h"
#include "server/config.h"
#include "tests/fuzz/targets/target.h"

namespace tessera::fuzz {
namespace {

using namespace cli;  // NOLINT(google-build-using-namespace)

// The server's file of settings.
void RunConfig(std::string_view bytes) {
  const MemoryFile file(bytes);
  const std::string path = file.path();
  const char* argv[] = {"tesserad", "--config", path.c_str()};
  const server::ParsedConfig parsed = server::ParseConfig(3, argv);
  Require(parsed.config.has_value() != (parsed.exit_code != 0), "settings are read or refused");
  Require(parsed.config.has_value() || !parsed.text.empty(), "it is said why");
}

void RunLoadState(std::string_view bytes) {
  const auto state = ParseLoadState(std::string(bytes));
  if (!state.ok()) return;
  const auto again = ParseLoadState(FormatLoadState(*state));
  Require(again.ok() && *again == *state, "a state that is written is read as the same");
}

// Words of a command line.
void RunOptions(std::string_view bytes) {
  const std::string text(bytes);
  (void)ParseMetric(text);
  (void)ParsePointId(text);
  (void)ParseVector(text);
  (void)ParseByteSize(text);
  const auto life = ParseTimeToLive(text);
  if (life.ok()) (void)life->ExpireAtMs();
  (void)ParseRerank(text);
  (void)ParseElementType(text);
  const auto scale = ParseScale(text);
  Require(!scale.ok() || *scale > 0, "a scale is above 0");
  const auto field = ParsePayloadField(text);
  if (field.ok()) (void)DescribeField(*field);
  const auto format = formats::ParseFormat(text);
  Require(!format.ok() || formats::FormatName(*format) == text, "a format has one name");
  (void)formats::FormatOfName(text);
}

}  // namespace

void RunSettings(std::string_view bytes) {
  constexpr void (*kRuns[])(std::string_view) = {RunConfig, RunLoadState, RunOptions};
  const auto run = kRuns[Choose(bytes, std::size(kRuns))];
  run(bytes);
}

}  // namespace tessera::fuzz
