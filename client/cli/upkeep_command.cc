// tessera upkeep show|pause|resume|limit.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "client/cli/command_line.h"
#include "client/cli/commands.h"
#include "client/cli/options.h"
#include "client/cli/text.h"
#include "client/client.h"

namespace tessera::cli {
namespace {

struct Options {
  client::UpkeepChanges changes;
  bool json = false;
};

// "0" or "none" is no limit.
StatusOr<std::optional<uint64_t>> ParseRate(const std::string& text) {
  if (text == "none" || text == "0") return std::optional<uint64_t>(0);
  TESSERA_ASSIGN_OR_RETURN(const uint64_t bytes, ParseByteSize(text));
  return std::optional<uint64_t>(bytes);
}

StatusOr<int> Run(const Invocation& chosen, const Options& options) {
  client::Client client(chosen.MakeClientOptions());
  TESSERA_ASSIGN_OR_RETURN(const client::UpkeepState state, client.SetUpkeep(options.changes));
  if (options.json) {
    JsonWriter json;
    json.BeginObject();
    json.Key("paused").Bool(state.paused);
    json.Key("cpu_share").Number(state.cpu_share);
    json.Key("bytes_per_second").Integer(state.bytes_per_second);
    std::printf("%s\n", json.EndObject().text().c_str());
    return kExitOk;
  }
  const std::string rate =
      state.bytes_per_second == 0 ? "no limit" : FormatBytes(state.bytes_per_second) + " a second";
  std::printf("background work: %s\nprocessor share of a thread: %s\nwrites to disk: %s\n",
              state.paused ? "paused" : "runs", FormatFixed(state.cpu_share, 2).c_str(), rate.c_str());
  return kExitOk;
}

}  // namespace

void AddUpkeepCommand(CLI::App& app, Invocation& chosen) {
  CLI::App* group = app.add_subcommand("upkeep", "Background work of the server: trainings, lists, compactions, backups");
  group->require_subcommand(1);
  const auto options = std::make_shared<Options>();
  const auto add = [&, group](const char* name, const char* help, std::optional<bool> paused) {
    CLI::App* command = group->add_subcommand(name, help);
    command->add_flag("--json", options->json, "As JSON");
    command->callback([options, &chosen, paused] {
      options->changes.paused = paused;
      chosen.run = [options, &chosen] { return Run(chosen, *options); };
    });
    return command;
  };
  add("show", "How much it may take, and whether it runs", std::nullopt);
  add("pause", "Hold it back until resume, or until the server starts anew; queries and writes go on", true);
  add("resume", "Let it go on", false);
  CLI::App* limit = add("limit", "Change how much it may take, until the server starts anew", std::nullopt);
  limit->add_option("--cpu-share", options->changes.cpu_share, "Of a processor, for each thread while queries come, above 0 to 1");
  AddParsed(limit, "--write-rate", options->changes.bytes_per_second, ParseRate,
            "Written a second, such as 50MiB, by flushes, compactions and backups; none: no limit");
}

}  // namespace tessera::cli
