// tessera evaluate.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>

#include "client/cli/command_line.h"
#include "client/cli/commands.h"
#include "client/cli/evaluation_text.h"
#include "client/cli/interrupt.h"
#include "client/cli/model_file.h"
#include "client/cli/options.h"
#include "client/cli/progress.h"
#include "client/cli/row_sample.h"
#include "client/cli/text.h"
#include "client/client.h"
#include "client/formats/vector_reader.h"
#include "index/evaluation.h"

namespace tessera::cli {
namespace {

constexpr std::chrono::milliseconds kPoll{250};
constexpr size_t kMaxQueries = 10000;
constexpr uint64_t kSampleRows = 50000;

struct Options {
  std::string subject;  // a collection or a file
  bool is_collection = false;
  std::vector<std::string> specs;
  std::pair<double, double> bytes;
  client::EvaluateOptions evaluate;
  std::string queries_file;
  formats::OpenOptions open;
  std::string format = "auto";
  Metric metric = Metric::kL2;
  uint64_t seed = 1234;
  bool json = false;
  bool csv = false;
};

// Separated by semicolons, since specs have commas.
StatusOr<std::vector<std::string>> ParseSpecs(const std::string& text) {
  std::vector<std::string> specs;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(';', begin), text.size());
    std::string word = text.substr(begin, end - begin);
    word.erase(0, word.find_first_not_of(" \t"));
    word.erase(word.find_last_not_of(" \t") + 1);
    if (!word.empty()) {
      TESSERA_RETURN_IF_ERROR(QuantizerSpec::Parse(word).status());
      specs.push_back(word);
    }
    begin = end + 1;
  }
  if (specs.empty()) return InvalidArgument("no spec given, expected e.g. 'IVF,PQ16;IVF,PQ32'");
  return specs;
}

// "8..64", or "24" for one size.
StatusOr<std::pair<double, double>> ParseBytes(const std::string& text) {
  const size_t dots = text.find("..");
  const std::string low = text.substr(0, dots);
  const std::string high = dots == std::string::npos ? low : text.substr(dots + 2);
  std::pair<double, double> range;
  char* low_end = nullptr;
  char* high_end = nullptr;
  range.first = std::strtod(low.c_str(), &low_end);
  range.second = std::strtod(high.c_str(), &high_end);
  if (low.empty() || high.empty() || *low_end != 0 || *high_end != 0 || !(range.first > 0) ||
      !(range.second >= range.first)) {
    return InvalidArgument("\"" + text + "\" is no range of bytes, expected e.g. 8..64 or 24");
  }
  return range;
}

// As many rows of the file as one request may bring, as floats.
StatusOr<std::vector<float>> ReadQueries(const Options& options, size_t dim) {
  formats::OpenOptions open;
  open.path = options.queries_file;
  open.dataset = "test";
  open.expected_dim = dim;
  TESSERA_ASSIGN_OR_RETURN(auto reader, formats::OpenVectors(open));
  std::vector<float> queries;
  formats::VectorBatch batch;
  while (queries.size() / dim < kMaxQueries) {
    TESSERA_ASSIGN_OR_RETURN(bool more, reader->Next(kMaxQueries - queries.size() / dim, batch));
    if (!more) break;
    if (!batch.bad.empty()) return batch.bad.front().reason;
    formats::AppendFloats(batch, queries);
  }
  if (queries.empty()) return InvalidArgument(open.path + " has no queries");
  return queries;
}

client::MeasuredShare Convert(const MeasuredShare& share) { return {share.value, share.margin}; }

client::EvaluateResult Convert(const EvaluateResult& in) {
  client::EvaluateResult out{in.k, in.rows, in.queries, in.seed, {}};
  for (const EvaluatedQuantizer& row : in.quantizers) {
    client::EvaluatedQuantizer to;
    to.asked = row.asked;
    to.error = row.error;
    to.quantizer = row.spec.ToString();
    to.nlist = row.nlist;
    to.code_bytes = row.code_bytes;
    to.refine_bytes = row.refine_bytes;
    to.resident_bytes = row.resident_bytes;
    to.codes = Convert(row.codes);
    to.refine = Convert(row.refine);
    for (const EvaluatedSearch& s : row.searches) {
      to.searches.push_back({s.nprobe, Convert(s.codes), Convert(s.refine), Convert(s.raw),
                             s.probe_loss, s.code_loss, s.rerank_depth, s.query_cpu_us});
    }
    to.squared_error = row.squared_error;
    to.relative_error = row.relative_error;
    to.train_seconds = row.train_seconds;
    to.encode_rows_per_second = row.encode_rows_per_second;
    to.scan_rows_per_second = row.scan_rows_per_second;
    out.quantizers.push_back(std::move(to));
  }
  return out;
}

