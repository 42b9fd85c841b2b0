// tessera get, delete, count.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "client/cli/command_line.h"
#include "client/cli/commands.h"
#include "client/cli/options.h"
#include "client/cli/result_text.h"
#include "client/client.h"

namespace tessera::cli {
namespace {

struct Options {
  std::string collection;
  std::vector<PointId> ids;
};

StatusOr<int> Get(const Invocation& chosen, const Options& options) {
  client::Client client(chosen.MakeClientOptions());
  TESSERA_ASSIGN_OR_RETURN(client::GetResult result, client.Get(options.collection, options.ids));
  for (const client::StoredPoint& point : result.points) {
    JsonWriter json;
    json.BeginObject().Key("id");
    WritePointId(point.id, json);
    WriteVector(point.vector, json);
    json.Key("version").Integer(point.version);
    std::printf("%s\n", json.EndObject().text().c_str());
  }
  if (result.missing.empty()) return kExitOk;
  std::string names;
  for (const PointId& id : result.missing) names += " " + id.ToString();
  return NotFound("not in " + options.collection + ":" + names);
}

StatusOr<int> Delete(const Invocation& chosen, const Options& options) {
  client::Client client(chosen.MakeClientOptions());
  TESSERA_ASSIGN_OR_RETURN(client::DeleteResult result,
                           client.Delete(options.collection, options.ids));
  std::fprintf(stderr, "deleted %s of %s ids\n", FormatCount(result.deleted).c_str(),
               FormatCount(options.ids.size()).c_str());
  return kExitOk;
}

StatusOr<int> Count(const Invocation& chosen, const Options& options) {
  client::Client client(chosen.MakeClientOptions());
  TESSERA_ASSIGN_OR_RETURN(uint64_t count, client.Count(options.collection));
  std::printf("%llu\n", static_cast<unsigned long long>(count));
  return kExitOk;
}

void AddIds(CLI::App* command, Options& options) {
  command->add_option("collection", options.collection, "Collection")->required();
  AddParsedList(command, "ids", options.ids, ParsePointId,
                "Ids: numbers, or keys (digits in double quotes are a key)")
      ->required();
}

}  // namespace

void AddGetCommand(CLI::App& app, Invocation& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("get", "Print stored vectors as JSON lines");
  AddIds(command, *options);
  command->footer("The lines are what `tessera load` reads. Of quantized vectors \"vector\" is what the integers stand\n"
                  "for, \"integers\" (load: --vector-field integers --dtype --scale --zero-point) what is stored.\nExample: tessera get words 17 18");
  command->callback(
      [options, &chosen] { chosen.run = [options, &chosen] { return Get(chosen, *options); }; });
}

void AddDeleteCommand(CLI::App& app, Invocation& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("delete", "Delete vectors by id");
  AddIds(command, *options);
  command->footer("Ids that are not there are no error.\nExample: tessera delete words 17 18");
  command->callback(
      [options, &chosen] { chosen.run = [options, &chosen] { return Delete(chosen, *options); }; });
}

void AddCountCommand(CLI::App& app, Invocation& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("count", "Print how many vectors a collection has");
  command->add_option("collection", options->collection, "Collection")->required();
  command->callback(
      [options, &chosen] { chosen.run = [options, &chosen] { return Count(chosen, *options); }; });
}

}  // namespace tessera::cli
