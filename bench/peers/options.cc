#include "bench/peers/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>

namespace tessera::bench {
namespace {

struct Words {
  std::string metric = "l2";
  std::vector<std::string> rerank = {"none"};
  std::vector<std::string> modes = {"single", "batch"};
};

void AddOptions(CLI::App& app, PeerOptions& o, Words& words) {
  app.add_option("--engine", o.engine, "faiss or hnswlib")->required();
  app.add_option("--spec", o.specs,
                 "index to build, e.g. IVF1024,PQ50x4fsr (faiss) or M16,ef200 (hnswlib); may be "
                 "given several times")
      ->required();
  app.add_option("--base", o.run.base, "vectors, any format that bench_ann reads")->required();
  app.add_option("--queries", o.run.queries, "query vectors")->required();
  app.add_option("--truth", o.run.truth, "true neighbours (ivecs, npy, HDF5)")->required();
  app.add_option("--name", o.run.name, "of the data set; none: the folder of --base");
  app.add_option("--metric", words.metric, "l2, cosine or ip");
  app.add_option("--k", o.run.k, "neighbours a query");
  app.add_option("--nprobe", o.run.nprobe, "lists to probe; hnswlib: ef")->delimiter(',');
  app.add_option("--rerank", words.rerank, "none, raw:DEPTH")->delimiter(',');
  app.add_option("--mode", words.modes, "single, batch")->delimiter(',');
  app.add_option("--batch", o.run.batch, "queries a call in mode batch");
  app.add_option("--query-begin", o.run.query_begin, "first query to ask");
  app.add_option("--query-count", o.run.query_count, "queries to ask; none: to the end");
  app.add_option("--rounds", o.run.rounds, "medians are over these");
  app.add_option("--round-seconds", o.run.round_seconds, "of each setting in each round");
  app.add_option("--keep", o.keep,
                 "directory of built indexes: taken up if there, else left there");
  app.add_flag("--build-only", o.build_only, "build into --keep and measure nothing");
  app.add_option("--csv", o.run.csv, "file to write");
}

Status Convert(const Words& words, PeerOptions& o) {
  bool known = false;
  for (const Metric metric : {Metric::kL2, Metric::kInnerProduct, Metric::kCosine}) {
    if (words.metric != MetricName(metric)) continue;
    o.run.metric = metric;
    known = true;
  }
  if (!known)
    return InvalidArgument("--metric \"" + words.metric + "\", expected l2, ip or cosine");
  o.run.rerank.clear();
  for (const std::string& text : words.rerank) {
    TESSERA_ASSIGN_OR_RETURN(const RerankChoice choice, RerankChoice::Parse(text));
    o.run.rerank.push_back(choice);
  }
  o.run.single = o.run.in_batches = false;
  for (const std::string& mode : words.modes) {
    if (mode != "single" && mode != "batch") {
      return InvalidArgument("--mode \"" + mode + "\", expected single or batch");
    }
    (mode == "single" ? o.run.single : o.run.in_batches) = true;
  }
  return OkStatus();
}

Status Check(const PeerOptions& o) {
  if (o.engine != "faiss" && o.engine != "hnswlib") {
    return InvalidArgument("--engine \"" + o.engine + "\", expected faiss or hnswlib");
  }
  if (o.build_only && o.keep.empty()) return InvalidArgument("--build-only needs --keep");
  if (o.run.k == 0) return InvalidArgument("--k must be at least 1");
  if (o.run.batch == 0) return InvalidArgument("--batch must be at least 1");
  if (o.run.rounds == 0) return InvalidArgument("--rounds must be at least 1");
  if (std::ranges::count(o.run.nprobe, 0u) > 0) return InvalidArgument("--nprobe must be above 0");
  for (const RerankChoice& choice : o.run.rerank) {
    if (choice.depth > 0 && choice.depth < o.run.k) {
      return InvalidArgument("--rerank depth " + std::to_string(choice.depth) + " is below --k " +
                             std::to_string(o.run.k));
    }
  }
  return OkStatus();
}

}  // namespace

StatusOr<PeerOptions> ParsePeerOptions(const std::vector<std::string>& args, std::string& help) {
  PeerOptions options;
  Words words;
  CLI::App app("Recall, speed and bytes of other libraries, counted as bench_ann counts");
  AddOptions(app, options, words);
  try {
    app.parse(std::vector<std::string>(args.rbegin(), args.rend()));
  } catch (const CLI::CallForHelp&) {
    help = app.help();
    return options;
  } catch (const CLI::ParseError& error) {
    return InvalidArgument(error.what());
  }
  TESSERA_RETURN_IF_ERROR(Convert(words, options));
  TESSERA_RETURN_IF_ERROR(Check(options));
  Options& run = options.run;
  if (run.name.empty()) {
    run.name = std::filesystem::absolute(run.base).parent_path().filename().string();
  }
  run.command = "bench_peers";
  for (const std::string& arg : args) run.command += " " + arg;
  return options;
}

}  // namespace tessera::bench
