// tessera fit.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "client/cli/command_line.h"
#include "client/cli/commands.h"
#include "client/cli/element_options.h"
#include "client/cli/interrupt.h"
#include "client/cli/model_file.h"
#include "client/cli/options.h"
#include "client/cli/progress.h"
#include "client/cli/row_sample.h"
#include "client/cli/text.h"

namespace tessera::cli {
namespace {

struct Options {
  formats::OpenOptions open;
  std::string format = "auto";
  std::string output;
  QuantizerSpec spec;
  Metric metric = Metric::kL2;
  uint64_t sample_rows = 0;
  uint64_t sample_mib = 512;
  uint64_t seed = 1234;
};

StatusOr<RowSample> ReadSample(const Options& options) {
  formats::OpenOptions open = options.open;
  TESSERA_ASSIGN_OR_RETURN(open.format, formats::ParseFormat(options.format));
  TESSERA_ASSIGN_OR_RETURN(auto reader, formats::OpenVectors(open));
  // JSON lines tell their dim with the first row only: take the widest, to stay within the bound.
  const size_t dim = reader->dim() > 0 ? reader->dim() : kMaxDim;
  uint64_t rows = std::max<uint64_t>(1, (options.sample_mib << 20) / (dim * sizeof(float)));
  if (options.sample_rows > 0) rows = std::min(rows, options.sample_rows);
  TESSERA_ASSIGN_OR_RETURN(RowSample sample,
                           SampleRows(*reader, rows, options.metric, options.seed));
  if (sample.rows == 0) return InvalidArgument(open.path + " has no good row");
  std::fprintf(stderr, "learning from %s of %s rows of %u dimensions\n",
               FormatCount(sample.rows).c_str(), FormatCount(sample.rows_read).c_str(),
               static_cast<unsigned>(sample.dim));
  if (sample.bad > 0) {
    std::fprintf(stderr, "%s bad rows left out; the first: %s\n", FormatCount(sample.bad).c_str(),
                 sample.first_bad.c_str());
  }
  return sample;
}

StatusOr<int> Fit(const Options& options) {
  CatchInterrupts();
  TESSERA_ASSIGN_OR_RETURN(RowSample sample, ReadSample(options));
  const MatrixView<const float> rows(sample.data.data(), sample.rows, sample.dim);
  const std::unique_ptr<Executor> pool = MakeComputePool();
  Progress progress("fit");
  TrainingContext context;
  context.executor = pool.get();
  context.seed = options.seed;
  // The flag lives as long as the process: nothing to own.
  context.stop = StopToken(StopToken::Clock::time_point::max(),
                           std::shared_ptr<const std::atomic<bool>>(
                               std::shared_ptr<void>(), &interrupt_flag));
  context.progress = [&](double fraction, const char* stage) {
    progress.UpdateStage(fraction, stage);
  };
  const auto begin = Progress::Clock::now();
  TESSERA_ASSIGN_OR_RETURN(auto quantizer,
                           Quantizer::Train(options.spec, options.metric, rows, context));
  const double seconds = std::chrono::duration<double>(Progress::Clock::now() - begin).count();
  TESSERA_ASSIGN_OR_RETURN(double error, quantizer->QuantizationError(rows, pool.get()));
  TESSERA_RETURN_IF_ERROR(WriteModel(options.output, *quantizer));
  progress.Clear();
  std::fprintf(stderr, "%s: %s, %u dimensions, %s, %u bytes a code; trained in %s\n",
               options.output.c_str(), quantizer->spec().ToString().c_str(), quantizer->dim(),
               MetricName(quantizer->metric()), quantizer->code_bytes(),
               FormatDuration(seconds).c_str());
  std::printf("mean squared error on the sample: %.9g\n", error);
  return kExitOk;
}

}  // namespace

void AddFitCommand(CLI::App& app, Invocation& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("fit", "Train a quantizer from a file (no server needed)");
  command->add_option("file", options->open.path, "Vectors to learn from")->required();
  command->add_option("-o,--output", options->output, "Model file to write")->required();
  AddParsed(command, "--quantizer", options->spec, QuantizerSpec::Parse,
            "E.g. PQ32x8, OPQ,IVF1024,PQ16x8, RR,PQ32x4 or VQ4096")
      ->required();
  AddParsed(command, "--metric", options->metric, ParseMetric, "l2 (default), ip or cosine");
  command->add_option("--format", options->format, "Format of the file")->capture_default_str();
  AddElementOptions(command, options->open);
  command->add_option("--dim", options->open.expected_dim, "Numbers a row, of --format raw")
      ->check(CLI::Range(1, 65535));
  command->add_option("--dataset", options->open.dataset, "Data set of an HDF5 file")
      ->capture_default_str();
  command->add_option("--sample-rows", options->sample_rows,
                      "Learn from this many rows, drawn at random; 0: as many as fit");
  command->add_option("--sample-mib", options->sample_mib, "Memory for the sample, MiB")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  command->add_option("--seed", options->seed, "Same seed and file, same model")
      ->capture_default_str();
  command->footer(
      "Example:\n"
      "  tessera fit base.fvecs -o base.model --quantizer PQ32x8\n"
      "  tessera encode base.model base.fvecs -o codes.npy\n"
      "  tessera decode base.model codes.npy -o approximate.fvecs");
  command->callback([options, &chosen] { chosen.run = [options] { return Fit(*options); }; });
}

}  // namespace tessera::cli
