#include "bench/ann/options.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <filesystem>
#include <thread>

namespace tessera::bench {
namespace {

template <typename T>
bool ParseWhole(const std::string& text, T& out) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, out);
  return error == std::errc() && stop == end;
}

StatusOr<Metric> ParseMetric(const std::string& text) {
  for (const Metric metric : {Metric::kL2, Metric::kInnerProduct, Metric::kCosine}) {
    if (text == MetricName(metric)) return metric;
  }
  return InvalidArgument("no metric \"" + text + "\", expected l2, ip or cosine");
}

StatusOr<size_t> ParseThreads(const std::string& text) {
  size_t threads = 0;
  if (text == "all") return std::max<size_t>(1, std::thread::hardware_concurrency());
  if (ParseWhole(text, threads) && threads > 0) return threads;
  return InvalidArgument("\"" + text + "\", expected a number from 1 on, or all");
}

// What CLI11 does not turn into values itself.
struct Words {
  std::string metric = "l2";
  std::string quantizer = kDefaultQuantizer;
  std::vector<std::string> rerank = {"none", "refine:100"};
  std::vector<std::string> modes = {"single", "batch"};
  std::vector<std::string> threads = {"1"};
};

void AddFiles(CLI::App& app, Options& o, Words& words) {
  app.add_option("--base", o.base, "vectors: fvecs, bvecs, fbin, npy, HDF5, ...")->required();
  app.add_option("--queries", o.queries, "query vectors")->required();
  app.add_option("--truth", o.truth, "true neighbours (ivecs, npy, HDF5); none: exact search");
  app.add_option("--name", o.name, "of the data set; none: the folder of --base");
  app.add_option("--base-dataset", o.base_dataset, "data set of an HDF5 --base");
  app.add_option("--query-dataset", o.query_dataset, "data set of an HDF5 --queries");
  app.add_option("--truth-dataset", o.truth_dataset, "data set of an HDF5 --truth");
  app.add_option("--metric", words.metric, "l2, cosine or ip");
  app.add_option("--quantizer", words.quantizer, "for example IVF1024,PQ50x4,Refine(SQ8)");
  app.add_option("--bytes-per-vector", o.goal.bytes_per_vector,
                 "a goal in the place of --quantizer: the best recall within so many bytes");
  app.add_option("--goal-recall", o.goal.target_recall,
                 "a goal in the place of --quantizer: the fewest bytes with this recall");
  app.add_option("--data", o.data, "directory for the collection; none: a temporary one");
  app.add_flag("--keep", o.keep, "leave the collection in --data, and take it up if it is there");
  app.add_flag("--refine-on-disk", o.refine_on_disk,
               "refine records are read for the candidates of each query; may differ from run to run of a kept collection");
  app.add_option("--block-cache-mib", o.block_cache_mib, "RocksDB's block cache");
  app.add_option("--max-rows", o.max_rows, "the first rows of --base only");
  app.add_option("--train-rows", o.train_rows,
                 "train after so many rows and load the rest then; none: load all, then train");
}

void AddMeasures(CLI::App& app, Options& o, Words& words) {
  app.add_option("--k", o.k, "neighbours a query");
  app.add_option("--nprobe", o.nprobe, "lists to probe")->delimiter(',');
  app.add_option("--rerank", words.rerank, "none, refine:DEPTH, raw:DEPTH")->delimiter(',');
  app.add_option("--mode", words.modes, "single, batch")->delimiter(',');
  app.add_option("--batch", o.batch, "queries a call in mode batch");
  app.add_option("--threads", words.threads, "numbers, or all")->delimiter(',');
  app.add_option("--query-begin", o.query_begin, "first query to ask");
  app.add_option("--query-count", o.query_count, "queries to ask; none: to the end");
  app.add_option("--tune-recall", o.tune_recall,
                 "recalls: the cheapest nprobe for each --rerank is found on the first half of the "
                 "queries and reported on the second")
      ->delimiter(',');
  app.add_option("--rounds", o.rounds, "medians are over these");
  app.add_option("--round-seconds", o.round_seconds, "of each configuration in each round");
  app.add_flag("--explain", o.explain, "stage times, in a pass of their own");
  app.add_option("--csv", o.csv, "file to write");
  app.add_option("--commit", o.commit, "what was built, repeated in the CSV");
}

