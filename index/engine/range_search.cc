#include "index/engine/range_search.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <utility>
#include <vector>

#include "index/engine/filter_masks.h"
#include "index/engine/hit_builder.h"
#include "index/engine/sample.h"
#include "index/quant/query.h"

namespace tessera::engine {
namespace {

constexpr size_t kStepRows = 65536;  // row ids between two visits
constexpr size_t kTaskRows = 4096;
constexpr size_t kVisitHits = 256;
// Rows of a step, below which they are fetched one by one: a scan reads all between them.
constexpr size_t kFewRows = kStepRows / 20;

class RangeSearch {
 public:
  RangeSearch(const Core& core, const ReadView& view, const QueryTarget& target, const RangeParams& params)
      : core_(core), view_(view), snapshot_(*view.snapshot), target_(target), params_(params) {}

  StatusOr<RangeResult> Run(const RangeVisitor& visit) {
    result_.commit = snapshot_.commit;
    if (params_.filter) {
      TESSERA_ASSIGN_OR_RETURN(passing_, core_.filter_masks.Get(snapshot_, *core_.store, *params_.filter));
    }
    for (uint64_t begin = 0; begin < snapshot_.next_row; begin += kStepRows) {
      TESSERA_RETURN_IF_ERROR(params_.stop.Check());
      const auto end = static_cast<uint32_t>(std::min<uint64_t>(begin + kStepRows, snapshot_.next_row));
      TESSERA_RETURN_IF_ERROR(Step(RowId{static_cast<uint32_t>(begin)}, RowId{end}));
      TESSERA_RETURN_IF_ERROR(Hand(visit));
    }
    return result_;
  }

 private:
  // Gathers the hits of some rows.
  Status Step(RowId begin, RowId end) {
    found_.clear();
    std::vector<RowId> few;
    if (passing_) {
      few = passing_->rows.Rows(begin, kFewRows + 1);
      while (!few.empty() && few.back() >= end) few.pop_back();
      if (few.empty()) return OkStatus();
    }
    const bool fetched = passing_ && few.size() <= kFewRows;
    const size_t n = fetched ? few.size() : end.value - begin.value;
    std::mutex mutex;
    Status status;
    ParallelFor(*core_.options.compute, n, kTaskRows, [&](size_t first, size_t last) {
      Part part;
      Status done = fetched ? Fetch({few.begin() + static_cast<ptrdiff_t>(first),
                                     few.begin() + static_cast<ptrdiff_t>(last)}, part)
                            : Scan(RowId{begin.value + static_cast<uint32_t>(first)},
                                   RowId{begin.value + static_cast<uint32_t>(last)}, part);
      std::lock_guard lock(mutex);
      if (status.ok() && !done.ok()) status = std::move(done);
      found_.insert(found_.end(), part.found.begin(), part.found.end());
      result_.rows_compared += part.compared;
    });
    return status;
  }

  struct Part {
    std::vector<RankedRow> found;
    uint64_t compared = 0;
    std::vector<float> floats;
  };

  Status Compare(RowId row, const store::VectorView& vector, Part& part) const {
    if (view_.IsExpired(row)) return OkStatus();
    if (std::binary_search(target_.left_out.begin(), target_.left_out.end(), row)) return OkStatus();
    part.floats.resize(core_.dim);
    TESSERA_RETURN_IF_ERROR(StoredFloats(core_, row, vector, part.floats.data()));
    const float score =
        quant::ExactScore(core_.metric, target_.vector.data(), part.floats.data(), core_.dim);
    ++part.compared;
    if (!RanksBefore(core_.metric, params_.radius, score)) part.found.push_back({score, row, true, true, 0});
    return OkStatus();
  }

  Status Fetch(const std::vector<RowId>& rows, Part& part) const {
    TESSERA_RETURN_IF_ERROR(params_.stop.Check());
    TESSERA_ASSIGN_OR_RETURN(const auto vectors, core_.store->GetVectors(rows, snapshot_.store.get()));
    for (size_t i = 0; i < rows.size(); ++i) {
      if (vectors[i]) TESSERA_RETURN_IF_ERROR(Compare(rows[i], vectors[i]->view(), part));
    }
    return OkStatus();
  }

  Status Scan(RowId begin, RowId end, Part& part) const {
    TESSERA_RETURN_IF_ERROR(params_.stop.Check());
    return core_.store->ScanVectors(begin, end, snapshot_.store.get(),
                                    [&](RowId row, const store::VectorView& vector) -> Status {
                                      if (passing_ && !passing_->rows.Contains(row)) return OkStatus();
                                      return Compare(row, vector, part);
                                    });
  }

  // Tasks end in any order: by row, the same search gives the same sequence.
  Status Hand(const RangeVisitor& visit) {
    std::sort(found_.begin(), found_.end(),
              [](const RankedRow& a, const RankedRow& b) { return a.row < b.row; });
    for (size_t begin = 0; begin < found_.size(); begin += kVisitHits) {
      const size_t count = std::min(kVisitHits, found_.size() - begin);
      std::vector<Hit> hits(count);
      for (size_t i = 0; i < count; ++i) {
        hits[i].score = found_[begin + i].score;
        hits[i].exact = true;
      }
      TESSERA_RETURN_IF_ERROR(FetchHits(core_, snapshot_, {found_.data() + begin, count}, params_.with_vector,
                                        params_.with_payload, hits));
      TESSERA_RETURN_IF_ERROR(visit(hits));
      result_.hits += count;
      TESSERA_RETURN_IF_ERROR(params_.stop.Check());
    }
    return OkStatus();
  }

  const Core& core_;
  const ReadView& view_;
  const Snapshot& snapshot_;
  const QueryTarget& target_;
  const RangeParams& params_;
  FilteredRowsPtr passing_;  // null without a filter
  std::vector<RankedRow> found_;
  RangeResult result_;
};

}  // namespace

StatusOr<RangeResult> SearchRange(const Core& core, const ReadView& view, const QueryTarget& target,
                                  const RangeParams& params, const RangeVisitor& visit) {
  if (std::isnan(params.radius)) return InvalidArgument("radius is NaN");
  if (core.metric == Metric::kL2 && params.radius < 0) {
    return InvalidArgument("radius is " + std::to_string(params.radius) +
                           ", a squared distance is never below 0");
  }
  return RangeSearch(core, view, target, params).Run(visit);
}

}  // namespace tessera::engine
