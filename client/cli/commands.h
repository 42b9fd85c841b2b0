// One function a command: it adds its subcommand, options and help to the application, and sets
// `chosen.run` if that subcommand is the one that was typed.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "client/client.h"
#include "index/status.h"

namespace CLI {
class App;
}

namespace tessera::cli {

// What was typed. Commands keep a pointer: it outlives parsing and running.
struct Invocation {
  std::string server = "127.0.0.1:7700";
  double timeout_seconds = 60;
  // Exit code, or an error to be printed (exit code 1).
  std::function<StatusOr<int>()> run;

  client::ClientOptions MakeClientOptions() const {
    client::ClientOptions options;
    options.address = server;
    options.timeout = std::chrono::milliseconds(static_cast<int64_t>(timeout_seconds * 1000));
    return options;
  }
};

void AddBackupCommand(CLI::App& app, Invocation& chosen);
void AddCodebookCommand(CLI::App& app, Invocation& chosen);
void AddCollectionCommand(CLI::App& app, Invocation& chosen);
void AddCountCommand(CLI::App& app, Invocation& chosen);
void AddDecodeCommand(CLI::App& app, Invocation& chosen);
void AddDeleteCommand(CLI::App& app, Invocation& chosen);
void AddEncodeCommand(CLI::App& app, Invocation& chosen);
void AddEvalCommand(CLI::App& app, Invocation& chosen);
void AddEvaluateCommand(CLI::App& app, Invocation& chosen);
void AddFacetCommand(CLI::App& app, Invocation& chosen);
void AddFitCommand(CLI::App& app, Invocation& chosen);
void AddGetCommand(CLI::App& app, Invocation& chosen);
void AddListCommand(CLI::App& app, Invocation& chosen);
void AddLoadCommand(CLI::App& app, Invocation& chosen);
void AddOperationCommand(CLI::App& app, Invocation& chosen);
void AddPatchCommand(CLI::App& app, Invocation& chosen);
void AddQueryCommand(CLI::App& app, Invocation& chosen);
void AddTrainCommand(CLI::App& app, Invocation& chosen);
void AddTuneCommand(CLI::App& app, Invocation& chosen);
void AddVerifyCommand(CLI::App& app, Invocation& chosen);
void AddUpkeepCommand(CLI::App& app, Invocation& chosen);
void AddVersionCommand(CLI::App& app, Invocation& chosen);

const char* VersionText();  // "0.1.0"

}  // namespace tessera::cli
