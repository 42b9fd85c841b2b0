// A streaming runbook of the kind that the NeurIPS'23 Big-ANN streaming track uses: rows come and go cluster by
// cluster, and in between the same queries are asked.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "bench/living/living.h"

namespace tessera::bench {
namespace {

constexpr uint32_t kClusters = 64;
constexpr int kRounds = 5;
constexpr uint32_t kSearchEvery = 4;  // clusters

// In each round of each cluster in turn a random part (10 to 50 %) of the rows that were never in is inserted, in the
// last all, and a random part (20 to 60 %, from the second round on) of those that are in is deleted.
class Runbook {
 public:
  explicit Runbook(std::vector<std::vector<size_t>> clusters) : waiting_(std::move(clusters)), in_(waiting_.size()) {
    for (auto& rows : waiting_) std::shuffle(rows.begin(), rows.end(), random_);
  }
  std::vector<Placed> Insert(uint32_t cluster, bool all) {
    auto& waiting = waiting_[cluster];
    std::vector<Placed> rows;
    for (size_t n = all ? waiting.size() : Part(waiting.size(), 0.1, 0.5); n > 0; --n) {
      rows.push_back({waiting.back(), waiting.back()});
      in_[cluster].push_back(waiting.back());
      waiting.pop_back();
    }
    return rows;
  }
  std::vector<uint64_t> Delete(uint32_t cluster) {
    auto& in = in_[cluster];
    std::shuffle(in.begin(), in.end(), random_);
    std::vector<uint64_t> ids;
    for (size_t n = Part(in.size(), 0.2, 0.6); n > 0; --n) {
      ids.push_back(in.back());
      in.pop_back();
    }
    return ids;
  }

 private:
  size_t Part(size_t n, double least, double most) {
    return static_cast<size_t>(static_cast<double>(n) * std::uniform_real_distribution<>(least, most)(random_));
  }
  std::mt19937_64 random_{5};
  std::vector<std::vector<size_t>> waiting_;
  std::vector<std::vector<uint64_t>> in_;
};

struct Sums {
  double recall = 0;
  double lowest = 1;
  size_t searches = 0;
  double write_seconds = 0;
  double search_seconds = 0;
  uint64_t inserted = 0;
  uint64_t deleted = 0;
};

Status Ask(Living& living, const FileRows& queries, double share, Sums& sums) {
  QueryParams params;
  params.limit = 10;
  const CollectionStats stats = living.collection().Stats();
  params.nprobe = std::max(8u, static_cast<uint32_t>(share * stats.nlist));
  const auto begin = Clock::now();
  TESSERA_RETURN_IF_ERROR(
      living.collection().QueryBatch({queries.data.data(), queries.count(), queries.dim}, params).status());
  sums.search_seconds += SecondsSince(begin);
  TESSERA_ASSIGN_OR_RETURN(const double recall, living.Recall(std::max(share, 8.0 / std::max(1u, stats.nlist)), RerankTier::kAuto));
  sums.recall += recall;
  sums.lowest = std::min(sums.lowest, recall);
  ++sums.searches;
  return OkStatus();
}

}  // namespace

Status RunStream(const std::vector<std::string>& args) {
  const auto arg = [&](size_t i, const char* otherwise) { return i < args.size() ? args[i] : otherwise; };
  TESSERA_ASSIGN_OR_RETURN(const FileRows base, ReadRows(args[0], std::strtoull(arg(5, "1000000").c_str(), nullptr, 10)));
  TESSERA_ASSIGN_OR_RETURN(const FileRows queries, ReadRows(args[1], 1000));
  const double share = std::atof(arg(4, "0.03125").c_str());
  LivingOptions options;
  options.directory = args[2];
  options.quantizer = arg(3, "IVF,PQ32x8,Refine(SQ8)");
  options.background = true;
  TESSERA_ASSIGN_OR_RETURN(auto clusters, ClusterRows(base, kClusters));
  Runbook runbook(std::move(clusters));
  Living living(base, queries);
  TESSERA_RETURN_IF_ERROR(living.Open(options));
  Sums all;
  std::printf("%5s %9s %9s %9s %7s %10s %9s %9s\n", "round", "inserted", "deleted", "rows", "lists", "generation",
              "recall@10", "lowest");
  for (int round = 0; round < kRounds; ++round) {
    Sums sums;
    for (uint32_t c = 0; c < kClusters; ++c) {
      const auto rows = runbook.Insert(c, round == kRounds - 1);
      const auto begin = Clock::now();
      TESSERA_RETURN_IF_ERROR(living.Insert(rows));
      sums.inserted += rows.size();
      if (round > 0) {
        const auto ids = runbook.Delete(c);
        TESSERA_RETURN_IF_ERROR(living.Delete(ids));
        sums.deleted += ids.size();
      }
      sums.write_seconds += SecondsSince(begin);
      if (c % kSearchEvery == kSearchEvery - 1) TESSERA_RETURN_IF_ERROR(Ask(living, queries, share, sums));
    }
    const CollectionStats stats = living.collection().Stats();
    std::printf("%5d %9llu %9llu %9llu %7u %10u %9.4f %9.4f\n", round + 1, static_cast<unsigned long long>(sums.inserted),
                static_cast<unsigned long long>(sums.deleted), static_cast<unsigned long long>(stats.rows), stats.nlist,
                stats.generation.value, sums.recall / static_cast<double>(sums.searches), sums.lowest);
    std::fflush(stdout);
    all.recall += sums.recall;
    all.lowest = std::min(all.lowest, sums.lowest);
    all.searches += sums.searches;
    all.write_seconds += sums.write_seconds;
    all.search_seconds += sums.search_seconds;
  }
  const CollectionStats stats = living.collection().Stats();
  std::printf("average recall@10 %.4f, lowest %.4f, over %zu searches of %zu queries, 1/%.0f of the lists probed\n",
              all.recall / static_cast<double>(all.searches), all.lowest, all.searches, queries.count(), 1 / share);
  std::printf("writes %.1f s, searches %.1f s (%.0f queries/s); lists split %llu, merged %llu, rows moved %llu\n",
              all.write_seconds, all.search_seconds,
              static_cast<double>(all.searches * queries.count()) / all.search_seconds,
              static_cast<unsigned long long>(stats.list_splits), static_cast<unsigned long long>(stats.list_merges),
              static_cast<unsigned long long>(stats.list_moves));
  return OkStatus();
}

}  // namespace tessera::bench
