// tessera codebook list|show|train|evaluate|activate|rollback|export|import|delete.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <ctime>
#include <memory>

#include "client/cli/codebook_text.h"
#include "client/cli/command_line.h"
#include "client/cli/commands.h"
#include "client/cli/evaluation_text.h"
#include "client/cli/model_file.h"
#include "client/cli/operation_watch.h"
#include "client/cli/text.h"
#include "client/client.h"

namespace tessera::cli {
namespace {

struct Options {
  std::string collection;
  uint32_t version = 0;
  std::string file;
  std::string label;
  client::TrainOptions train;
  client::EvaluateOptions evaluate;
  uint64_t seed = 1234;
  bool json = false;
  bool no_wait = false;
};

StatusOr<int> List(client::Client& client, const Options& options) {
  TESSERA_ASSIGN_OR_RETURN(const auto all, client.ListCodebooks(options.collection));
  if (options.json) {
    JsonWriter json;
    json.BeginArray();
    for (const client::CodebookInfo& info : all) WriteCodebook(info, json);
    std::printf("%s\n", json.EndArray().text().c_str());
  } else {
    std::fputs(CodebookTable(all, std::time(nullptr)).c_str(), stdout);
  }
  return kExitOk;
}

StatusOr<int> Print(const client::CodebookInfo& info, const Options& options) {
  if (options.json) {
    JsonWriter json;
    WriteCodebook(info, json);
    std::printf("%s\n", json.text().c_str());
  } else {
    std::fputs(DescribeCodebook(info, std::time(nullptr)).c_str(), stdout);
  }
  return kExitOk;
}

StatusOr<int> Show(client::Client& client, const Options& options) {
  TESSERA_ASSIGN_OR_RETURN(const auto info, client.GetCodebook(options.collection, options.version));
  return Print(info, options);
}

// Follows what was started, and prints what came of it.
StatusOr<int> Follow(client::Client& client, const Options& options,
                     StatusOr<client::Operation> started) {
  TESSERA_RETURN_IF_ERROR(started.status());
  if (options.no_wait) {
    std::printf("%s\n", started->name.c_str());
    return kExitOk;
  }
  if (!options.json) return WatchOperation(client, *std::move(started));
  TESSERA_ASSIGN_OR_RETURN(const client::Operation done,
                           FollowOperation(client, *std::move(started)));
  if (!done.done) return kExitInterrupted;
  if (done.codebook) return Print(*done.codebook, options);
  if (!done.evaluation) return Internal(done.name + " ended without a result");
  JsonWriter json;
  WriteEvaluation(*done.evaluation, json);
  std::printf("%s\n", json.text().c_str());
  return kExitOk;
}

StatusOr<int> Train(client::Client& client, const Options& options) {
  client::TrainOptions train = options.train;
  train.seed = options.seed;
  return Follow(client, options, client.TrainCodebook(options.collection, train, options.label));
}

StatusOr<int> Evaluate(client::Client& client, const Options& options) {
  client::EvaluateOptions evaluate = options.evaluate;
  evaluate.seed = options.seed;
  return Follow(client, options,
                client.EvaluateCodebook(options.collection, options.version, evaluate));
}

StatusOr<int> Activate(client::Client& client, const Options& options) {
  return Follow(client, options, client.ActivateCodebook(options.collection, options.version));
}

StatusOr<int> RollBack(client::Client& client, const Options& options) {
  return Follow(client, options, client.RollBackCodebook(options.collection));
}

StatusOr<int> Export(client::Client& client, const Options& options) {
  TESSERA_ASSIGN_OR_RETURN(const std::string file,
                           client.ExportCodebook(options.collection, options.version));
  TESSERA_RETURN_IF_ERROR(WriteModelBytes(options.file, file));
  std::fprintf(stderr, "codebook %u of %s: %s bytes in %s\n", options.version,
               options.collection.c_str(), FormatCount(file.size()).c_str(), options.file.c_str());
  return kExitOk;
}

StatusOr<int> Import(client::Client& client, const Options& options) {
  TESSERA_ASSIGN_OR_RETURN(const std::string file, ReadModelBytes(options.file));
  StatusOr<client::CodebookInfo> info =
      client.ImportCodebook(options.collection, file, options.label);
  if (!info.ok()) return Annotate(info.status(), options.file + ": ");
  if (options.json) return Print(*info, options);
  std::fprintf(stderr, "%s\n", CodebookLine(options.collection, *info).c_str());
  return kExitOk;
}

StatusOr<int> Delete(client::Client& client, const Options& options) {
  TESSERA_RETURN_IF_ERROR(client.DeleteCodebook(options.collection, options.version));
  std::fprintf(stderr, "deleted codebook %u of %s\n", options.version, options.collection.c_str());
  return kExitOk;
}

using Run = StatusOr<int> (*)(client::Client&, const Options&);

// Subcommands share their options, of which each offers some.
class Group {
 public:
  Group(CLI::App* group, Invocation& chosen) : group_(group), chosen_(chosen) {}

