#include "client/cli/goal_options.h"

#include <cstdio>

#include "client/cli/options.h"
#include "client/cli/text.h"

namespace tessera::cli {
namespace {

std::string Trimmed(double number) {
  char text[40];
  std::snprintf(text, sizeof text, "%g", number);
  return text;
}

}  // namespace

void AddQuantizerOptions(CLI::App* command, client::CollectionConfig& config,
                         const std::string& when) {
  CLI::Option* quantizer = command->add_option(
      "--quantizer", config.quantizer,
      when + "what training makes, e.g. IVF1024,PQ32x8,Refine(SQ8); the server chooses if neither it "
             "nor a goal is given");
  CLI::Option* bytes =
      command->add_option("--bytes-per-vector", config.bytes_per_vector,
                          when + "a goal instead: the best recall within so many bytes of code, "
                                 "correction and refine code, measured at training")
          ->excludes(quantizer);
  CLI::Option* memory = AddParsed(command, "--memory-budget", config.memory_budget, ParseByteSize,
                                  when + "or the best recall within so much memory all in, e.g. "
                                         "4GiB, at --expected-rows");
  memory->excludes(quantizer)->excludes(bytes);
  CLI::Option* rows = command->add_option("--expected-rows", config.expected_rows,
                                          "Vectors that --memory-budget is for, and that the memory limits "
                                          "must have room for");
  memory->needs(rows);
  command
      ->add_option("--target-recall", config.target_recall,
                   when + "or the fewest bytes with this recall@10 from memory, e.g. 0.95")
      ->excludes(quantizer)
      ->excludes(bytes)
      ->excludes(memory);
}

bool HasGoal(const client::CollectionConfig& config) {
  return config.bytes_per_vector != 0 || config.memory_budget != 0 || config.target_recall != 0;
}

std::string DescribeGoal(const client::CollectionConfig& config) {
  if (config.bytes_per_vector != 0) {
    return Trimmed(config.bytes_per_vector) + " bytes a vector, the quantizer is chosen at training";
  }
  if (config.memory_budget != 0) {
    return FormatBytes(config.memory_budget) + " for " + FormatCount(config.expected_rows) +
           " vectors, the quantizer is chosen at training";
  }
  if (config.target_recall != 0) {
    return "recall " + Trimmed(config.target_recall) + ", the quantizer is chosen at training";
  }
  return "quantizer " + config.quantizer;
}

}  // namespace tessera::cli
