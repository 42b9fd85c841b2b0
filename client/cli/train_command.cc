// tessera train.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "client/cli/command_line.h"
#include "client/cli/commands.h"
#include "client/cli/operation_watch.h"
#include "client/client.h"

namespace tessera::cli {
namespace {

struct Options {
  std::string collection;
  client::TrainOptions train;
  uint64_t seed = 0;
  bool has_seed = false;
  bool no_wait = false;
};

bool AsksForNothing(const Options& options) {
  return options.train.quantizer.empty() && options.train.sample_rows == 0 && !options.has_seed;
}

StatusOr<int> Train(const Invocation& chosen, Options options) {
  client::Client client(chosen.MakeClientOptions());
  if (options.has_seed) options.train.seed = options.seed;
  StatusOr<client::Operation> started = client.Train(options.collection, options.train);
  if (absl::IsAlreadyExists(started.status())) {
    // It may have begun by itself. Whoever asks for nothing special wants what it will make.
    if (!AsksForNothing(options)) {
      return Annotate(started.status(), "not started, as options were given: ");
    }
    return options.no_wait ? kExitOk : WatchTraining(client, options.collection);
  }
  TESSERA_RETURN_IF_ERROR(started.status());
  const client::Operation& operation = *started;
  if (options.no_wait) {
    std::printf("%s\n", operation.name.c_str());
    return kExitOk;
  }
  return WatchOperation(client, operation);
}

}  // namespace

void AddTrainCommand(CLI::App& app, Invocation& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("train", "Train a collection's quantizer and compress its vectors");
  command->add_option("collection", options->collection, "Collection")->required();
  command->add_option("--quantizer", options->train.quantizer,
                      "Replaces the collection's, e.g. IVF1024,PQ32x8,Refine(SQ8)");
  command->add_option("--sample-rows", options->train.sample_rows,
                      "Rows to learn from; 0: the server chooses");
  CLI::Option* seed =
      command->add_option("--seed", options->seed, "Same seed and rows, same model");
  command->add_flag("--no-wait", options->no_wait,
                    "Print the operation's name and return; it goes on in the server");
  command->footer(
      "Searches and writes go on while it runs. Ctrl-C ends the waiting, not the training;\n"
      "`tessera operation cancel` ends the training, and the old model stays in force. If one\n"
      "runs already and no option asks for another, it is followed.\n\n"
      "Example: tessera train words --quantizer 'IVF,PQ25x8,Refine(SQ8)'");
  command->callback([options, seed, &chosen] {
    options->has_seed = seed->count() > 0;
    chosen.run = [options, &chosen] { return Train(chosen, *options); };
  });
}

}  // namespace tessera::cli
