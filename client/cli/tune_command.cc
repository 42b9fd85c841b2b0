// tessera tune.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <thread>

#include "client/cli/command_line.h"
#include "client/cli/commands.h"
#include "client/cli/interrupt.h"
#include "client/cli/operation_watch.h"
#include "client/cli/result_text.h"
#include "client/client.h"
#include "client/formats/vector_reader.h"

namespace tessera::cli {
namespace {

constexpr std::chrono::milliseconds kPoll{250};
constexpr size_t kMostQueries = 20000;

struct Options {
  std::string collection;
  formats::OpenOptions queries;
  std::string format = "auto";
  uint64_t limit_queries = 0;
  bool json = false;
};

StatusOr<formats::VectorBatch> ReadQueries(const Options& options, size_t dim) {
  formats::OpenOptions open = options.queries;
  TESSERA_ASSIGN_OR_RETURN(open.format, formats::ParseFormat(options.format));
  open.expected_dim = dim;
  TESSERA_ASSIGN_OR_RETURN(auto reader, formats::OpenVectors(open));
  formats::VectorBatch all;
  const uint64_t limit = options.limit_queries == 0 ? kMostQueries : options.limit_queries;
  TESSERA_ASSIGN_OR_RETURN(const bool more,
                           reader->Next(std::min<uint64_t>(limit, kMostQueries), all));
  if (!more || all.rows == 0) return InvalidArgument(open.path + " has no queries");
  if (!all.bad.empty()) return all.bad.front().reason;
  return all;
}

// The server may be measuring by itself: then again when it is done.
StatusOr<client::Operation> StartTuning(client::Client& client, const std::string& collection,
                                        const client::VectorRows& queries) {
  for (;;) {
    StatusOr<client::Operation> started = client.Tune(collection, queries);
    if (!absl::IsAlreadyExists(started.status())) return started;
    if (InterruptRequested()) return Cancelled("interrupted");
    std::this_thread::sleep_for(kPoll);
  }
}

// Of a fine curve the points that each miss 15 % less than the one before, and the last.
std::string DescribeCurve(const client::TuneResult& tuned) {
  Table table({"k", "recall", "from", "to", "nprobe", "rerank", "depth", "cpu us"});
  const client::RecallPoint* last = nullptr;
  for (size_t i = 0; i < tuned.points.size(); ++i) {
    const client::RecallPoint& p = tuned.points[i];
    const bool final = i + 1 == tuned.points.size() || tuned.points[i + 1].k != p.k;
    if (last && last->k == p.k && !final && 1 - p.recall.value > 0.85 * (1 - last->recall.value)) {
      continue;
    }
    last = &p;
    const bool reranked = p.params.rerank != client::RerankTier::kNone;
    table.AddRow({std::to_string(p.k), FormatFixed(p.recall.value, 4), FormatFixed(p.recall.low, 4),
                  FormatFixed(p.recall.high, 4), std::to_string(p.params.nprobe),
                  RerankTierName(p.params.rerank),
                  reranked ? std::to_string(p.params.rerank_depth) : "-",
                  FormatFixed(p.cpu_us, 1)});
  }
  return table.ToString();
}

void WriteCurve(const client::TuneResult& tuned, JsonWriter& json) {
  json.BeginObject();
  json.Key("generation").Integer(tuned.generation);
  json.Key("rows").Integer(tuned.rows);
  json.Key("queries").Integer(tuned.queries);
  json.Key("source").String(tuned.source);
  json.Key("points").BeginArray();
  for (const client::RecallPoint& point : tuned.points) {
    json.BeginObject();
    json.Key("k").Integer(point.k);
    json.Key("params");
    WriteParams(point.params, json);
    json.Key("recall");
    WriteEstimate(point.recall, json);
    json.Key("cpu_us").Number(point.cpu_us);
    json.EndObject();
  }
  json.EndArray().EndObject();
}

StatusOr<int> Tune(const Invocation& chosen, const Options& options) {
  CatchInterrupts();
  client::Client client(chosen.MakeClientOptions());
  formats::VectorBatch queries;
  if (!options.queries.path.empty()) {
    TESSERA_ASSIGN_OR_RETURN(const auto info, client.GetCollection(options.collection));
    TESSERA_ASSIGN_OR_RETURN(queries, ReadQueries(options, info.config.dim));
  }
  client::VectorRows rows;
  if (queries.rows > 0) rows = {queries.type, queries.rows, queries.dim, queries.data};
  TESSERA_ASSIGN_OR_RETURN(client::Operation operation,
                           StartTuning(client, options.collection, rows));
  const std::string name = operation.name;
  TESSERA_ASSIGN_OR_RETURN(const int code, WatchOperation(client, std::move(operation)));
  if (code != kExitOk) return code;
  TESSERA_ASSIGN_OR_RETURN(operation, client.GetOperation(name));
  if (!operation.tuned) return Internal(name + " has no recall curve");
  if (options.json) {
    JsonWriter json;
    WriteCurve(*operation.tuned, json);
    std::printf("%s\n", json.text().c_str());
    return kExitOk;
  }
  std::printf(
      "%s\nmeasured on %s queries (%s) of %s rows; recall is k-recall@k, from and to its 95 %% "
      "interval\n",
      DescribeCurve(*operation.tuned).c_str(), FormatCount(operation.tuned->queries).c_str(),
      operation.tuned->source.c_str(), FormatCount(operation.tuned->rows).c_str());
  return kExitOk;
}

}  // namespace

void AddTuneCommand(CLI::App& app, Invocation& chosen) {
  auto options = std::make_shared<Options>();
  options->queries.dataset = "test";
  CLI::App* command =
      app.add_subcommand("tune", "Measure the recall curve that --target-recall is served from");
  command->add_option("collection", options->collection, "Collection")->required();
  command->add_option("--queries", options->queries.path,
                      "File of queries like those to come; none: the server's own");
  command->add_option("--format", options->format, "Format of --queries")->capture_default_str();
  command->add_option("--dataset", options->queries.dataset, "Data set of an HDF5 --queries")
      ->capture_default_str();
  command->add_option("--limit-queries", options->limit_queries,
                      "Use the first N; 0: up to 20,000");
  command->add_flag("--json", options->json, "As JSON");
  command->footer(
      "The server does this by itself after a training and when the collection has changed much,\n"
      "with queries that it kept (collection create --query-sample) or rows of the collection.\n"
      "Real queries are better: a row of the collection is often easier to find neighbours for.\n\n"
      "Example: tessera tune words --queries queries.fvecs");
  command->callback(
      [options, &chosen] { chosen.run = [options, &chosen] { return Tune(chosen, *options); }; });
}

}  // namespace tessera::cli
