#include "bench/recall_memory/options.h"

#include <CLI/CLI.hpp>
#include <filesystem>

namespace tessera::bench {
namespace {

void AddOptions(CLI::App& app, LadderOptions& o, std::string& metric) {
  app.add_option("--base", o.run.base, "vectors, any format that bench_ann reads")->required();
  app.add_option("--queries", o.run.queries, "query vectors")->required();
  app.add_option("--truth", o.run.truth, "true neighbours; none: exact search");
  app.add_option("--name", o.run.name, "of the data set; none: the folder of --base");
  app.add_option("--metric", metric, "l2, cosine or ip");
  app.add_option("--spec", o.specs, "quantizer, may be given several times")->required();
  app.add_option("--max-rows", o.run.max_rows,
                 "the first rows of --base only; needs its own truth");
  app.add_option(
      "--pick-count", o.pick_count,
      "queries of the first half of the file, for choosing among specs (pick_recall_at_10)");
  app.add_option("--query-count", o.run.query_count,
                 "queries of the second half, which are reported; none: all of it");
  app.add_option("--k", o.run.k, "neighbours a query, 100 for recall@100");
  app.add_option("--depth", o.depth, "candidates that are reranked");
  app.add_option("--raw-queries", o.raw_queries,
                 "reported queries that are reranked by raw vectors");
  app.add_flag(
      "--speed,!--recall-only", o.speed,
      "queries a second, too, one thread, and searches that probe fewer lists: for a quiet "
      "machine");
  app.add_option("--rounds", o.run.rounds, "medians of times are over these");
  app.add_option("--round-seconds", o.run.round_seconds, "of each search in each round");
  app.add_option("--csv", o.run.csv, "file to write, or to go on with")->required();
  app.add_option("--commit", o.run.commit, "what was built, repeated in the CSV");
}

Status Convert(const std::string& metric, LadderOptions& o) {
  for (const Metric known : {Metric::kL2, Metric::kInnerProduct, Metric::kCosine}) {
    if (metric != MetricName(known)) continue;
    o.run.metric = known;
    return OkStatus();
  }
  return InvalidArgument("--metric \"" + metric + "\", expected l2, ip or cosine");
}

Status Check(const LadderOptions& o) {
  if (o.run.k < 10 || o.run.k > kMaxLimit) {
    return InvalidArgument("--k must be from 10, as recall@10 is measured, to " +
                           std::to_string(kMaxLimit));
  }
  if (o.pick_count == 0) return InvalidArgument("--pick-count must be at least 1");
  if (o.depth < o.run.k) return InvalidArgument("--depth must be --k at least");
  if (o.run.rounds == 0) return InvalidArgument("--rounds must be at least 1");
  if (!(o.run.round_seconds > 0)) return InvalidArgument("--round-seconds must be above 0");
  return OkStatus();
}

}  // namespace

StatusOr<LadderOptions> ParseLadderOptions(const std::vector<std::string>& args,
                                           std::string& help) {
  LadderOptions options;
  options.run.k = 100;
  options.run.rounds = 3;
  std::string metric = "l2";
  CLI::App app("Recall, bytes, error and speed of many quantizers on one data set.",
               "bench_recall_memory");
  AddOptions(app, options, metric);
  try {
    app.parse(std::vector<std::string>(args.rbegin(), args.rend()));
  } catch (const CLI::CallForHelp&) {
    help = app.help();
    return options;
  } catch (const CLI::ParseError& error) {
    return InvalidArgument(error.what());
  }
  TESSERA_RETURN_IF_ERROR(Convert(metric, options));
  TESSERA_RETURN_IF_ERROR(Check(options));
  Options& run = options.run;
  run.train = false;
  if (run.name.empty()) {
    run.name = std::filesystem::absolute(run.base).parent_path().filename().string();
  }
  run.command = "bench_recall_memory";
  for (const std::string& arg : args) run.command += " " + arg;
  return options;
}

}  // namespace tessera::bench
