// tessera operation list|wait|cancel.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "client/cli/command_line.h"
#include "client/cli/commands.h"
#include "client/cli/operation_watch.h"
#include "client/cli/text.h"
#include "client/client.h"

namespace tessera::cli {
namespace {

std::string Outcome(const client::Operation& operation) {
  if (!operation.done) {
    return FormatFixed(operation.progress * 100, 0) + " % " + operation.stage;
  }
  return operation.error.ok() ? "done" : "failed: " + MessageOf(operation.error);
}

StatusOr<int> List(const Invocation& chosen) {
  client::Client client(chosen.MakeClientOptions());
  TESSERA_ASSIGN_OR_RETURN(auto all, client.ListOperations());
  Table table({"name", "kind", "collection", "state"});
  for (const client::Operation& operation : all) {
    table.AddRow({operation.name, operation.kind, operation.collection, Outcome(operation)});
  }
  std::fputs(table.ToString().c_str(), stdout);
  return kExitOk;
}

StatusOr<int> Wait(const Invocation& chosen, const std::string& name) {
  client::Client client(chosen.MakeClientOptions());
  TESSERA_ASSIGN_OR_RETURN(client::Operation operation, client.GetOperation(OperationName(name)));
  return WatchOperation(client, std::move(operation));
}

StatusOr<int> Cancel(const Invocation& chosen, const std::string& name) {
  client::Client client(chosen.MakeClientOptions());
  TESSERA_ASSIGN_OR_RETURN(client::Operation operation,
                           client.CancelOperation(OperationName(name)));
  std::fprintf(stderr, operation.done ? "%s had ended already\n" : "%s was asked to stop\n",
               operation.name.c_str());
  return kExitOk;
}

}  // namespace

void AddOperationCommand(CLI::App& app, Invocation& chosen) {
  auto name = std::make_shared<std::string>();
  CLI::App* group =
      app.add_subcommand("operation", "List, follow and cancel trainings and backups that run in the server");
  group->require_subcommand(1);
  group->fallthrough();

  CLI::App* list = group->add_subcommand("list", "Running and recent operations, newest first");
  list->callback([&chosen] { chosen.run = [&chosen] { return List(chosen); }; });

  CLI::App* wait = group->add_subcommand("wait", "Follow an operation until it is done");
  wait->add_option("operation", *name, "operations/17, or 17")->required();
  wait->callback(
      [name, &chosen] { chosen.run = [name, &chosen] { return Wait(chosen, *name); }; });

  CLI::App* cancel = group->add_subcommand("cancel", "Stop an operation");
  cancel->add_option("operation", *name, "operations/17, or 17")->required();
  cancel->callback(
      [name, &chosen] { chosen.run = [name, &chosen] { return Cancel(chosen, *name); }; });
}

}  // namespace tessera::cli