  CLI::App* Add(const char* name, const char* help, Run run) {
    CLI::App* command = group_->add_subcommand(name, help);
    command->add_option("collection", options_->collection, "Collection")->required();
    command->callback([options = options_, &chosen = chosen_, run] {
      chosen.run = [options, &chosen, run]() -> StatusOr<int> {
        client::Client client(chosen.MakeClientOptions());
        return run(client, *options);
      };
    });
    return command;
  }
  CLI::App* AddOfVersion(const char* name, const char* help, Run run) {
    CLI::App* command = Add(name, help, run);
    command->add_option("version", options_->version, "Version, see list")->required();
    return command;
  }
  void AddJson(CLI::App* command) { command->add_flag("--json", options_->json, "As JSON"); }
  void AddNoWait(CLI::App* command) {
    command->add_flag("--no-wait", options_->no_wait,
                      "Print the operation's name and return; it goes on in the server");
  }
  void AddLabel(CLI::App* command) {
    command->add_option("--label", options_->label,
                        "A note; a codebook with one is never deleted by itself");
  }
  void AddSeed(CLI::App* command) {
    command->add_option("--seed", options_->seed, "Same seed and rows, same result")
        ->capture_default_str();
  }
  Options& options() { return *options_; }

 private:
  CLI::App* const group_;
  Invocation& chosen_;
  const std::shared_ptr<Options> options_ = std::make_shared<Options>();
};

void AddLongWork(Group& commands) {
  CLI::App* train = commands.Add("train", "Train a candidate; nothing else changes", Train);
  train->add_option("--quantizer", commands.options().train.quantizer,
                    "Instead of the collection's, e.g. IVF1024,PQ32x8,Refine(SQ8)");
  train->add_option("--sample-rows", commands.options().train.sample_rows,
                    "Rows to learn from; 0: the server chooses");
  commands.AddSeed(train);
  commands.AddLabel(train);

  CLI::App* evaluate = commands.AddOfVersion(
      "evaluate", "Measure recall and error of one on rows that trainings left out", Evaluate);
  client::EvaluateOptions& options = commands.options().evaluate;
  evaluate->add_option("-k,--limit", options.k, "Neighbours a query")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  evaluate->add_option("--sample", options.sample_rows, "Rows to look at; 0: 50,000");
  evaluate->add_option("--held-out", options.queries, "Queries; 0: 1,000")
      ->check(CLI::Range(0, 10000));
  evaluate
      ->add_option("--nprobe", options.nprobe,
                   "Lists to search, each measured: 8,16,32; 0: the default of queries")
      ->delimiter(',');
  evaluate->add_option("--rerank-depth", options.rerank_depth,
                       "Candidates to rerank; 0: the default of queries");
  commands.AddSeed(evaluate);

  CLI::App* activate = commands.AddOfVersion(
      "activate", "Encode the collection with one and switch to it; searches and writes go on",
      Activate);
  CLI::App* rollback =
      commands.Add("rollback", "Activate the one that was in force before", RollBack);
  for (CLI::App* command : {train, evaluate, activate, rollback}) {
    commands.AddJson(command);
    commands.AddNoWait(command);
  }
}

}  // namespace

void AddCodebookCommand(CLI::App& app, Invocation& chosen) {
  CLI::App* group = app.add_subcommand(
      "codebook", "The trained models of a collection: compare, switch, roll back, move");
  group->require_subcommand(1);
  group->fallthrough();
  auto commands = std::make_shared<Group>(group, chosen);
  commands->AddJson(commands->Add("list", "All versions with their errors", List));
  commands->AddJson(commands->AddOfVersion("show", "One version", Show));
  AddLongWork(*commands);

  CLI::App* save = commands->AddOfVersion(
      "export", "Write one to a file, as `tessera fit` does", Export);
  save->add_option("-o,--output", commands->options().file, "File to write")->required();
  CLI::App* load = commands->Add("import", "Make a candidate of such a file", Import);
  load->add_option("file", commands->options().file, "File")->required();
  commands->AddLabel(load);
  commands->AddJson(load);
  commands->AddOfVersion("delete", "Delete one that is not in force", Delete);
  group->footer(
      "Example:\n"
      "  tessera codebook train words --quantizer 'OPQ,IVF,PQ25x8'\n"
      "  tessera codebook evaluate words 2\n"
      "  tessera codebook activate words 2\n"
      "  tessera codebook rollback words");
}

}  // namespace tessera::cli