StatusOr<RowSample> ReadSample(const Options& options) {
  formats::OpenOptions open = options.open;
  open.path = options.subject;
  TESSERA_ASSIGN_OR_RETURN(open.format, formats::ParseFormat(options.format));
  TESSERA_ASSIGN_OR_RETURN(auto reader, formats::OpenVectors(open));
  const uint64_t rows =
      options.evaluate.sample_rows > 0 ? options.evaluate.sample_rows : kSampleRows;
  TESSERA_ASSIGN_OR_RETURN(RowSample sample,
                           SampleRows(*reader, rows, options.metric, options.seed));
  std::fprintf(stderr, "file %s: %s of %s rows of %u dimensions, %s\n", open.path.c_str(),
               FormatCount(sample.rows).c_str(), FormatCount(sample.rows_read).c_str(),
               static_cast<unsigned>(sample.dim), MetricName(options.metric));
  if (sample.bad > 0) {
    std::fprintf(stderr, "%s bad rows left out; the first: %s\n", FormatCount(sample.bad).c_str(),
                 sample.first_bad.c_str());
  }
  return sample;
}

StatusOr<client::EvaluateResult> EvaluateFile(const Options& options) {
  TESSERA_ASSIGN_OR_RETURN(const RowSample sample, ReadSample(options));
  const std::unique_ptr<Executor> pool = MakeComputePool();
  Progress progress("evaluate");
  EvaluateOptions evaluate;
  for (const std::string& spec : options.specs) {
    evaluate.quantizers.push_back(*QuantizerSpec::Parse(spec));
  }
  evaluate.min_bytes = options.bytes.first;
  evaluate.max_bytes = options.bytes.second;
  evaluate.k = options.evaluate.k;
  evaluate.nprobe = options.evaluate.nprobe;
  evaluate.rerank_depth = options.evaluate.rerank_depth;
  evaluate.sample_rows = std::max<uint64_t>(sample.rows, 1);
  if (options.evaluate.queries > 0) evaluate.queries = options.evaluate.queries;
  evaluate.context.executor = pool.get();
  evaluate.context.seed = options.seed;
  // The flag lives as long as the process: nothing to own.
  evaluate.context.stop = StopToken(
      StopToken::Clock::time_point::max(),
      std::shared_ptr<const std::atomic<bool>>(std::shared_ptr<void>(), &interrupt_flag));
  evaluate.context.progress = [&](double fraction, const char* stage) {
    progress.UpdateStage(fraction, stage);
  };
  std::vector<float> queries;
  if (!options.queries_file.empty()) {
    TESSERA_ASSIGN_OR_RETURN(queries, ReadQueries(options, sample.dim));
    evaluate.query_vectors = {queries.data(), queries.size() / sample.dim, sample.dim};
  }
  TESSERA_ASSIGN_OR_RETURN(
      const EvaluateResult result,
      EvaluateRows({sample.data.data(), sample.rows, sample.dim}, options.metric, evaluate));
  return Convert(result);
}

StatusOr<client::EvaluateResult> EvaluateCollection(const Invocation& chosen,
                                                    const Options& options) {
  client::Client client(chosen.MakeClientOptions());
  client::EvaluateOptions evaluate = options.evaluate;
  evaluate.quantizers = options.specs;
  evaluate.min_bytes = options.bytes.first;
  evaluate.max_bytes = options.bytes.second;
  evaluate.seed = options.seed;
  std::vector<float> queries;
  if (!options.queries_file.empty()) {
    TESSERA_ASSIGN_OR_RETURN(const auto info, client.GetCollection(options.subject));
    TESSERA_ASSIGN_OR_RETURN(queries, ReadQueries(options, info.config.dim));
    evaluate.query_vectors = client::VectorRows::Floats(
        {queries.data(), queries.size() / info.config.dim, info.config.dim});
  }
  StatusOr<client::Operation> started = client.Evaluate(options.subject, evaluate);
  if (absl::IsNotFound(started.status())) {
    return Annotate(started.status(), "\"" + options.subject + "\" is no file here either: ");
  }
  TESSERA_RETURN_IF_ERROR(started.status());
  client::Operation operation = *std::move(started);
  Progress progress("evaluate");
  bool cancelled = false;
  while (!operation.done) {
    progress.UpdateStage(operation.progress, operation.stage);
    if (InterruptRequested() && !std::exchange(cancelled, true)) {
      TESSERA_RETURN_IF_ERROR(client.CancelOperation(operation.name).status());
    }
    TESSERA_ASSIGN_OR_RETURN(operation, client.WaitOperation(operation.name, kPoll));
  }
  TESSERA_RETURN_IF_ERROR(operation.error);
  if (!operation.evaluation) return Internal(operation.name + " ended without a result");
  return *std::move(operation.evaluation);
}

