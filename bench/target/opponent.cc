#include "bench/target/opponent.h"

#include <algorithm>
#include <cstdio>
#include <limits>
#include <memory>

#include "bench/ann/least_lists.h"
#include "bench/ann/measure.h"
#include "bench/report/statistics.h"

namespace tessera::bench {
namespace {

constexpr double kSeconds = 0.05;  // of one timing
constexpr size_t kRounds = 5;
constexpr double kTooSlow = 1.5;  // times the fastest of the first timing: not timed again
constexpr size_t kFinalists = 3;

// A form of rerank with the least it can cost.
struct Form {
  std::unique_ptr<LeastLists> lists;
  double floor_us = 0;
};

struct Timed {
  Setting setting;
  double first_us = 0;
  std::vector<double> us;
};

class OpponentSearch {
 public:
  OpponentSearch(Subject& subject, const QuerySet& queries, const Options& options)
      : subject_(subject), queries_(queries), options_(options), blocks_(InBlocks(queries)) {}

  Status Start() {
    subject_.UseThreads(1);
    for (const RerankChoice& rerank : options_.rerank) {
      const Setting setting{false, 1, 1, 1, rerank, options_.k};
      TESSERA_ASSIGN_OR_RETURN(const double floor_us, Micros(setting));
      forms_.push_back({std::make_unique<LeastLists>(subject_, blocks_, setting), floor_us});
    }
    // The cheap ones first: they bound the others.
    std::stable_sort(forms_.begin(), forms_.end(),
                     [](const Form& a, const Form& b) { return a.floor_us < b.floor_us; });
    return OkStatus();
  }

  // Empty if nothing reaches it.
  StatusOr<std::vector<Setting>> Find(double target) {
    std::vector<Timed> all;
    double best = std::numeric_limits<double>::infinity();
    for (Form& form : forms_) {
      if (form.floor_us > best) continue;
      TESSERA_ASSIGN_OR_RETURN(const Setting setting, form.lists->Reaching(target));
      if (setting.nprobe == 0) continue;
      subject_.UseThreads(1);
      TESSERA_ASSIGN_OR_RETURN(const double us, Micros(setting));
      best = std::min(best, us);
      all.push_back({setting, us, {}});
    }
    std::erase_if(all, [&](const Timed& one) { return one.first_us > kTooSlow * best; });
    for (size_t round = 0; round < kRounds; ++round) {
      for (Timed& one : all) {
        TESSERA_ASSIGN_OR_RETURN(const double us, Micros(one.setting));
        one.us.push_back(us);
      }
    }
    std::stable_sort(all.begin(), all.end(), [](const Timed& a, const Timed& b) {
      return Median(a.us) < Median(b.us);
    });
    if (all.size() > kFinalists) all.resize(kFinalists);
    std::vector<Setting> settings;
    for (const Timed& one : all) settings.push_back(one.setting);
    return settings;
  }

 private:
  StatusOr<double> Micros(const Setting& setting) {
    TESSERA_ASSIGN_OR_RETURN(const Timing timing,
                             MeasureTime(subject_, queries_, setting, kSeconds, &next_));
    return 1e6 / timing.qps_cpu;
  }

  Subject& subject_;
  const QuerySet& queries_;
  const Options& options_;
  const std::vector<QuerySet> blocks_;
  std::vector<Form> forms_;
  size_t next_ = 0;
};

}  // namespace

StatusOr<std::vector<Trial>> FindOpponents(Subject& subject, const QuerySet& queries,
                                           const Options& options,
                                           const std::function<void(const std::string&)>& log) {
  OpponentSearch search(subject, queries, options);
  TESSERA_RETURN_IF_ERROR(search.Start());
  std::vector<Trial> trials;
  for (const double target : options.tune_recall) {
    TESSERA_ASSIGN_OR_RETURN(const std::vector<Setting> settings, search.Find(target));
    for (const Setting& setting : settings) trials.push_back({setting, target});
    char text[80];
    std::snprintf(text, sizeof(text), "fixed parameters for recall %.3f: %s", target,
                  settings.empty() ? "none" : "found");
    log(text);
  }
  return trials;
}

}  // namespace tessera::bench
