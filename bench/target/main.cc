// bench_target: is a wanted recall reached on queries that the collection never saw, and at what
// cost? See bench/README.md.
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "bench/ann/measure.h"
#include "bench/ann/options.h"
#include "bench/ann/queries.h"
#include "bench/ann/subject.h"
#include "bench/report/machine.h"
#include "bench/report/recall.h"
#include "bench/report/statistics.h"
#include "bench/target/opponent.h"
#include "index/simd/kernels.h"

namespace tessera::bench {
namespace {

constexpr size_t kTurnQueries = 50;

void Log(const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); }

const char* TierName(RerankTier tier) {
  return tier == RerankTier::kRefine ? "refine" : tier == RerankTier::kRaw ? "raw" : "none";
}

// A way to ask, and what came of it.
struct Candidate {
  QueryParams params;
  double recall = 0;
  std::string chosen;          // parameters in effect
  double estimate = -1;        // that the reply gave
  std::vector<double> cpu_us;  // of each turn, a query
  double cpu() const { return Median(cpu_us); }
};

// One row of the table.
struct Line {
  double target = 0;
  Candidate asked;
  std::vector<Candidate> fixed;  // the fastest that reach the target on the test queries themselves
};

std::string Describe(const QueryResult& result) {
  if (result.exact) return "exact";
  return "nprobe " + std::to_string(result.nprobe) + " " + TierName(result.rerank) +
         (result.rerank_depth > 0 ? ":" + std::to_string(result.rerank_depth) : "");
}

Status MeasureRecall(Collection& collection, const QuerySet& test, Candidate& candidate) {
  Recall recall;
  std::vector<int64_t> ids;
  for (size_t i = 0; i < test.size(); ++i) {
    TESSERA_ASSIGN_OR_RETURN(const auto results,
                             collection.QueryBatch(test.Rows(i, 1), candidate.params));
    ids.clear();
    for (const Hit& hit : results[0].hits) ids.push_back(static_cast<int64_t>(hit.id.number()));
    recall.AddQuery(ids, test.Truth(i));
    candidate.chosen = Describe(results[0]);
    if (results[0].recall_estimate) candidate.estimate = results[0].recall_estimate->value;
  }
  candidate.recall = recall.at10();
  return OkStatus();
}

// All ways take turns, a block of queries each: a slow moment falls on all of them. Another one begins each
// round, since the first finds the lists of the block in no cache.
Status MeasureCpu(Collection& collection, const QuerySet& test, size_t rounds,
                  std::vector<Candidate*> all) {
  std::vector<QueryResult> results;
  for (size_t round = 0; round < rounds; ++round) {
    for (size_t turn = 0; turn < all.size(); ++turn) {
      Candidate* const candidate = all[(round + turn) % all.size()];
      const size_t begin = round * kTurnQueries % (test.size() - kTurnQueries);
      TESSERA_RETURN_IF_ERROR(
          collection.QueryBatch(test.Rows(begin, 1), candidate->params, results));
      const double cpu = ThreadCpuSeconds();
      for (size_t i = 0; i < kTurnQueries; ++i) {
        TESSERA_RETURN_IF_ERROR(
            collection.QueryBatch(test.Rows(begin + i, 1), candidate->params, results));
      }
      candidate->cpu_us.push_back((ThreadCpuSeconds() - cpu) * 1e6 / kTurnQueries);
    }
  }
  return OkStatus();
}

void PrintTable(const std::vector<Line>& lines) {
  std::printf("%6s %9s %8s %8s  %-24s %8s  %-24s %8s %6s\n", "target", "estimate", "measured",
              "error", "chosen", "cpu us", "best fixed", "cpu us", "ratio");
  for (const Line& line : lines) {
    const Candidate* best = nullptr;
    for (const Candidate& c : line.fixed) {
      if (best == nullptr || c.cpu() < best->cpu()) best = &c;
    }
    std::printf("%6.3f %9.4f %8.4f %+8.4f  %-24s %8.1f  ", line.target, line.asked.estimate,
                line.asked.recall, line.asked.recall - line.target, line.asked.chosen.c_str(),
                line.asked.cpu());
    if (best == nullptr) {
      std::printf("%-24s %8s %6s\n", "none reaches it", "", "");
    } else {
      std::printf("%-24s %8.1f %6.2f\n", best->chosen.c_str(), best->cpu(),
                  line.asked.cpu() / best->cpu());
    }
  }
}

Status Run(const Options& options, bool from_rows) {
  TESSERA_ASSIGN_OR_RETURN(const auto subject, Subject::Open(options, Log));
  Collection& collection = subject->collection();
  TESSERA_ASSIGN_OR_RETURN(QuerySet queries, ReadQueries(options, collection.Count()));
  if (options.truth.empty()) TESSERA_RETURN_IF_ERROR(ComputeTruth(collection, options.k, queries));
  const size_t half = queries.size() / 2;
  if (half <= kTurnQueries) return InvalidArgument("--queries: too few");
  const QuerySet calibration = queries.Part(0, half);
  const QuerySet test = queries.Part(half, queries.size() - half);
  subject->UseThreads(1);

  TuneOptions tune;
  if (!from_rows) tune.queries = calibration.Rows(0, calibration.size());
  const double begin = ProcessCpuSeconds();
  TESSERA_ASSIGN_OR_RETURN(const TuneResult tuned, collection.Tune(tune));
  const double tune_seconds = ProcessCpuSeconds() - begin;
  Log("tuned on " + std::to_string(tuned.queries) +
      " queries: " + CalibrationSourceName(tuned.source));

  // The opponent knows the test queries.
  TESSERA_ASSIGN_OR_RETURN(const std::vector<Trial> trials,
                           FindOpponents(*subject, test, options, Log));
  subject->UseThreads(1);
  std::vector<Line> lines;
  for (const double target : options.tune_recall) {
    Line line;
    line.target = target;
    line.asked.params.limit = options.k;
    line.asked.params.target_recall = static_cast<float>(target);
    TESSERA_RETURN_IF_ERROR(MeasureRecall(collection, test, line.asked));
    for (const Trial& trial : trials) {
      if (trial.target != target) continue;
      line.fixed.emplace_back();
      line.fixed.back().params = trial.setting.Params();
      TESSERA_RETURN_IF_ERROR(MeasureRecall(collection, test, line.fixed.back()));
    }
    lines.push_back(std::move(line));
  }
  std::vector<Candidate*> all;
  for (Line& line : lines) {
    all.push_back(&line.asked);
    for (Candidate& c : line.fixed) all.push_back(&c);
  }
  TESSERA_RETURN_IF_ERROR(MeasureCpu(collection, test, 20 * options.rounds, all));
  for (const std::string& fact : MachineFacts()) std::printf("# %s\n", fact.c_str());
  std::printf("# instruction set: %s\n# command: %s\n", simd::ActiveKernels().name,
              options.command.c_str());
  std::printf(
      "# %s, %s, %llu rows; tuned on %u queries (%s) in %.1f s of CPU; %zu other test queries\n",
      options.name.c_str(), collection.Stats().quantizer.c_str(),
      static_cast<unsigned long long>(collection.Count()), tuned.queries,
      CalibrationSourceName(tuned.source), tune_seconds, test.size());
  PrintTable(lines);
  return OkStatus();
}

// `flag value` in front, unless the command line has the flag.
void Default(const char* flag, const char* value, std::vector<std::string>& args) {
  const auto given = [flag](const std::string& arg) {
    return arg == flag || arg.starts_with(std::string(flag) + '=');
  };
  if (std::none_of(args.begin(), args.end(), given)) args.insert(args.begin(), {flag, value});
}

int Main(std::vector<std::string> args) {
  std::string command = "bench_target";
  for (const std::string& arg : args) command += ' ' + arg;
  const bool from_rows = std::erase(args, "--calibrate-rows") > 0;
  Default("--mode", "single", args);
  Default("--tune-recall", "0.8,0.9,0.95,0.99", args);
  Default("--rerank",
          "none,refine:10,refine:14,refine:20,refine:28,refine:40,refine:56,refine:80,"
          "refine:112,refine:160,refine:320,refine:640,"
          "raw:10,raw:20,raw:40,raw:80,raw:160,raw:320,raw:640",
          args);
  std::string help;
  StatusOr<Options> options = ParseOptions(args, help);
  if (options.ok()) options->command = command;
  if (!help.empty()) {
    std::printf(
        "%s  --calibrate-rows: tune on rows of the collection, not on the first half of the "
        "queries\n",
        help.c_str());
    return 0;
  }
  const Status status = options.ok() ? Run(*options, from_rows) : options.status();
  if (!status.ok()) Log("bench_target: " + MessageOf(status));
  return status.ok() ? 0 : options.ok() ? 1 : 2;
}

}  // namespace
}  // namespace tessera::bench

int main(int argc, char** argv) { return tessera::bench::Main({argv + 1, argv + argc}); }
