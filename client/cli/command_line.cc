#include "client/cli/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>

#include "client/cli/commands.h"
#include "client/cli/interrupt.h"

namespace tessera::cli {
namespace {

void AddCommands(CLI::App& app, Invocation& chosen) {
  AddCollectionCommand(app, chosen);
  AddLoadCommand(app, chosen);
  AddTrainCommand(app, chosen);
  AddCodebookCommand(app, chosen);
  AddTuneCommand(app, chosen);
  AddBackupCommand(app, chosen);
  AddVerifyCommand(app, chosen);
  AddOperationCommand(app, chosen);
  AddUpkeepCommand(app, chosen);
  AddPatchCommand(app, chosen);
  AddQueryCommand(app, chosen);
  AddEvalCommand(app, chosen);
  AddEvaluateCommand(app, chosen);
  AddGetCommand(app, chosen);
  AddListCommand(app, chosen);
  AddDeleteCommand(app, chosen);
  AddCountCommand(app, chosen);
  AddFacetCommand(app, chosen);
  AddFitCommand(app, chosen);
  AddEncodeCommand(app, chosen);
  AddDecodeCommand(app, chosen);
  AddVersionCommand(app, chosen);
}

// The subcommand that the words led to: whose help to name.
const CLI::App* Deepest(const CLI::App* app) {
  while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
  return app;
}

std::string FullName(const CLI::App* app) {
  std::string name = app->get_name();
  for (app = app->get_parent(); app != nullptr; app = app->get_parent()) {
    name = app->get_name() + " " + name;
  }
  return name;
}

int ReportUsage(const CLI::App& app, const std::string& what) {
  std::fprintf(stderr, "tessera: %s\ntry: %s --help\n", what.c_str(),
               FullName(Deepest(&app)).c_str());
  return kExitUsage;
}

std::string Advice(const Status& status, const Invocation& chosen) {
  const std::string message = MessageOf(status);
  if (message.find("cannot reach the server at") != std::string::npos) {
    return "; is tesserad running there? (--server or TESSERA_SERVER names another)";
  }
  if (absl::IsDeadlineExceeded(status)) {
    char text[80];
    std::snprintf(text, sizeof text, "; allow more than %g seconds with --timeout",
                  chosen.timeout_seconds);
    return text;
  }
  return "";
}

// Where the line and the caret under it begin that end a message about an expression; npos: none.
size_t CaretLines(const std::string& text) {
  const size_t last = text.rfind('\n');
  if (last == std::string::npos || last == 0) return std::string::npos;
  const size_t caret = text.find_first_not_of(' ', last + 1);
  if (caret + 1 != text.size() || text[caret] != '^') return std::string::npos;
  return text.rfind('\n', last - 1);
}

// One line, as messages of libraries may have several; those that point into an expression keep
// theirs, behind the advice.
std::string Readable(std::string text, const std::string& advice) {
  const size_t lines = std::min(CaretLines(text), text.size());
  std::string out = text.substr(0, lines) + advice;
  for (char& c : out) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return out + text.substr(lines);
}

int Finish(StatusOr<int> result, const Invocation& chosen) {
  const bool written = std::fflush(stdout) == 0 && !std::ferror(stdout);
  if (!result.ok()) {
    // After Ctrl-C an error is only the way a command ended.
    if (InterruptRequested() && absl::IsCancelled(result.status())) {
      std::fprintf(stderr, "tessera: interrupted\n");
      return kExitInterrupted;
    }
    const std::string text =
        Readable(MessageOf(result.status()), Advice(result.status(), chosen));
    std::fprintf(stderr, "tessera: %s\n", text.c_str());
    return kExitFailure;
  }
  if (!written) {
    std::fprintf(stderr, "tessera: cannot write to standard output\n");
    return kExitFailure;
  }
  return *result;
}

}  // namespace

int RunCommandLine(int argc, const char* const* argv) {
  CLI::App app("Tessera, a vector search engine on product quantization.", "tessera");
  Invocation chosen;
  app.add_option("--server,-s", chosen.server, "Address of tesserad")
      ->envname("TESSERA_SERVER")
      ->capture_default_str();
  app.add_option("--timeout", chosen.timeout_seconds, "Seconds that one request may take")
      ->check(CLI::Range(0.001, 86400.0))
      ->capture_default_str();
  app.set_version_flag("--version", std::string("tessera ") + VersionText());
  app.require_subcommand(1);
  app.fallthrough();
  app.footer(
      "A first visit:\n"
      "  tessera load words words.fvecs --create --metric cosine   a collection from a file\n"
      "  tessera train words                                       compress it\n"
      "  tessera query words --id 17 -k 5                          neighbours of vector 17\n"
      "  tessera eval words queries.fvecs                          recall, speed, bytes\n\n"
      "Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.");
  AddCommands(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::fputs(app.help().c_str(), stdout);
    return kExitOk;
  } catch (const CLI::CallForVersion& e) {
    std::printf("%s\n", e.what());
    return kExitOk;
  } catch (const CLI::RequiredError& e) {
    const auto extra = app.remaining(true);
    return ReportUsage(app, extra.empty() ? e.what() : "no command \"" + extra.front() + "\"");
  } catch (const CLI::ParseError& e) {
    return ReportUsage(app, e.what());
  }
  return Finish(chosen.run(), chosen);
}

}  // namespace tessera::cli
