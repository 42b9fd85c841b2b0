#include "index/engine/recall_curve.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "index/engine/recall_interval.h"

namespace tessera {

const char* CalibrationSourceName(CalibrationSource source) {
  switch (source) {
    case CalibrationSource::kRows:
      return "rows";
    case CalibrationSource::kSample:
      return "query sample";
    case CalibrationSource::kGiven:
      return "given";
  }
  return "";
}

}  // namespace tessera

namespace tessera::engine {
namespace {

constexpr double kOneSided90 = 1.28;  // standard errors
constexpr double kMoreLoss = 0.1;     // than a target leaves that may come, as a share of it
constexpr double kProbeStep = 1.04;   // between two settings
constexpr uint32_t kLargest = kRecallBuckets.back();

// Pool adjacent violators: the nearest ascending sequence by least squares, in place. value(i): a
// reference.
template <typename Value>
void MakeAscending(size_t n, const Value& value) {
  struct Pool {
    double sum;
    size_t count;
    double mean() const { return sum / static_cast<double>(count); }
  };
  std::vector<Pool> pools;
  for (size_t i = 0; i < n; ++i) {
    pools.push_back({value(i), 1});
    while (pools.size() > 1 && pools[pools.size() - 2].mean() > pools.back().mean()) {
      const Pool last = pools.back();
      pools.pop_back();
      pools.back().sum += last.sum;
      pools.back().count += last.count;
    }
  }
  size_t i = 0;
  for (const Pool& pool : pools) {
    for (size_t j = 0; j < pool.count; ++j) value(i++) = static_cast<float>(pool.mean());
  }
}

float Between(float a, float b, double share) { return a + static_cast<float>(share) * (b - a); }

// Where n lies between low and high, by logarithm.
double LogShare(double low, double high, double n) {
  return std::log(n / low) / std::log(high / low);
}

}  // namespace

RecallCurve::RecallCurve(RecallGrid grid) : grid_(std::move(grid)) {
  Smooth();
  for (size_t kind = 0; kind < kClasses; ++kind) fronts_[kind] = MakeFront(kind);
}

void RecallCurve::Smooth() {
  smooth_ = grid_.cells;
  for (size_t b = 0; b < kRecallBuckets.size(); ++b) {
    for (size_t f = 0; f < grid_.forms(); ++f) {
      MakeAscending(grid_.nprobe.size(),
                    [&](size_t p) -> float& { return smooth_[grid_.index(f, p, b)].recall; });
    }
    const size_t depths = grid_.depths.size();
    for (size_t first = 1; first < grid_.forms(); first += depths) {
      for (size_t p = 0; p < grid_.nprobe.size(); ++p) {
        MakeAscending(depths, [&](size_t d) -> float& {
          return smooth_[grid_.index(first + d, p, b)].recall;
        });
      }
    }
  }
}

RecallGrid::Cell RecallCurve::At(const Place& place, size_t bucket) const {
  const RecallGrid::Cell& low = smooth_[grid_.index(place.form, place.probe, bucket)];
  if (place.by_probe == 0) return low;
  const RecallGrid::Cell& high = smooth_[grid_.index(place.form, place.probe + 1, bucket)];
  return {Between(low.recall, high.recall, place.by_probe), std::max(low.variance, high.variance)};
}

// kind: 2 b is bucket b, 2 b + 1 is above it.
RecallCurve::Setting RecallCurve::MakeSetting(const Place& place, size_t kind) const {
  size_t bucket = kind / 2;
  RecallGrid::Cell cell = At(place, bucket);
  const bool beyond = kind == kClasses - 1;
  Setting setting;
  if (beyond) {
    const double fall = At(place, bucket - 1).recall - cell.recall;
    setting.slope = std::max(0.0, fall) /
                    std::log10(static_cast<double>(kLargest) / kRecallBuckets[bucket - 1]);
  } else if (kind % 2 == 1) {
    const RecallGrid::Cell above = At(place, bucket + 1);
    ++bucket;
    if (above.recall <= cell.recall) cell = above;
  }
  const uint32_t k = kRecallBuckets[bucket];
  const RankForm form = grid_.form(place.form);
  RecallChoice& choice = setting.choice;
  choice.tier = form.tier;
  choice.depth = form.depth;
  double nprobe = grid_.nprobe[place.probe];
  double rows = grid_.rows_scanned[place.probe];
  if (place.by_probe > 0) {
    const double high = grid_.nprobe[place.probe + 1];
    const double exact = nprobe * std::pow(high / nprobe, place.by_probe);
    rows += (grid_.rows_scanned[place.probe + 1] - rows) * (exact - nprobe) / (high - nprobe);
    nprobe = exact;
  }
  choice.nprobe = static_cast<uint32_t>(std::lround(nprobe));
  choice.recall = RecallInterval(cell.recall, cell.variance, grid_.queries, k);
  const double low = RecallInterval(cell.recall, cell.variance, grid_.queries, k, kOneSided90).low;
  setting.serves = std::min<double>(cell.recall, (low + kMoreLoss) / (1 + kMoreLoss));
  choice.cpu_us = grid_.cost.Micros({nprobe, rows, form.tier, static_cast<double>(std::max(form.depth, k))});
  return setting;
}

RecallCurve::Front RecallCurve::MakeFront(size_t kind) const {
  Front all;
  const auto add_probes = [&](Place place) {
    for (size_t p = 0; p < grid_.nprobe.size(); ++p) {
      place.probe = p;
      place.by_probe = 0;
      all.push_back(MakeSetting(place, kind));
      if (p + 1 == grid_.nprobe.size()) break;
      const double low = grid_.nprobe[p], high = grid_.nprobe[p + 1];
      for (double at = std::max(low + 1, low * kProbeStep); at < high - 0.5;
           at = std::max(at + 1, at * kProbeStep)) {
        place.by_probe = LogShare(low, high, std::round(at));
        if (place.by_probe < 1) all.push_back(MakeSetting(place, kind));
      }
    }
  };
  for (size_t f = 0; f < grid_.forms(); ++f) add_probes({.form = f});
  std::sort(all.begin(), all.end(), [](const Setting& a, const Setting& b) {
    if (a.choice.cpu_us != b.choice.cpu_us) return a.choice.cpu_us < b.choice.cpu_us;
    return a.serves > b.serves;
  });
  Front front;
  for (const Setting& setting : all) {
    if (setting.choice.recall.value > 0 && (front.empty() || setting.serves > front.back().serves)) {
      front.push_back(setting);
    }
  }
  front.shrink_to_fit();
  return front;
}

size_t RecallCurve::ClassOf(uint32_t k) {
  for (size_t b = 0; b < kRecallBuckets.size(); ++b) {
    if (k == kRecallBuckets[b]) return 2 * b;
    if (k < kRecallBuckets[b]) return 2 * b - 1;
  }
  return kClasses - 1;
}

RecallChoice RecallCurve::Beyond(const Setting& setting, uint32_t k) const {
  RecallChoice choice = setting.choice;
  const double fall = setting.slope * std::log10(static_cast<double>(k) / kLargest);
  for (double* value : {&choice.recall.value, &choice.recall.low, &choice.recall.high}) {
    *value = std::max(0.0, *value - fall);
  }
  choice.depth = static_cast<uint32_t>(uint64_t{choice.depth} * k / kLargest);
  return choice;
}

std::optional<RecallChoice> RecallCurve::Choose(uint32_t k, double target) const {
  const Front& front = fronts_[ClassOf(std::max<uint32_t>(1, k))];
  if (k <= kLargest) {
    const auto first = std::partition_point(front.begin(), front.end(),
                                           [&](const Setting& s) { return s.serves < target; });
    if (first != front.end()) return first->choice;
    for (const Setting& s : front) {
      if (s.choice.recall.value >= target) return s.choice;
    }
    return std::nullopt;
  }
  const double decades = std::log10(static_cast<double>(k) / kLargest);
  for (const Setting& s : front) {
    if (s.serves - s.slope * decades >= target) return Beyond(s, k);
  }
  for (const Setting& s : front) {
    if (s.choice.recall.value - s.slope * decades >= target) return Beyond(s, k);
  }
  return std::nullopt;
}

TuneResult RecallCurve::Describe() const {
  TuneResult result;
  result.generation = grid_.generation;
  result.rows = grid_.rows;
  result.queries = grid_.queries;
  result.source = grid_.source;
  result.unix_ms = grid_.unix_ms;
  for (const uint32_t k : {1u, 10u, 100u}) {
    for (const Setting& s : fronts_[ClassOf(k)]) {
      const RecallChoice& c = s.choice;
      result.points.push_back({k, c.nprobe, c.tier, c.depth, c.recall, c.cpu_us});
    }
  }
  return result;
}

}  // namespace tessera::engine
