// tessera query.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <optional>

#include "client/cli/command_line.h"
#include "client/cli/commands.h"
#include "client/cli/element_options.h"
#include "client/cli/filter_options.h"
#include "client/cli/interrupt.h"
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
  std::vector<PointId> like, unlike;
  client::GroupOptions groups;
  float within = 0;
  bool has_within = false;
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

client::QueryOptions QueryOf(const Options& options) {
  client::QueryOptions query = options.query;
  query.filter = options.filter;
  query.params.rerank = options.rerank.tier;
  query.params.rerank_depth = options.rerank.depth;
  if (options.has_threshold) query.score_threshold = options.threshold;
  return query;
}

// What is searched for; borrows `batch`, which a row of a file is read into.
StatusOr<client::Examples> ExamplesOf(const Options& options, formats::VectorBatch& batch) {
  client::Examples examples;
  examples.positive = options.like;
  examples.negative = options.unlike;
  if (options.by_id) examples.positive = {options.id};
  if (!options.vector.empty()) {
    examples.positive_vectors = client::VectorRows::Floats({options.vector.data(), 1, options.vector.size()});
  } else if (!options.file.path.empty()) {
    TESSERA_ASSIGN_OR_RETURN(batch, ReadRow(options));
    examples.positive_vectors = {batch.type, 1, batch.dim, batch.data, batch.quantization};
  }
  return examples;
}

StatusOr<int> QueryGroups(client::Client& client, const Options& options, const client::Examples& examples) {
  TESSERA_ASSIGN_OR_RETURN(const client::GroupResult result,
                           client.QueryGroups(options.collection, examples, options.groups, QueryOf(options)));
  if (options.json) {
    JsonWriter json;
    WriteGroups(result, json);
    std::printf("%s\n", json.text().c_str());
  } else {
    std::fputs(DescribeGroups(result, options.groups.field).c_str(), stdout);
  }
  return kExitOk;
}

// One JSON line a hit, as they come.
StatusOr<int> QueryRange(client::Client& client, const Options& options, const client::Examples& examples) {
  client::RangeOptions range;
  range.radius = options.within;
  range.filter = options.filter;
  range.with_vector = options.query.with_vector;
  range.with_payload = options.query.with_payload;
  CatchInterrupts();
  TESSERA_ASSIGN_OR_RETURN(
      const client::RangeResult result,
      client.QueryRange(options.collection, examples, range, [](std::vector<client::Hit>& hits) -> Status {
        for (const client::Hit& hit : hits) {
          JsonWriter json;
          WriteHit(hit, json);
          std::printf("%s\n", json.text().c_str());
        }
        if (std::fflush(stdout) != 0) return Unavailable("cannot write to the standard output");
        return InterruptRequested() ? Cancelled("interrupted") : OkStatus();
      }));
  std::fprintf(stderr, "%s points within %g, of %s compared\n", FormatCount(result.hits).c_str(),
               static_cast<double>(options.within), FormatCount(result.rows_compared).c_str());
  return kExitOk;
}

StatusOr<int> Query(const Invocation& chosen, const Options& options) {
  client::Client client(chosen.MakeClientOptions());
  formats::VectorBatch batch;
  TESSERA_ASSIGN_OR_RETURN(const client::Examples examples, ExamplesOf(options, batch));
  if (!options.groups.field.empty()) return QueryGroups(client, options, examples);
  if (options.has_within) return QueryRange(client, options, examples);
  const bool one_vector = examples.positive_vectors.rows == 1 && options.unlike.empty();
  TESSERA_ASSIGN_OR_RETURN(
      const client::QueryResult result,
      one_vector ? client.Query(options.collection, examples.positive_vectors, QueryOf(options))
                 : client.QueryByExamples(options.collection, examples, QueryOf(options)));
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
  AddParsedList(what, "--like", options->like, ParsePointId,
                "Stored vectors that are good examples: what they have in common");
  what->require_option(1);
  AddParsedList(command, "--unlike", options->unlike, ParsePointId, "Stored vectors that are bad examples: away from them");
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
  CLI::Option* group = command->add_option("--group-by", options->groups.field,
                                           "The best hits of each value of this payload field; -k says how many values");
  command->add_option("--group-size", options->groups.group_size, "Hits of a value, at most")
      ->capture_default_str()
      ->needs(group);
  CLI::Option* within = command->add_option("--within", options->within,
                                            "Every point with this score or a better one, as JSON lines in no order");
  within->excludes(group)->excludes("--limit")->excludes("--offset")->excludes("--nprobe")->excludes("--rerank");
  within->excludes("--target-recall")->excludes("--score-threshold");
  group->excludes("--offset");
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
      "  tessera query words --id 17 --filter 'lang = \"de\" and year >= 1990' --with-payload\n"
      "  tessera query words --like 17 23 --unlike 99 --group-by lang --group-size 2\n"
      "  tessera query words --id 17 --within 0.8 > near.jsonl");
  command->callback([options, id, threshold, within, &chosen] {
    options->has_within = within->count() > 0;
    options->by_id = id->count() > 0;
    options->has_threshold = threshold->count() > 0;
    chosen.run = [options, &chosen] { return Query(chosen, *options); };
  });
}

}  // namespace tessera::cli