StatusOr<int> Evaluate(const Invocation& chosen, const Options& options) {
  if (options.specs.empty() == (options.bytes.second == 0)) {
    return InvalidArgument("say what to compare: --specs 'OPQ,IVF,PQ16;IVF,PQ32' or --bytes 8..64");
  }
  CatchInterrupts();
  std::error_code ignored;
  const bool is_file =
      !options.is_collection && std::filesystem::is_regular_file(options.subject, ignored);
  TESSERA_ASSIGN_OR_RETURN(const client::EvaluateResult result,
                           is_file ? EvaluateFile(options) : EvaluateCollection(chosen, options));
  if (options.json) {
    JsonWriter json;
    WriteEvaluation(result, json);
    std::printf("%s\n", json.text().c_str());
  } else {
    std::fputs((options.csv ? EvaluationCsv(result) : DescribeEvaluation(result)).c_str(), stdout);
  }
  return kExitOk;
}

constexpr const char* kFooter =
    "Each quantizer is trained on a sample, encodes it and is searched with rows held out of it (or\n"
    "--queries); the collection stays as it is. To measure what a trained collection answers now, with\n"
    "all its rows: `tessera eval`. To train one for good: `tessera train --quantizer`.\n"
    "Of a file no server is needed. Ctrl-C stops the work, in the server too.\n\n"
    "Examples:\n"
    "  tessera evaluate words --specs 'IVF,PQ24;OPQ,IVF,PQ24;OPQ,IVF,PQ48x4'\n"
    "  tessera evaluate base.fvecs --metric cosine --bytes 8..64 --csv\n"
    "  tessera evaluate words --bytes 24 --queries questions.fvecs --nprobe 8,32 --sample 100000";

}  // namespace

void AddEvaluateCommand(CLI::App& app, Invocation& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "evaluate", "Compare quantizers on a sample before training one (a collection or a file)");
  command->add_option("subject", options->subject, "Collection, or file of vectors")->required();
  command->add_flag("--collection", options->is_collection,
                    "It is a collection, even if there is a file of that name");
  CLI::Option* specs = AddParsed(command, "--specs", options->specs, ParseSpecs,
                                 "Quantizers to compare, separated by semicolons");
  AddParsed(command, "--bytes", options->bytes, ParseBytes,
            "Or a range of bytes a vector, MIN..MAX or one size: the usual kinds at each size")
      ->excludes(specs);
  command->add_option("-k,--limit", options->evaluate.k, "Neighbours a query")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_option("--sample", options->evaluate.sample_rows, "Rows to look at; 0: 50,000");
  command->add_option("--held-out", options->evaluate.queries,
                      "Rows of the sample held out as queries; 0: 1,000 (at most a tenth)")
      ->check(CLI::Range(0, 10000));
  command->add_option("--queries", options->queries_file,
                      "File of query vectors instead; the first 10,000 are used");
  command->add_option("--nprobe", options->evaluate.nprobe,
                      "Lists to search, each measured: 8,16,32; 0: the default of queries")
      ->delimiter(',');
  command->add_option("--rerank-depth", options->evaluate.rerank_depth,
                      "Candidates to rerank; 0: the default of queries");
  command->add_option("--seed", options->seed, "Same seed and rows, same recall")
      ->capture_default_str();
  AddParsed(command, "--metric", options->metric, ParseMetric,
            "Of a file: l2 (default), ip or cosine");
  command->add_option("--format", options->format, "Format of the file")->capture_default_str();
  command->add_option("--dataset", options->open.dataset, "Data set of an HDF5 file")
      ->capture_default_str();
  CLI::Option* json = command->add_flag("--json", options->json, "As JSON");
  command->add_flag("--csv", options->csv, "As CSV")->excludes(json);
  command->footer(kFooter);
  command->callback([options, &chosen] {
    chosen.run = [options, &chosen] { return Evaluate(chosen, *options); };
  });
}

}  // namespace tessera::cli
