// Recall of a collection after it changed, before and after its lists follow, beside a fresh build of the same rows.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <random>
#include <thread>

#include "bench/living/living.h"

namespace tessera::bench {
namespace {

constexpr double kShares[] = {1.0 / 64, 1.0 / 32, 1.0 / 16, 1.0 / 8};
constexpr uint32_t kClusters = 64;

// What a scenario does to a collection: rows that it is trained with, rows written then, ids deleted at last.
struct Scenario {
  std::vector<Placed> first;
  std::vector<Placed> then;
  std::vector<uint64_t> deleted;
};

std::vector<size_t> Shuffled(size_t n) {
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  std::shuffle(order.begin(), order.end(), std::mt19937_64(3));
  return order;
}

// Half of the base is loaded, half of these get vectors of the other half.
Scenario Replaced(const FileRows& base) {
  Scenario scenario;
  const std::vector<size_t> order = Shuffled(base.count());
  const size_t half = base.count() / 2;
  for (size_t i = 0; i < half; ++i) scenario.first.push_back({i, order[i]});
  for (size_t i = 0; i < half; i += 2) scenario.then.push_back({i, order[half + i]});
  return scenario;
}

Scenario Deleted(const FileRows& base) {
  Scenario scenario;
  const std::vector<size_t> order = Shuffled(base.count());
  for (size_t i = 0; i < base.count(); ++i) scenario.first.push_back({i, i});
  scenario.deleted.assign(order.begin(), order.begin() + static_cast<ptrdiff_t>(base.count() / 2));
  return scenario;
}

// Clusters in order. `drift`: trained with the first quarter, the others come one after another; else trained with
// all, and the first half goes.
StatusOr<Scenario> Clustered(const FileRows& base, bool drift) {
  TESSERA_ASSIGN_OR_RETURN(const auto clusters, ClusterRows(base, kClusters));
  Scenario scenario;
  size_t at = 0;
  for (const auto& rows : clusters) {
    for (const size_t row : rows) {
      (drift && at >= base.count() / 4 ? scenario.then : scenario.first).push_back({row, row});
      if (!drift && at < base.count() / 2) scenario.deleted.push_back(row);
      ++at;
    }
  }
  return scenario;
}

Status Tell(const char* name, Living& living) {
  const CollectionStats stats = living.collection().Stats();
  std::printf("%-16s %8llu rows %6u lists %5.2f imbalance ", name, static_cast<unsigned long long>(stats.rows), stats.nlist,
              stats.list_imbalance);
  for (const RerankTier rerank : {RerankTier::kRefine, RerankTier::kNone}) {
    std::printf("|");
    for (const double share : kShares) {
      TESSERA_ASSIGN_OR_RETURN(const double recall, living.Recall(share, rerank));
      std::printf(" %.4f", recall);
    }
  }
  std::printf("\n");
  std::fflush(stdout);
  return OkStatus();
}

// Until nothing that started by itself is running.
void AwaitIdle(Living& living) {
  const auto idle = [&] {
    // What the server does every second.
    if (const auto removed = living.collection().RemoveExpired(); !removed.ok()) return true;
    const CollectionStats stats = living.collection().Stats();
    return !stats.training && !stats.tuning && !stats.rebalancing && !stats.reclaiming;
  };
  // One that ends may start the next.
  for (int calm = 0; calm < 10; calm = idle() ? calm + 1 : 0) std::this_thread::sleep_for(std::chrono::milliseconds(100));
}

// Lists follow: by themselves if the collection has a background, else when told to.
Status Follow(Living& living, bool background) {
  const auto begin = Clock::now();
  if (background) {
    AwaitIdle(living);
  } else {
    TESSERA_RETURN_IF_ERROR(living.collection().Rebalance().status());
  }
  const CollectionStats stats = living.collection().Stats();
  std::printf("%llu lists split, %llu merged, %llu rows moved; generation %u; done after %.1f s\n",
              static_cast<unsigned long long>(stats.list_splits), static_cast<unsigned long long>(stats.list_merges),
              static_cast<unsigned long long>(stats.list_moves), stats.generation.value, SecondsSince(begin));
  return OkStatus();
}

Status Measure(const Scenario& scenario, const FileRows& base, const FileRows& queries, LivingOptions options) {
  const std::string root = options.directory;
  std::printf("recall@10 at 1/64, 1/32, 1/16, 1/8 of the lists: refined | by codes alone\n");
  {
    options.directory = root + "/living";
    Living living(base, queries);
    TESSERA_RETURN_IF_ERROR(living.Open(options));
    TESSERA_RETURN_IF_ERROR(living.Insert(scenario.first));
    AwaitIdle(living);
    TESSERA_RETURN_IF_ERROR(living.collection().Train({}));
    AwaitIdle(living);
    TESSERA_RETURN_IF_ERROR(Tell("as trained", living));
    const auto begin = Clock::now();
    TESSERA_RETURN_IF_ERROR(living.Insert(scenario.then));
    TESSERA_RETURN_IF_ERROR(living.Delete(scenario.deleted));
    std::printf("written and deleted in %.1f s\n", SecondsSince(begin));
    TESSERA_RETURN_IF_ERROR(Tell("changed", living));
    TESSERA_RETURN_IF_ERROR(Follow(living, options.background));
    TESSERA_RETURN_IF_ERROR(Tell("lists changed", living));
  }
  // The rows that are left, in the order in which they were written.
  std::vector<bool> gone(base.count());
  for (const uint64_t id : scenario.deleted) gone[id] = true;
  std::vector<Placed> rows;
  for (const Placed& row : scenario.first) {
    if (!gone[row.id]) rows.push_back(row);
  }
  rows.insert(rows.end(), scenario.then.begin(), scenario.then.end());
  options.directory = root + "/fresh";
  options.background = false;
  Living fresh(base, queries);
  TESSERA_RETURN_IF_ERROR(fresh.Open(options));
  TESSERA_RETURN_IF_ERROR(fresh.Insert(rows));
  const auto begin = Clock::now();
  TESSERA_RETURN_IF_ERROR(fresh.collection().Train({}));
  std::printf("fresh build trained in %.1f s\n", SecondsSince(begin));
  return Tell("fresh build", fresh);
}

}  // namespace

Status RunRecall(const std::vector<std::string>& args) {
  const auto arg = [&](size_t i, const char* otherwise) { return i < args.size() ? args[i] : otherwise; };
  TESSERA_ASSIGN_OR_RETURN(const FileRows base, ReadRows(args[1], std::strtoull(arg(5, "1000000").c_str(), nullptr, 10)));
  TESSERA_ASSIGN_OR_RETURN(const FileRows queries, ReadRows(args[2], 1000));
  LivingOptions options;
  options.directory = args[3];
  options.quantizer = arg(4, "IVF,PQ32x8,Refine(SQ8)");
  options.background = arg(6, "") == std::string("background");
  std::filesystem::create_directories(options.directory);
  Scenario scenario;
  if (args[0] == "replaced") {
    scenario = Replaced(base);
  } else if (args[0] == "deleted") {
    scenario = Deleted(base);
  } else if (args[0] == "drift" || args[0] == "deleted-clusters") {
    TESSERA_ASSIGN_OR_RETURN(scenario, Clustered(base, args[0] == "drift"));
  } else {
    return InvalidArgument("unknown scenario " + args[0]);
  }
  return Measure(scenario, base, queries, options);
}

}  // namespace tessera::bench
