// tessera collection create|list|show|update|delete.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <memory>
#include <optional>

#include <unistd.h>

#include "client/cli/collection_text.h"
#include "client/cli/command_line.h"
#include "client/cli/commands.h"
#include "client/cli/filter_options.h"
#include "client/cli/goal_options.h"
#include "client/cli/options.h"
#include "client/cli/text.h"
#include "client/client.h"

namespace tessera::cli {
namespace {

struct Options {
  client::CollectionConfig config;
  bool no_auto_train = false;
  bool retrain_on_drift = false;
  bool no_retrain_on_drift = false;
  bool no_sync = false;
  std::string name;
  bool json = false;
  bool yes = false;
  std::optional<uint64_t> memory_limit;
  bool refine_on_disk = false;
  bool refine_in_memory = false;
};

StatusOr<int> Create(const Invocation& chosen, const Options& options) {
  client::Client client(chosen.MakeClientOptions());
  client::CollectionConfig config = options.config;
  config.auto_train = !options.no_auto_train;
  config.sync_writes = !options.no_sync;
  if (options.retrain_on_drift) config.retrain_on_drift = true;
  if (options.no_retrain_on_drift) config.retrain_on_drift = false;
  TESSERA_ASSIGN_OR_RETURN(client::CollectionInfo made, client.CreateCollection(config));
  std::fprintf(stderr, "created %s: %u dimensions, %s, %s\n", made.config.name.c_str(),
               made.config.dim, MetricName(made.config.metric),
               DescribeGoal(made.config).c_str());
  return kExitOk;
}

StatusOr<std::optional<uint64_t>> ParseNewMemoryLimit(const std::string& text) {
  TESSERA_ASSIGN_OR_RETURN(const uint64_t limit, ParseMemoryLimit(text));
  return std::optional<uint64_t>(limit);
}

StatusOr<int> List(const Invocation& chosen, const Options& options) {
  client::Client client(chosen.MakeClientOptions());
  TESSERA_ASSIGN_OR_RETURN(auto all, client.ListCollections());
  if (options.json) {
    JsonWriter json;
    json.BeginArray();
    for (const client::CollectionInfo& info : all) WriteCollection(info, json);
    std::printf("%s\n", json.EndArray().text().c_str());
    return kExitOk;
  }
  Table table({"name", "rows", "dim", "metric", "state", "quantizer"});
  for (const client::CollectionInfo& info : all) {
    table.AddRow({info.config.name, FormatCount(info.rows), std::to_string(info.config.dim),
                  MetricName(info.config.metric), CollectionStateName(info.state),
                  info.trained_quantizer.empty() ? info.config.quantizer : info.trained_quantizer});
  }
  std::fputs(table.ToString().c_str(), stdout);
  for (const client::CollectionInfo& info : all) {
    if (!info.error.empty()) std::fprintf(stderr, "%s\n", info.error.c_str());
  }
  return kExitOk;
}

StatusOr<int> Show(const Invocation& chosen, const Options& options) {
  client::Client client(chosen.MakeClientOptions());
  TESSERA_ASSIGN_OR_RETURN(auto info, client.GetCollection(options.name));
  TESSERA_ASSIGN_OR_RETURN(auto stats, client.Stats(options.name));
  if (stats.generation > 0) {
    TESSERA_ASSIGN_OR_RETURN(stats.drift, client.GetDrift(options.name));
  }
  if (options.json) {
    JsonWriter json;
    json.BeginObject().Key("collection");
    WriteCollection(info, json);
    json.Key("stats");
    WriteStats(stats, json);
    std::printf("%s\n", json.EndObject().text().c_str());
  } else {
    std::fputs(DescribeCollection(info, stats).c_str(), stdout);
  }
  return kExitOk;
}

StatusOr<int> Update(const Invocation& chosen, const Options& options) {
  client::CollectionUpdate update{.memory_limit = options.memory_limit};
  if (options.refine_on_disk || options.refine_in_memory) update.refine_on_disk = options.refine_on_disk;
  client::Client client(chosen.MakeClientOptions());
  TESSERA_ASSIGN_OR_RETURN(const client::CollectionInfo updated,
                           client.UpdateCollection(options.name, update));
  std::fprintf(stderr, "updated %s: memory limit %s, refine records %s\n", updated.config.name.c_str(),
               updated.config.memory_limit == 0 ? "none" : FormatBytes(updated.config.memory_limit).c_str(),
               updated.config.refine_on_disk ? "on disk" : "in memory");
  return kExitOk;
}

StatusOr<int> Delete(const Invocation& chosen, const Options& options) {
  client::Client client(chosen.MakeClientOptions());
  if (!options.yes && isatty(STDIN_FILENO) == 1) {
    TESSERA_ASSIGN_OR_RETURN(uint64_t rows, client.Count(options.name));
    std::fprintf(stderr, "delete %s with its %s rows for ever? [y/N] ", options.name.c_str(),
                 FormatCount(rows).c_str());
    std::string answer;
    std::getline(std::cin, answer);
    if (answer != "y" && answer != "Y" && answer != "yes") {
      return Cancelled(options.name + " was not deleted");
    }
  }
  TESSERA_RETURN_IF_ERROR(client.DeleteCollection(options.name));
  std::fprintf(stderr, "deleted %s\n", options.name.c_str());
  return kExitOk;
}

}  // namespace

void AddCollectionCommand(CLI::App& app, Invocation& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* group = app.add_subcommand("collection", "Create, list, show and delete collections");
  group->require_subcommand(1);
  group->fallthrough();

  CLI::App* create = group->add_subcommand("create", "Create an empty collection");
  create->add_option("name", options->config.name, "Letters, digits, - _ .")->required();
  create->add_option("--dim", options->config.dim, "Components of a vector")
      ->required()
      ->check(CLI::Range(1u, static_cast<unsigned>(kMaxDim)));
  AddParsed(create, "--metric", options->config.metric, ParseMetric,
            "l2 (default), ip (inner product) or cosine");
  AddQuantizerOptions(create, options->config, "");
  AddFieldOption(create, options->config, "");
  create->add_flag("--no-auto-train", options->no_auto_train, "Train only when told to");
  CLI::Option* retrain = create->add_flag("--retrain-on-drift", options->retrain_on_drift,
                                          "Train again by itself when new rows fit the codes worse; the default, "
                                          "unless --no-auto-train is given");
  create->add_flag("--no-retrain-on-drift", options->no_retrain_on_drift, "Do not")->excludes(retrain);
  create->add_option("--query-sample", options->config.query_sample,
                     "Live queries to keep in memory for tuning; 0: none");
  create->add_option("--recall-sampling", options->config.recall_sampling,
                     "Share of live queries to run again exactly, to watch recall; 0: none");
  AddParsed(create, "--memory-limit", options->config.memory_limit, ParseMemoryLimit,
            "Most memory it may have, e.g. 2GiB: what would not fit is refused; none if not given");
  create->add_flag("--refine-on-disk", options->config.refine_on_disk,
                   "Leave refine records on disk: fewer bytes in memory, searches read those of their candidates");
  create->add_flag("--no-sync", options->no_sync,
                   "Acknowledge before the disk has it: a power loss may take the last writes");
  create->footer(
      "Examples:\n"
      "  tessera collection create words --dim 100 --metric cosine\n"
      "  tessera collection create words --dim 100 --bytes-per-vector 24\n"
      "  tessera collection create words --dim 100 --memory-budget 4GiB --expected-rows 50000000\n"
      "  tessera collection create goods --dim 64 --field price:float --field shop:keyword:partition\n"
      "How a goal was met: tessera collection show");
  create->callback([options, &chosen] {
    chosen.run = [options, &chosen] { return Create(chosen, *options); };
  });

  CLI::App* list = group->add_subcommand("list", "List all collections");
  list->add_flag("--json", options->json, "As JSON");
  list->callback(
      [options, &chosen] { chosen.run = [options, &chosen] { return List(chosen, *options); }; });

  CLI::App* show = group->add_subcommand("show", "One collection: state, model, bytes a vector");
  show->add_option("name", options->name, "Collection")->required();
  show->add_flag("--json", options->json, "As JSON");
  show->callback(
      [options, &chosen] { chosen.run = [options, &chosen] { return Show(chosen, *options); }; });

  CLI::App* update = group->add_subcommand("update", "Change settings of a collection while it serves");
  update->add_option("name", options->name, "Collection")->required();
  AddParsed(update, "--memory-limit", options->memory_limit, ParseNewMemoryLimit,
            "Most memory it may have, e.g. 2GiB, or none. Below what it has: writes are refused until it fits");
  CLI::Option* on_disk = update->add_flag("--refine-on-disk", options->refine_on_disk,
                                          "Leave refine records on disk, from the next training or start of the "
                                          "server on");
  update->add_flag("--refine-in-memory", options->refine_in_memory, "Keep them in memory, from then on")
      ->excludes(on_disk);
  update->callback([options, &chosen] {
    if (!options->memory_limit && !options->refine_on_disk && !options->refine_in_memory) {
      throw CLI::RequiredError("--memory-limit, --refine-on-disk or --refine-in-memory");
    }
    chosen.run = [options, &chosen] { return Update(chosen, *options); };
  });

  CLI::App* remove = group->add_subcommand("delete", "Delete a collection and all its vectors");
  remove->add_option("name", options->name, "Collection")->required();
  remove->add_flag("--yes,-y", options->yes, "Do not ask");
  remove->footer("Asks first on a terminal, and only there.");
  remove->callback([options, &chosen] {
    chosen.run = [options, &chosen] { return Delete(chosen, *options); };
  });
}

}  // namespace tessera::cli
