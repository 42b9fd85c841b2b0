#include "bench/ann/sweep.h"

#include <algorithm>
#include <cstdio>
#include <map>

#include "bench/ann/least_lists.h"
#include "bench/report/statistics.h"

namespace tessera::bench {
namespace {

constexpr size_t kTuneRounds = 3;

// Modes x threads of one choice.
void AddTrials(const Options& options, uint32_t nprobe, const RerankChoice& rerank, double target,
               std::vector<Trial>& trials) {
  for (const bool batched : {false, true}) {
    if (!(batched ? options.in_batches : options.single)) continue;
    for (const size_t threads : options.threads) {
      const size_t batch = batched ? options.batch : 1;
      trials.push_back({{batched, batch, threads, nprobe, rerank, options.k}, target});
    }
  }
}

// The executor that a trial's calls run on.
size_t ExecutorThreads(const Setting& setting) { return setting.batched ? setting.threads : 1; }

Row DescribeRow(Subject& subject, const QuerySet& queries, const Options& options,
                const Trial& trial) {
  const CollectionStats stats = subject.collection().Stats();
  const MemoryUsage& memory = stats.memory;
  const auto per_row = [&](uint64_t bytes) {
    return static_cast<double>(bytes) / static_cast<double>(std::max<uint64_t>(1, stats.rows));
  };
  const Setting& s = trial.setting;
  Row row;
  row.data = options.name;
  row.metric = MetricName(options.metric);
  row.quantizer = stats.quantizer;
  row.rows = stats.rows;
  row.dim = queries.dim;
  row.queries = queries.size();
  row.k = s.k;
  row.mode = s.batched ? "batch" : "single";
  row.batch = std::min(s.batch, queries.size());
  row.threads = s.threads;
  row.nprobe = s.nprobe;
  row.rerank = s.rerank.tier_name();
  row.depth = s.rerank.depth;
  row.target = trial.target;
  row.commit = options.commit;
  row.bytes_total = per_row(memory.total());
  row.bytes_codes = per_row(memory.codes);
  row.bytes_corrections = per_row(memory.corrections);
  row.bytes_refine = per_row(memory.refine);
  row.bytes_row_ids = per_row(memory.row_ids);
  row.bytes_external_ids = per_row(memory.external_ids);
  row.bytes_padding = per_row(memory.padding);
  row.bytes_headers = per_row(memory.headers);
  row.bytes_centroids = per_row(memory.centroids);
  row.bytes_model = per_row(memory.model);
  row.load_seconds = subject.times().load_seconds;
  row.train_seconds = subject.times().train_seconds;
  return row;
}

void SetRecall(const Recall& recall, Row& row) {
  row.recall_at_10 = recall.at10();
  row.first_at_1 = recall.first_at1();
  row.first_at_10 = recall.first_at10();
  if (row.k < 100) return;
  row.recall_at_100 = recall.at100();
  row.first_at_100 = recall.first_at100();
}

void SetTimes(const std::vector<Timing>& rounds, Row& row) {
  if (rounds.empty()) return;
  const auto median = [&](double Timing::*field) {
    std::vector<double> values;
    for (const Timing& timing : rounds) values.push_back(timing.*field);
    return Median(std::move(values));
  };
  row.rounds = rounds.size();
  row.qps_wall = median(&Timing::qps_wall);
  row.qps_cpu = median(&Timing::qps_cpu);
  if (row.mode != "single") return;
  row.p50_us = median(&Timing::p50_us);
  row.p99_us = median(&Timing::p99_us);
}

void SetStages(const StageTimes& sum, Row& row) {
  const double n = static_cast<double>(sum.queries);
  row.rows_scanned = sum.rows_scanned / n;
  row.coarse_us = sum.coarse_us / n;
  row.tables_us = sum.tables_us / n;
  row.scan_us = sum.scan_us / n;
  row.rerank_us = sum.rerank_us / n;
  row.fetch_us = sum.fetch_us / n;
}

// Timings of every trial, [trial][round].
StatusOr<std::vector<std::vector<Timing>>> MeasureRounds(Subject& subject, const QuerySet& queries,
                                                         const std::vector<Trial>& trials,
                                                         size_t rounds, double seconds) {
  std::vector<std::vector<Timing>> timings(trials.size());
  std::vector<size_t> next(trials.size());
  for (size_t round = 0; round < rounds; ++round) {
    for (size_t i = 0; i < trials.size(); ++i) {
      subject.UseThreads(ExecutorThreads(trials[i].setting));
      TESSERA_ASSIGN_OR_RETURN(const Timing timing,
                               MeasureTime(subject, queries, trials[i].setting, seconds, &next[i]));
      timings[i].push_back(timing);
    }
  }
  return timings;
}

// The trial of the highest throughput, one query at a time; precondition: there is one.
StatusOr<Trial> Fastest(Subject& subject, const QuerySet& queries, const Options& options,
                        const std::vector<Trial>& trials) {
  TESSERA_ASSIGN_OR_RETURN(const auto timings, MeasureRounds(subject, queries, trials, kTuneRounds,
                                                             options.round_seconds));
  size_t best = 0;
  double best_qps = 0;
  for (size_t i = 0; i < trials.size(); ++i) {
    std::vector<double> qps;
    for (const Timing& timing : timings[i]) qps.push_back(timing.qps_cpu);
    if (Median(qps) > best_qps) {
      best_qps = Median(qps);
      best = i;
    }
  }
  return trials[best];
}

}  // namespace

std::vector<Trial> AllTrials(const Options& options) {
  std::vector<Trial> trials;
  for (const RerankChoice& rerank : options.rerank) {
    for (const uint32_t nprobe : options.nprobe) {
      AddTrials(options, nprobe, rerank, kNotMeasured, trials);
    }
  }
  return trials;
}

StatusOr<std::vector<Row>> Sweep(Subject& subject, const QuerySet& queries, const Options& options,
                                 const std::vector<Trial>& trials) {
  std::vector<Row> rows;
  for (const Trial& trial : trials) {
    Row row = DescribeRow(subject, queries, options, trial);
    TESSERA_ASSIGN_OR_RETURN(const Recall recall, MeasureRecall(subject, queries, trial.setting));
    SetRecall(recall, row);
    rows.push_back(std::move(row));
  }
  TESSERA_ASSIGN_OR_RETURN(
      const auto timings,
      MeasureRounds(subject, queries, trials, options.rounds, options.round_seconds));
  for (size_t i = 0; i < trials.size(); ++i) {
    SetTimes(timings[i], rows[i]);
    if (!options.explain || trials[i].setting.batched) continue;
    TESSERA_ASSIGN_OR_RETURN(const StageTimes stages,
                             MeasureStages(subject, queries, trials[i].setting));
    SetStages(stages, rows[i]);
  }
  return rows;
}

StatusOr<std::vector<Trial>> Tune(Subject& subject, const QuerySet& queries, const Options& options,
                                  const std::function<void(const std::string&)>& log) {
  std::map<RerankTier, std::vector<RerankChoice>> tiers;
  for (const RerankChoice& choice : options.rerank) tiers[choice.tier].push_back(choice);
  const std::vector<QuerySet> blocks = InBlocks(queries);
  std::vector<Trial> out;
  for (const auto& [tier, choices] : tiers) {
    std::vector<LeastLists> forms;
    for (const RerankChoice& choice : choices) {
      forms.emplace_back(subject, blocks, Setting{false, 1, 1, 0, choice, options.k});
    }
    for (const double target : options.tune_recall) {
      std::vector<Trial> candidates;
      for (LeastLists& form : forms) {
        TESSERA_ASSIGN_OR_RETURN(const Setting setting, form.Reaching(target));
        if (setting.nprobe > 0) candidates.push_back({setting, target});
      }
      if (candidates.empty()) {
        char text[80];
        std::snprintf(text, sizeof(text), "recall %.3f is not reached with rerank %s", target,
                      choices[0].tier_name().c_str());
        log(text);
        continue;
      }
      TESSERA_ASSIGN_OR_RETURN(const Trial best, Fastest(subject, queries, options, candidates));
      AddTrials(options, best.setting.nprobe, best.setting.rerank, target, out);
    }
  }
  return out;
}

}  // namespace tessera::bench
