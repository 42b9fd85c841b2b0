// The cheapest parameters for a wanted recall, chosen per request.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "index/engine/recall_grid.h"
#include "index/recall.h"

namespace tessera::engine {

struct RecallChoice {
  uint32_t nprobe = 1;
  RerankTier tier = RerankTier::kNone;
  uint32_t depth = 0;
  RecallEstimate recall;
  double cpu_us = 0;
};

// Immutable. Made of a grid: measured means are smoothed to rise with nprobe and depth (pool
// adjacent violators), interpolated linearly in log nprobe, and only what no other setting beats in
// both recall and cost is kept. Depths are those that were measured.
class RecallCurve {
 public:
  explicit RecallCurve(RecallGrid grid);

  // The cheapest setting whose recall@k is at least `target` on average over the queries and that misses, with
  // 90 % confidence, at most a tenth more than the target leaves; else on average; nullopt if none is. k between two buckets: the lower recall of both. k above the largest:
  // recall is taken to go on falling with log k as it did before, and the depth grows with k. No
  // allocation.
  std::optional<RecallChoice> Choose(uint32_t k, double target) const;

  const RecallGrid& grid() const { return grid_; }
  // For k = 1, 10 and 100.
  TuneResult Describe() const;

 private:
  struct Setting {
    RecallChoice choice;
    double serves = 0;  // the highest target for which it may be chosen
    double slope = 0;   // fall of recall for ten times the k, above the largest bucket
  };
  // Every bucket, each gap between two, and what is above the largest.
  static constexpr size_t kClasses = 2 * kRecallBuckets.size();
  // Ascending by cost and recall.
  using Front = std::vector<Setting>;

  // Smoothed mean and variance at any place of the grid.
  struct Place {
    size_t form = 0;
    size_t probe = 0;  // of the lower nprobe
    double by_probe = 0;  // 0..1 on the way to the next one
  };

  static size_t ClassOf(uint32_t k);
  void Smooth();
  RecallGrid::Cell At(const Place& place, size_t bucket) const;
  Setting MakeSetting(const Place& place, size_t kind) const;
  Front MakeFront(size_t kind) const;
  RecallChoice Beyond(const Setting& setting, uint32_t k) const;

  RecallGrid grid_;  // as measured
  std::vector<RecallGrid::Cell> smooth_;
  std::array<Front, kClasses> fronts_;
};

// The curve in force, if any. Thread-safe; the lock is a leaf around a pointer copy.
class CurrentCurve {
 public:
  std::shared_ptr<const RecallCurve> Get() const {
    std::lock_guard lock(mutex_);
    return curve_;
  }
  void Set(std::shared_ptr<const RecallCurve> next) {
    std::lock_guard lock(mutex_);
    curve_.swap(next);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const RecallCurve> curve_;
};

}  // namespace tessera::engine
