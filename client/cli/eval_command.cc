// tessera eval.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "client/cli/collection_text.h"
#include "client/cli/command_line.h"
#include "client/cli/commands.h"
#include "client/cli/element_options.h"
#include "client/cli/evaluation.h"
#include "client/cli/interrupt.h"
#include "client/cli/progress.h"
#include "client/cli/result_text.h"
#include "client/formats/neighbors.h"
#include "client/formats/vector_reader.h"
#include "client/formats/vector_writer.h"

namespace tessera::cli {
namespace {

struct Options {
  EvalSettings settings;
  formats::OpenOptions queries;
  std::string format = "auto";
  uint64_t limit_queries = 0;
  std::string truth_file;
  std::string truth_dataset;
  std::string save_truth;
  std::vector<uint32_t> nprobe = {0};
  std::vector<RerankChoice> rerank = {{client::RerankTier::kNone, 0},
                                      {client::RerankTier::kAuto, 0}};
  std::vector<float> target_recall;  // measured instead of the sweep if given
  bool json = false;
  bool csv = false;
};

// What was measured, and on what.
struct Report {
  client::CollectionInfo info;
  client::CollectionStats stats;
  size_t queries = 0;
  std::vector<EvalPoint> points;
};

// All queries in memory. A bad row is an error: a ground truth would no longer fit.
StatusOr<formats::VectorBatch> ReadQueries(const Options& options, size_t dim) {
  formats::OpenOptions open = options.queries;
  TESSERA_ASSIGN_OR_RETURN(open.format, formats::ParseFormat(options.format));
  open.expected_dim = dim;
  TESSERA_ASSIGN_OR_RETURN(auto reader, formats::OpenVectors(open));
  formats::VectorBatch all;
  formats::VectorBatch batch;
  const uint64_t limit = options.limit_queries == 0 ? UINT64_MAX : options.limit_queries;
  while (all.rows < limit) {
    const auto rows = static_cast<size_t>(std::min<uint64_t>(4096, limit - all.rows));
    TESSERA_ASSIGN_OR_RETURN(bool more, reader->Next(rows, batch));
    if (!more) break;
    if (!batch.bad.empty()) return batch.bad.front().reason;
    all.type = batch.type;
    all.dim = batch.dim;
    all.quantization = batch.quantization;
    all.rows += batch.rows;
    all.data.insert(all.data.end(), batch.data.begin(), batch.data.end());
  }
  if (all.rows == 0) return InvalidArgument(open.path + " has no queries");
  return all;
}

Status SaveTruth(const std::string& path, const std::vector<Truth>& truth, size_t k) {
  std::vector<int32_t> matrix;
  matrix.reserve(truth.size() * k);
  for (const Truth& one : truth) {
    for (size_t i = 0; i < k; ++i) {
      int32_t id = -1;
      if (i < one.ids.size()) {
        if (!one.ids[i].is_number() || one.ids[i].number() > INT32_MAX) {
          return InvalidArgument("id " + one.ids[i].ToString() +
                                 " does not fit an ivecs file: a ground truth holds row numbers");
        }
        id = static_cast<int32_t>(one.ids[i].number());
      }
      matrix.push_back(id);
    }
  }
  return formats::WriteIvecs(path, {matrix.data(), truth.size(), k});
}

StatusOr<std::vector<Truth>> ReadTruth(const Options& options, size_t queries) {
  const bool in_queries = options.truth_file.empty();
  const std::string& path = in_queries ? options.queries.path : options.truth_file;
  const std::string dataset = options.truth_dataset.empty() ? "neighbors" : options.truth_dataset;
  TESSERA_ASSIGN_OR_RETURN(formats::NeighborTable table,
                           formats::ReadNeighbors(path, formats::Format::kAuto, dataset));
  if (table.rows < queries) {
    return InvalidArgument(path + " has the neighbours of " + std::to_string(table.rows) +
                           " queries, expected at least " + std::to_string(queries));
  }
  if (table.k < options.settings.k) {
    return InvalidArgument(path + " has " + std::to_string(table.k) +
                           " neighbours a query, fewer than k = " +
                           std::to_string(options.settings.k));
  }
  std::vector<Truth> truth;
  for (size_t i = 0; i < queries; ++i) truth.push_back(TruthOf(table, i));
  return truth;
}

// The settings to measure; one where the collection is not trained and all answers are exact.
std::vector<client::SearchParams> Sweep(const Options& options, bool trained) {
  if (!trained) return {client::SearchParams{}};
  std::vector<client::SearchParams> sweep;
  for (const float target : options.target_recall) {
    sweep.emplace_back();
    sweep.back().target_recall = target;
  }
  if (!sweep.empty()) return sweep;
  for (const RerankChoice& rerank : options.rerank) {
    for (const uint32_t nprobe : options.nprobe) {
      client::SearchParams params;
      params.nprobe = nprobe;
      params.rerank = rerank.tier;
      params.rerank_depth = rerank.depth;
      sweep.push_back(params);
    }
  }
  return sweep;
}

std::vector<std::string> Cells(const EvalPoint& point, int recall_digits) {
  const bool searched = !point.params.exact && point.params.nprobe > 0;
  const bool reranked = searched && point.params.rerank != client::RerankTier::kNone;
  const bool asked = point.params.target_recall > 0;
  return {asked ? FormatFixed(point.params.target_recall, 3) : "-",
          searched ? RerankTierName(point.params.rerank) : "exact",
          searched ? std::to_string(point.params.nprobe) : "-",
          reranked ? std::to_string(point.params.rerank_depth) : "-",
          FormatFixed(point.recall, recall_digits),
          FormatFixed(point.first_recall, recall_digits),
          FormatFixed(point.queries_per_second, 0),
          FormatFixed(point.p50_us, 0),
          FormatFixed(point.p99_us, 0)};
}

void PrintTable(const Report& report, const Options& options) {
  const std::string k = std::to_string(options.settings.k);
  std::printf("%s: %s rows x %u, %s, %s, kernels %s; %s queries\n\n",
              report.info.config.name.c_str(), FormatCount(report.stats.rows).c_str(),
              report.info.config.dim, MetricName(report.info.config.metric),
              report.stats.generation > 0 ? report.stats.quantizer.c_str() : "not trained: exact",
              report.stats.isa.c_str(), FormatCount(report.queries).c_str());
  Table table({"target", "rerank", "nprobe", "depth", "recall@" + k, "1-recall@" + k, "QPS (batch)",
               "p50 us", "p99 us"});
  for (const EvalPoint& point : report.points) table.AddRow(Cells(point, 4));
  std::printf("%s\n%s\n", table.ToString().c_str(), kRecallDefinition);
  std::printf("QPS: batches of %zu from one client; p50, p99: one query at a time, seen by the "
              "client\n\n%s", options.settings.batch,
              DescribeMemory(report.stats, report.info.config.dim).c_str());
}

void PrintCsv(const Report& report, const Options& options) {
  std::printf("collection,rows,quantizer,bytes_per_vector,k,queries,target_recall,rerank,nprobe,rerank_depth,"
              "recall_at_k,one_recall_at_k,qps,p50_us,p99_us\n");
  for (const EvalPoint& point : report.points) {
    std::printf("%s,%llu,\"%s\",%.2f,%u,%zu", report.info.config.name.c_str(),
                static_cast<unsigned long long>(report.stats.rows),
                report.stats.quantizer.c_str(), report.stats.bytes_per_vector, options.settings.k,
                report.queries);
    for (const std::string& cell : Cells(point, 6)) std::printf(",%s", cell.c_str());
    std::printf("\n");
  }
}

void PrintJson(const Report& report, const Options& options) {
  JsonWriter json;
  json.BeginObject().Key("collection");
  WriteCollection(report.info, json);
  json.Key("stats");
  WriteStats(report.stats, json);
  json.Key("k").Integer(options.settings.k);
  json.Key("queries").Integer(report.queries);
  json.Key("batch").Integer(options.settings.batch);
  json.Key("recall_definition").String(kRecallDefinition);
  json.Key("results").BeginArray();
  for (const EvalPoint& point : report.points) {
    json.BeginObject().Key("params");
    WriteParams(point.params, json);
    json.Key("recall").Number(point.recall);
    json.Key("one_recall").Number(point.first_recall);
    json.Key("qps").Number(point.queries_per_second);
    json.Key("p50_us").Number(point.p50_us);
    json.Key("p99_us").Number(point.p99_us);
    json.EndObject();
  }
  std::printf("%s\n", json.EndArray().EndObject().text().c_str());
}

StatusOr<std::vector<Truth>> FindTruth(client::Client& client, const Options& options,
                                       const client::VectorRows& rows) {
  if (!options.truth_file.empty() || !options.truth_dataset.empty()) {
    return ReadTruth(options, rows.rows);
  }
  Progress progress("ground truth");
  TESSERA_ASSIGN_OR_RETURN(
      auto truth, ComputeTruth(client, options.settings, rows,
                               [&](double fraction, const std::string& what) {
                                 progress.UpdateStage(fraction, what);
                               }));
  if (!options.save_truth.empty()) {
    TESSERA_RETURN_IF_ERROR(SaveTruth(options.save_truth, truth, options.settings.k));
  }
  return truth;
}

StatusOr<int> Eval(const Invocation& chosen, const Options& typed) {
  CatchInterrupts();
  Options options = typed;
  client::Client client(chosen.MakeClientOptions());
  Report report;
  TESSERA_ASSIGN_OR_RETURN(report.info, client.GetCollection(options.settings.collection));
  options.settings.metric = report.info.config.metric;
  TESSERA_ASSIGN_OR_RETURN(formats::VectorBatch batch,
                           ReadQueries(options, report.info.config.dim));
  report.queries = batch.rows;
  EvalQueries queries;
  queries.rows = {batch.type, batch.rows, batch.dim, batch.data, batch.quantization};
  TESSERA_ASSIGN_OR_RETURN(queries.truth, FindTruth(client, options, queries.rows));
  TESSERA_ASSIGN_OR_RETURN(report.stats, client.Stats(options.settings.collection));

  Progress progress("eval");
  const auto sweep = Sweep(options, report.stats.generation > 0);
  for (size_t i = 0; i < sweep.size(); ++i) {
    const auto show = [&](double fraction, const std::string&) {
      progress.UpdateStage((static_cast<double>(i) + fraction) / static_cast<double>(sweep.size()),
                           "setting " + std::to_string(i + 1) + " of " +
                               std::to_string(sweep.size()));
    };
    TESSERA_ASSIGN_OR_RETURN(EvalPoint point,
                             Evaluate(client, options.settings, queries, sweep[i], show));
    report.points.push_back(point);
  }
  progress.Clear();
  if (options.json) {
    PrintJson(report, options);
  } else if (options.csv) {
    PrintCsv(report, options);
  } else {
    PrintTable(report, options);
  }
  return kExitOk;
}

constexpr const char* kFooter =
    "To compare quantizers before training one: `tessera evaluate`.\n"
    "Without a ground truth the server computes one by exact search. One in a file holds row\n"
    "numbers, so it fits a collection that was loaded from one file with ids by row.\n"
    "Each --rerank is measured with each --nprobe; 0 leaves the choice to the server.\n\n"
    "Examples:\n"
    "  tessera eval sift query.fvecs --ground-truth gt.ivecs --nprobe 8,16,32,64\n"
    "  tessera eval sift query.fvecs --rerank none,refine:100,raw:100 --json\n"
    "  tessera eval glove glove.hdf5 --dataset test --gt-dataset neighbors";

}  // namespace

void AddEvalCommand(CLI::App& app, Invocation& chosen) {
  auto options = std::make_shared<Options>();
  options->queries.dataset = "test";
  CLI::App* command = app.add_subcommand(
      "eval", "Measure recall, speed and bytes a vector of a collection as it is now");
  command->add_option("collection", options->settings.collection, "Collection")->required();
  command->add_option("queries", options->queries.path, "File of query vectors")->required();
  command->add_option("--format", options->format, "Format of the queries")->capture_default_str();
  AddElementOptions(command, options->queries);
  command->add_option("--dataset", options->queries.dataset, "Data set of an HDF5 file of queries")
      ->capture_default_str();
  command->add_option("--limit-queries", options->limit_queries, "Use the first N; 0: all");
  CLI::Option* truth =
      command->add_option("--ground-truth", options->truth_file,
                          "True neighbours: ivecs, npy or HDF5, row numbers, nearest first");
  command->add_option("--gt-dataset", options->truth_dataset,
                      "Data set of true neighbours, in --ground-truth or the queries' HDF5 file");
  command->add_option("--save-ground-truth", options->save_truth,
                      "Write the computed ground truth here, as ivecs")
      ->excludes(truth);
  command->add_option("-k,--limit", options->settings.k, "Neighbours a query")
      ->check(CLI::Range(1, 16000))
      ->capture_default_str();
  command->add_option("--nprobe", options->nprobe, "Lists to search: 8,16,32")->delimiter(',');
  AddParsedList(command, "--rerank", options->rerank, ParseRerank,
                "TIER[:DEPTH],...: none, refine, raw, auto (default none,auto)")
      ->delimiter(',');
  command->add_option("--target-recall", options->target_recall,
                      "Recalls to ask for: 0.8,0.9,0.95; instead of --nprobe and --rerank")
      ->delimiter(',');
  command->add_option("--batch", options->settings.batch, "Queries a request when measuring QPS")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  command->add_option("--latency-queries", options->settings.latency_queries,
                      "Queries asked one by one for p50 and p99")
      ->capture_default_str();
  CLI::Option* json = command->add_flag("--json", options->json, "As JSON");
  command->add_flag("--csv", options->csv, "As CSV")->excludes(json);
  command->footer(kFooter);
  command->callback(
      [options, &chosen] { chosen.run = [options, &chosen] { return Eval(chosen, *options); }; });
}

}  // namespace tessera::cli
