// tessera query.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <optional>

#include "client/cli/command_line.h"
#include "client/cli/commands.h"
#include "client/cli/element_options.h"
#include "client/cli/filter_options.h"
#include "client/cli/options.h"
#include "client/cli/result_text.h"
#include "client/client.h"
#include "client/formats/vector_reader.h"

namespace tessera::cli {
namespace {

struct Options {
  std::string collection;
  std::vector<float> vector;
  PointId id;
  bool by_id = false;
  formats::OpenOptions file;
  std::string format = "auto";
  uint64_t row = 0;
  client::QueryOptions query;
  std::string filter;
  RerankChoice rerank;
  float threshold = 0;
  bool has_threshold = false;
  bool json = false;
};

StatusOr<formats::VectorBatch> ReadRow(const Options& options) {
  formats::OpenOptions open = options.file;
  TESSERA_ASSIGN_OR_RETURN(open.format, formats::ParseFormat(options.format));
  TESSERA_ASSIGN_OR_RETURN(auto reader, formats::OpenVectors(open));
  TESSERA_RETURN_IF_ERROR(Annotate(reader->Skip(options.row), open.path + ": "));
  formats::VectorBatch batch;
  TESSERA_ASSIGN_OR_RETURN(bool more, reader->Next(1, batch));
  if (!more) return InvalidArgument(open.path + " has no row " + std::to_string(options.row));
  if (!batch.bad.empty()) return batch.bad.front().reason;
  return batch;
}

StatusOr<client::QueryResult> Ask(client::Client& client, const Options& options) {
  client::QueryOptions query = options.query;
  query.filter = options.filter;
  query.params.rerank = options.rerank.tier;
  query.params.rerank_depth = options.rerank.depth;
  if (options.has_threshold) query.score_threshold = options.threshold;
  if (options.by_id) return client.QueryById(options.collection, options.id, query);
  if (!options.vector.empty()) {
    return client.Query(options.collection,
                        client::VectorRows::Floats(
                            {options.vector.data(), 1, options.vector.size()}),
                        query);
  }
  TESSERA_ASSIGN_OR_RETURN(formats::VectorBatch batch, ReadRow(options));
  return client.Query(options.collection,
                      {batch.type, 1, batch.dim, batch.data, batch.quantization}, query);
}

StatusOr<int> Query(const Invocation& chosen, const Options& options) {
  client::Client client(chosen.MakeClientOptions());
  TESSERA_ASSIGN_OR_RETURN(client::QueryResult result, Ask(client, options));
  if (options.json) {
    JsonWriter json;
    WriteResult(result, json);
    std::printf("%s\n", json.text().c_str());
  } else {
    std::fputs(DescribeResult(result).c_str(), stdout);
  }
  return kExitOk;
}

}  // namespace

void AddQueryCommand(CLI::App& app, Invocation& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("query", "Find the nearest neighbours of one vector");
  command->add_option("collection", options->collection, "Collection")->required();
  CLI::Option_group* what = command->add_option_group("query", "What to search for");
  AddParsed(what, "--vector", options->vector, ParseVector, "Components: \"[0.5, -1, 2]\"");
  CLI::Option* id = AddParsed(what, "--id", options->id, ParsePointId,
                              "A stored vector, itself left out of the answer");
  what->add_option("--file", options->file.path, "A vector file; see --row");
  what->require_option(1);
  command->add_option("--row", options->row, "Row of --file, from 0")->capture_default_str();
  command->add_option("--format", options->format, "Format of --file")->capture_default_str();
  AddElementOptions(command, options->file);
  command->add_option("--dim", options->file.expected_dim, "Numbers a row, of --format raw")
      ->check(CLI::Range(1, 65535));
  command->add_option("--dataset", options->file.dataset, "Data set of an HDF5 --file")
      ->capture_default_str();
  command->add_option("-k,--limit", options->query.limit, "Neighbours to find")
      ->capture_default_str();
  command->add_option("--offset", options->query.offset, "Best neighbours to leave out");
  command->add_option("--nprobe", options->query.params.nprobe,
                      "Lists to search; 0: the server chooses");
  AddParsed(command, "--rerank", options->rerank, ParseRerank,
            "none, refine, raw or auto, with a depth if you like: refine:200");
  command->add_option("--target-recall", options->query.params.target_recall,
                      "Recall wanted, up to 1: the server chooses lists and rerank");
  command->add_flag("--exact", options->query.params.exact, "Compare with every vector");
  CLI::Option* threshold = command->add_option("--score-threshold", options->threshold,
                                               "Worst score to return");
  AddFilterOption(command, options->filter, "Find only points that pass");
  command->add_flag("--with-vector", options->query.with_vector, "Return the vectors too");
  command->add_flag("--with-payload", options->query.with_payload, "Return the payloads too");
  command->add_flag("--explain", options->query.explain, "Say what the search did and how long");
  command->add_flag("--json", options->json, "As JSON");
  command->footer(
      std::string(
          "Scores: l2 is the squared distance, smaller is nearer; ip and cosine: larger is nearer.\n\n") +
      kFilterHelp +
      "\n"
      "Examples:\n"
      "  tessera query words --id 17 -k 5\n"
      "  tessera query words --file queries.fvecs --row 3 --rerank raw:100 --explain\n"
      "  tessera query words --id 17 --filter 'lang = \"de\" and year >= 1990' --with-payload");
  command->callback([options, id, threshold, &chosen] {
    options->by_id = id->count() > 0;
    options->has_threshold = threshold->count() > 0;
    chosen.run = [options, &chosen] { return Query(chosen, *options); };
  });
}

}  // namespace tessera::cli
