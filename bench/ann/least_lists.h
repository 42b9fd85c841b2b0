// The fewest lists with which a recall is reached.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "bench/ann/measure.h"
#include "bench/report/recall.h"
#include "index/status.h"

namespace tessera::bench {

// The queries in an order drawn by a fixed seed, in blocks: 500, then as many again as there were
// before, to the end.
std::vector<QuerySet> InBlocks(const QuerySet& queries);

// Recall@10 of one form of rerank at any number of lists. A setting that is far from the target is
// judged by the first blocks: where recall so far is off by three standard errors (a query's recall,
// between 0 and 1 with mean p, varies by p (1 - p) at most). One that is near it has all queries asked.
// What was measured is remembered. Borrows `subject` and `blocks`.
class LeastLists {
 public:
  LeastLists(Subject& subject, const std::vector<QuerySet>& blocks, const Setting& setting)
      : subject_(subject), blocks_(blocks), setting_(setting) {}

  const Setting& setting() const { return setting_; }  // its nprobe means nothing
  // The setting with the fewest lists that reach recall@10 of `target`; nprobe 0 if none does.
  StatusOr<Setting> Reaching(double target);

 private:
  struct Known {
    Recall recall;
    size_t blocks = 0;  // that were asked
  };
  StatusOr<bool> Reaches(uint32_t nprobe, double target);

  Subject& subject_;
  const std::vector<QuerySet>& blocks_;
  Setting setting_;
  std::map<uint32_t, Known> known_;  // by nprobe
};

// The least n in [1, most] with reaches(n), for a predicate that stays true once it is; 0 if none.
// Asks O(log n) times. Stops at the first error.
StatusOr<uint32_t> LeastReaching(uint32_t most,
                                 const std::function<StatusOr<bool>(uint32_t)>& reaches);

}  // namespace tessera::bench
