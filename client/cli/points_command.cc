// tessera get, patch, delete, count, facet.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <optional>

#include "client/cli/command_line.h"
#include "client/cli/commands.h"
#include "client/cli/filter_options.h"
#include "client/cli/options.h"
#include "client/cli/result_text.h"
#include "client/client.h"

namespace tessera::cli {
namespace {

struct Options {
  std::string collection;
  std::vector<PointId> ids;
  bool with_payload = false;
  std::string payload;
  client::PatchOptions patch;
  client::DeleteOptions remove;
  std::optional<uint64_t> if_version;
  std::string filter;
  bool has_filter = false;
  std::string field;
  uint32_t limit = 10;
  bool json = false;
};

StatusOr<client::PatchMode> ParsePatchMode(const std::string& text) {
  if (text == "merge") return client::PatchMode::kMerge;
  if (text == "replace") return client::PatchMode::kReplace;
  if (text == "clear") return client::PatchMode::kClear;
  return InvalidArgument("expected merge, replace or clear");
}

// Says which ids were refused; the exit code is that of the first.
StatusOr<int> Refused(const std::vector<client::RowError>& rejected) {
  if (rejected.empty()) return kExitOk;
  for (size_t i = 1; i < rejected.size(); ++i) {
    std::fprintf(stderr, "%s\n", MessageOf(rejected[i].status).c_str());
  }
  return rejected.front().status;
}

StatusOr<int> Get(const Invocation& chosen, const Options& options) {
  client::Client client(chosen.MakeClientOptions());
  TESSERA_ASSIGN_OR_RETURN(client::GetResult result, client.Get(options.collection, options.ids, options.with_payload));
  for (const client::StoredPoint& point : result.points) {
    JsonWriter json;
    json.BeginObject().Key("id");
    WritePointId(point.id, json);
    WriteVector(point.vector, json);
    if (!point.payload.empty()) json.Key("payload").Raw(point.payload);
    json.Key("version").Integer(point.version);
    std::printf("%s\n", json.EndObject().text().c_str());
  }
  if (result.missing.empty()) return kExitOk;
  std::string names;
  for (const PointId& id : result.missing) names += " " + id.ToString();
  return NotFound("not in " + options.collection + ":" + names);
}

StatusOr<int> DeletePassing(client::Client& client, const Options& options) {
  const bool validate_only = options.remove.validate_only;
  TESSERA_ASSIGN_OR_RETURN(
      const client::DeleteResult result,
      client.DeleteByFilter(options.collection, options.filter, validate_only));
  std::fprintf(stderr, "%s %s points\n", validate_only ? "would delete" : "deleted",
               FormatCount(result.deleted).c_str());
  return kExitOk;
}

StatusOr<int> Delete(const Invocation& chosen, const Options& options) {
  client::Client client(chosen.MakeClientOptions());
  if (options.has_filter) return DeletePassing(client, options);
  client::DeleteOptions remove = options.remove;
  const std::vector<uint64_t> versions(options.ids.size(), options.if_version.value_or(0));
  if (options.if_version) remove.if_versions = versions;
  TESSERA_ASSIGN_OR_RETURN(client::DeleteResult result,
                           client.Delete(options.collection, options.ids, remove));
  std::fprintf(stderr, "%s %s of %s ids\n", remove.validate_only ? "would delete" : "deleted",
               FormatCount(result.deleted).c_str(), FormatCount(options.ids.size()).c_str());
  return Refused(result.rejected);
}

StatusOr<int> Patch(const Invocation& chosen, const Options& options) {
  client::Client client(chosen.MakeClientOptions());
  client::PatchOptions patch = options.patch;
  const std::vector<std::optional<uint64_t>> versions(options.ids.size(), options.if_version);
  if (options.if_version) patch.if_versions = versions;
  std::vector<std::string> payload;
  if (!options.payload.empty()) payload.push_back(options.payload);
  TESSERA_ASSIGN_OR_RETURN(client::PatchResult result,
                           client.Patch(options.collection, options.ids, payload, patch));
  std::fprintf(stderr, "patched %s of %s points\n", FormatCount(result.patched).c_str(),
               FormatCount(options.ids.size()).c_str());
  return Refused(result.rejected);
}

StatusOr<int> Count(const Invocation& chosen, const Options& options) {
  client::Client client(chosen.MakeClientOptions());
  TESSERA_ASSIGN_OR_RETURN(uint64_t count, client.Count(options.collection, options.filter));
  std::printf("%llu\n", static_cast<unsigned long long>(count));
  return kExitOk;
}

std::string ValueText(const PayloadValue& value) {
  return value.kind == PayloadValue::Kind::kKeyword ? value.text : value.ToString();
}

void WriteValue(const PayloadValue& value, JsonWriter& json) {
  if (value.kind == PayloadValue::Kind::kKeyword) {
    json.String(value.text);
  } else {
    json.Raw(value.ToString());
  }
}

StatusOr<int> Facet(const Invocation& chosen, const Options& options) {
  client::Client client(chosen.MakeClientOptions());
  TESSERA_ASSIGN_OR_RETURN(
      const auto counts,
      client.Facet(options.collection, options.field, options.filter, options.limit));
  if (options.json) {
    JsonWriter json;
    json.BeginArray();
    for (const FacetCount& count : counts) {
      json.BeginObject().Key("value");
      WriteValue(count.value, json);
      json.Key("count").Integer(count.count).EndObject();
    }
    std::printf("%s\n", json.EndArray().text().c_str());
    return kExitOk;
  }
  Table table({options.field, "points"});
  for (const FacetCount& count : counts) {
    table.AddRow({ValueText(count.value), FormatCount(count.count)});
  }
  std::fputs(table.ToString().c_str(), stdout);
  return kExitOk;
}

CLI::Option* AddIds(CLI::App* command, Options& options) {
  command->add_option("collection", options.collection, "Collection")->required();
  return AddParsedList(command, "ids", options.ids, ParsePointId,
                       "Ids: numbers, or keys (digits in double quotes are a key)");
}

// Of commands that change points.
template <typename WriteOptions>
void AddWriteOptions(CLI::App* command, Options& options, WriteOptions& write) {
  command->add_flag("--atomic", write.atomic, "All of the ids or none");
  command->add_option("--if-version", options.if_version, "Only points of this version")
      ->check(CLI::Range(uint64_t{1}, UINT64_MAX));
  command->add_option("--request-id", write.request_id,
                      "Up to 64 bytes: the same request with the same id is carried out once");
}

}  // namespace

void AddGetCommand(CLI::App& app, Invocation& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("get", "Print stored vectors as JSON lines");
  AddIds(command, *options)->required();
  command->add_flag("--with-payload", options->with_payload, "Print the payloads too");
  command->footer("The lines are what `tessera load` reads (payloads with --payload-field payload). Of quantized vectors \"vector\" is what the integers stand\n"
                  "for, \"integers\" (load: --vector-field integers --dtype --scale --zero-point) what is stored.\nExample: tessera get words 17 18");
  command->callback(
      [options, &chosen] { chosen.run = [options, &chosen] { return Get(chosen, *options); }; });
}

void AddPatchCommand(CLI::App& app, Invocation& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("patch", "Change the payloads of points; their vectors stay");
  AddIds(command, *options)->required();
  command->add_option("--payload", options->payload, "A JSON object, for each of the ids");
  AddParsed(command, "--mode", options->patch.mode, ParsePatchMode,
            "merge (default): its fields are set, null removes one; replace: it is the payload; clear: no payload");
  AddWriteOptions(command, *options, options->patch);
  command->footer("Example: tessera patch words 17 18 --payload '{\"lang\": \"en\", \"draft\": null}'");
  command->callback(
      [options, &chosen] { chosen.run = [options, &chosen] { return Patch(chosen, *options); }; });
}

void AddDeleteCommand(CLI::App& app, Invocation& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("delete", "Delete points by id or by filter");
  CLI::Option* ids = AddIds(command, *options);
  command->add_flag("--validate-only", options->remove.validate_only, "Say what would be deleted, and delete nothing");
  AddWriteOptions(command, *options, options->remove);
  CLI::Option* filter =
      AddFilterOption(command, options->filter, "All points that pass, instead of ids");
  filter->excludes(ids)->excludes("--atomic")->excludes("--if-version")->excludes("--request-id");
  command->footer(std::string("Ids that are not there are no error. Nothing is asked back.\n\n") + kFilterHelp +
                  "\nExamples:\n"
                  "  tessera delete words 17 18\n"
                  "  tessera delete words --filter 'lang = \"de\" and draft = true' --validate-only\n"
                  "How many it would be says --validate-only.");
  command->callback([options, ids, filter, &chosen] {
    options->has_filter = filter->count() > 0;
    if (!options->has_filter && ids->count() == 0) throw CLI::RequiredError("ids or --filter");
    chosen.run = [options, &chosen] { return Delete(chosen, *options); };
  });
}

void AddCountCommand(CLI::App& app, Invocation& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("count", "Print how many points a collection has");
  command->add_option("collection", options->collection, "Collection")->required();
  AddFilterOption(command, options->filter, "Only points that pass");
  command->footer(std::string(kFilterHelp) + "\nExample: tessera count words --filter 'lang = \"de\"'");
  command->callback(
      [options, &chosen] { chosen.run = [options, &chosen] { return Count(chosen, *options); }; });
}

void AddFacetCommand(CLI::App& app, Invocation& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("facet", "Print the values of a payload field and how many points have each");
  command->add_option("collection", options->collection, "Collection")->required();
  command->add_option("field", options->field, "Path of the field, e.g. offers.price")->required();
  AddFilterOption(command, options->filter, "Only points that pass");
  command->add_option("-k,--limit", options->limit, "Values to print, most points first")
      ->capture_default_str();
  command->add_flag("--json", options->json, "As JSON");
  command->footer(std::string(kFilterHelp) +
                  "\nExample: tessera facet words lang --filter 'draft = true' --limit 5");
  command->callback(
      [options, &chosen] { chosen.run = [options, &chosen] { return Facet(chosen, *options); }; });
}

}  // namespace tessera::cli
