// What deletions give back, and when.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "bench/living/living.h"

namespace tessera::bench {
namespace {

constexpr int kSeconds[] = {0, 1, 2, 5, 10, 20, 30, 60};

void Tell(const char* name, Living& living) {
  const CollectionStats stats = living.collection().Stats();
  constexpr double kMiB = 1 << 20;
  std::printf("%-22s %9llu %9llu %8.1f %9.1f %9.1f %7u\n", name, static_cast<unsigned long long>(stats.rows),
              static_cast<unsigned long long>(stats.dead_rows), static_cast<double>(stats.disk_bytes) / kMiB,
              static_cast<double>(stats.memory.total()) / kMiB, StatusMiB("RssAnon"), stats.nlist);
  std::fflush(stdout);
}

}  // namespace

Status RunReclaim(const std::vector<std::string>& args) {
  const auto arg = [&](size_t i, const char* otherwise) { return i < args.size() ? args[i] : otherwise; };
  const size_t rows = std::strtoull(arg(3, "1000000").c_str(), nullptr, 10);
  const FileRows none;
  LivingOptions options;
  options.directory = args[1];
  options.quantizer = arg(2, "IVF,PQ32x8,Refine(SQ8)");
  options.background = true;
  double without = 0;
  {
    TESSERA_ASSIGN_OR_RETURN(const FileRows base, ReadRows(args[0], rows));
    Living living(base, none);
    TESSERA_RETURN_IF_ERROR(living.Open(options));
    std::vector<Placed> placed;
    for (size_t i = 0; i < base.count(); ++i) placed.push_back({i, i});
    TESSERA_RETURN_IF_ERROR(living.Insert(placed, true));
    placed = {};
    while (living.collection().Stats().training) std::this_thread::sleep_for(std::chrono::seconds(1));
    TESSERA_RETURN_IF_ERROR(living.collection().Train({}));
    while (living.collection().Stats().tuning) std::this_thread::sleep_for(std::chrono::seconds(1));
    without = static_cast<double>(base.data.size() * sizeof(float)) / (1 << 20);
    std::printf("resident memory includes the %.1f MiB of the base that this program holds\n", without);
    std::printf("%-22s %9s %9s %8s %9s %9s %7s\n", "", "rows", "dead", "disk MiB", "mirror", "resident", "lists");
    std::this_thread::sleep_for(std::chrono::seconds(10));
    Tell("loaded and trained", living);
    auto begin = Clock::now();
    TESSERA_RETURN_IF_ERROR(living.Delete({base.count() / 2 + 1}));
    std::printf("1 row deleted in %.2f ms\n", SecondsSince(begin) * 1e3);
    Tell("1 row deleted", living);
    TESSERA_ASSIGN_OR_RETURN(const Filter filter, ParseFilter("n < " + std::to_string(base.count() / 2)));
    begin = Clock::now();
    TESSERA_ASSIGN_OR_RETURN(const DeleteResult deleted, living.collection().DeleteByFilter(filter));
    std::printf("%zu rows deleted by filter in %.2f s\n", deleted.deleted, SecondsSince(begin));
    const auto done = Clock::now();
    for (const int seconds : kSeconds) {
      std::this_thread::sleep_until(done + std::chrono::seconds(seconds));
      Tell((std::to_string(seconds) + " s after").c_str(), living);
    }
  }
  return OkStatus();
}

}  // namespace tessera::bench