Status Convert(const Words& words, Options& o) {
  TESSERA_ASSIGN_OR_RETURN(o.metric, ParseMetric(words.metric));
  TESSERA_ASSIGN_OR_RETURN(o.quantizer, QuantizerSpec::Parse(words.quantizer));
  for (const std::string& text : words.rerank) {
    TESSERA_ASSIGN_OR_RETURN(const RerankChoice choice, RerankChoice::Parse(text));
    o.rerank.push_back(choice);
  }
  o.single = o.in_batches = false;
  for (const std::string& mode : words.modes) {
    if (mode != "single" && mode != "batch") {
      return InvalidArgument("--mode: \"" + mode + "\", expected single or batch");
    }
    (mode == "single" ? o.single : o.in_batches) = true;
  }
  o.threads.clear();
  for (const std::string& text : words.threads) {
    StatusOr<size_t> threads = ParseThreads(text);
    if (!threads.ok()) return Annotate(threads.status(), "--threads: ");
    o.threads.push_back(*threads);
  }
  return OkStatus();
}

Status Check(const Options& o) {
  if (o.k == 0 || o.k > kMaxLimit) {
    return InvalidArgument("--k must be in 1.." + std::to_string(kMaxLimit));
  }
  if (o.k < 10) return InvalidArgument("--k must be at least 10: recall@10 is measured");
  if (o.batch == 0) return InvalidArgument("--batch must be at least 1");
  if (o.rounds == 0) return InvalidArgument("--rounds must be at least 1");
  if (!(o.round_seconds > 0)) return InvalidArgument("--round-seconds must be above 0");
  if (o.keep && o.data.empty()) return InvalidArgument("--keep needs --data");
  for (const uint32_t nprobe : o.nprobe) {
    if (nprobe == 0) return InvalidArgument("--nprobe must be at least 1");
  }
  for (const double recall : o.tune_recall) {
    if (!(recall > 0 && recall <= 1)) return InvalidArgument("--tune-recall must be in (0, 1]");
  }
  return OkStatus();
}

}  // namespace

StatusOr<RerankChoice> RerankChoice::Parse(const std::string& text) {
  const size_t colon = text.find(':');
  const std::string tier = text.substr(0, colon);
  RerankChoice choice;
  if (text == "none") return choice;
  if (tier != "refine" && tier != "raw") {
    return InvalidArgument("--rerank: \"" + text + "\", expected none, refine:DEPTH or raw:DEPTH");
  }
  choice.tier = tier == "raw" ? RerankTier::kRaw : RerankTier::kRefine;
  if (colon == std::string::npos || !ParseWhole(text.substr(colon + 1), choice.depth) ||
      choice.depth == 0) {
    return InvalidArgument("--rerank: \"" + text + "\" needs a depth from 1 on, as in " + tier +
                           ":100");
  }
  return choice;
}

std::string RerankChoice::tier_name() const {
  switch (tier) {
    case RerankTier::kRefine:
      return "refine";
    case RerankTier::kRaw:
      return "raw";
    default:
      return "none";
  }
}

StatusOr<Options> ParseOptions(const std::vector<std::string>& args, std::string& help) {
  CLI::App app("Recall, speed and bytes of a collection, through the library.", "bench_ann");
  Options options;
  Words words;
  AddFiles(app, options, words);
  AddMeasures(app, options, words);
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
  if (options.name.empty()) {
    options.name = std::filesystem::absolute(options.base).parent_path().filename().string();
  }
  options.command = "bench_ann";
  for (const std::string& arg : args) options.command += " " + arg;
  return options;
}

}  // namespace tessera::bench
