// tessera get, patch, delete, count, facet.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>

#include "client/cli/command_line.h"
#include "client/cli/commands.h"
#include "client/cli/filter_options.h"
#include "client/cli/interrupt.h"
#include "client/cli/options.h"
#include "client/cli/result_text.h"
#include "client/client.h"

namespace tessera::cli {
namespace {

constexpr uint32_t kListPage = 1000;

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
  TimeToLive ttl;
  bool has_ttl = false;
  client::ListOptions list;
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

void PrintPoint(const client::StoredPoint& point) {
  JsonWriter json;
  json.BeginObject().Key("id");
  WritePointId(point.id, json);
  if (!point.vector.bytes.empty()) WriteVector(point.vector, json);
  if (!point.payload.empty()) json.Key("payload").Raw(point.payload);
  json.Key("version").Integer(point.version);
  if (point.expire_at_ms > 0) json.Key("expire_at_ms").Integer(static_cast<uint64_t>(point.expire_at_ms));
  std::printf("%s\n", json.EndObject().text().c_str());
}

StatusOr<int> Get(const Invocation& chosen, const Options& options) {
  client::Client client(chosen.MakeClientOptions());
  TESSERA_ASSIGN_OR_RETURN(client::GetResult result, client.Get(options.collection, options.ids, options.with_payload));
  for (const client::StoredPoint& point : result.points) {
    PrintPoint(point);
  }
  if (result.missing.empty()) return kExitOk;
  std::string names;
  for (const PointId& id : result.missing) names += " " + id.ToString();
  return NotFound("not in " + options.collection + ":" + names);
}

// Page by page, until there are `limit` of them (0: all) or Ctrl-C is pressed.
StatusOr<int> List(const Invocation& chosen, const Options& options) {
  client::Client client(chosen.MakeClientOptions());
  CatchInterrupts();
  client::ListOptions list = options.list;
  list.filter = options.filter;
  uint64_t printed = 0;
  do {
    const uint64_t left = options.limit > 0 ? options.limit - printed : kListPage;
    list.page_size = static_cast<uint32_t>(std::min<uint64_t>(left, kListPage));
    TESSERA_ASSIGN_OR_RETURN(const client::ListPage page, client.List(options.collection, list));
    for (const client::StoredPoint& point : page.points) PrintPoint(point);
    if (std::fflush(stdout) != 0) return Unavailable("cannot write to the standard output");
    printed += page.points.size();
    list.page_token = page.next_page_token;
  } while (!list.page_token.empty() && (options.limit == 0 || printed < options.limit) && !InterruptRequested());
  if (!list.page_token.empty()) {
    std::fprintf(stderr, "there are more points: --limit 0 lists all, --page-token %s goes on from here\n",
                 list.page_token.c_str());
  }
  if (InterruptRequested()) return Cancelled("interrupted");
  return kExitOk;
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
  if (options.has_ttl) patch.expire_at_ms = options.ttl.ExpireAtMs();
  // With a time to live alone the payload stays: nothing is merged into it.
  const bool merge = patch.mode == client::PatchMode::kMerge;
  const std::string text = options.payload.empty() && options.has_ttl && merge ? "{}" : options.payload;
  if (options.has_filter) {
    TESSERA_ASSIGN_OR_RETURN(const client::PatchResult result,
                             client.PatchByFilter(options.collection, options.filter, text, patch));
    std::fprintf(stderr, "patched %s points\n", FormatCount(result.patched).c_str());
    return Refused(result.rejected);
  }
  std::vector<std::string> payload;
  if (!text.empty()) payload.push_back(text);
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
  CLI::App* command =
      app.add_subcommand("patch", "Change the payloads of points, by id or by filter; their vectors stay");
  CLI::Option* ids = AddIds(command, *options);
  command->add_option("--payload", options->payload, "A JSON object, for each of the ids");
  AddParsed(command, "--mode", options->patch.mode, ParsePatchMode,
            "merge (default): its fields are set, null removes one; replace: it is the payload; clear: no payload");
  CLI::Option* ttl = AddParsed(command, "--ttl", options->ttl, ParseTimeToLive,
                               "How long they live from now on: 90s, 15m, 12h, 7d, never");
  AddWriteOptions(command, *options, options->patch);
  CLI::Option* filter = AddFilterOption(command, options->filter, "All points that pass, instead of ids");
  filter->excludes(ids)->excludes("--atomic")->excludes("--if-version")->excludes("--request-id");
  command->footer(std::string(kFilterHelp) +
                  "\nExamples:\n"
                  "  tessera patch words 17 18 --payload '{\"lang\": \"en\", \"draft\": null}'\n"
                  "  tessera patch words --filter 'draft = true' --payload '{\"draft\": null}' --ttl 30d");
  command->callback([options, ids, filter, ttl, &chosen] {
    options->has_filter = filter->count() > 0;
    options->has_ttl = ttl->count() > 0;
    if (!options->has_filter && ids->count() == 0) throw CLI::RequiredError("ids or --filter");
    chosen.run = [options, &chosen] { return Patch(chosen, *options); };
  });
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

void AddListCommand(CLI::App& app, Invocation& chosen) {
  auto options = std::make_shared<Options>();
  options->limit = 100;
  CLI::App* command = app.add_subcommand("list", "Print points as JSON lines, all of one state of the collection");
  command->add_option("collection", options->collection, "Collection")->required();
  AddFilterOption(command, options->filter, "Only points that pass");
  command->add_option("-k,--limit", options->limit, "Points to print; 0: all")->capture_default_str();
  command->add_flag("--with-vector", options->list.with_vector, "Print the vectors too");
  command->add_flag("--with-payload", options->list.with_payload, "Print the payloads too");
  command->add_option("--page-token", options->list.page_token, "Go on where an earlier list stopped, with the same filter");
  command->footer(std::string("In the order in which points were last written. With vectors and payloads the lines are what\n"
                              "`tessera load` reads (--payload-field payload).\n\n") +
                  kFilterHelp + "\nExample: tessera list words --filter 'lang = \"de\"' --limit 0 --with-payload");
  command->callback(
      [options, &chosen] { chosen.run = [options, &chosen] { return List(chosen, *options); }; });
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
