#include <CLI/CLI.hpp>
#include <cstdio>

#include "client/cli/command_line.h"
#include "client/cli/commands.h"

namespace tessera::cli {

const char* VersionText() { return TESSERA_VERSION; }

void AddVersionCommand(CLI::App& app, Invocation& chosen) {
  CLI::App* command = app.add_subcommand("version", "Print the version of this program");
  command->callback([&chosen] {
    chosen.run = []() -> StatusOr<int> {
      std::printf("tessera %s\n", VersionText());
      return kExitOk;
    };
  });
}

}  // namespace tessera::cli
