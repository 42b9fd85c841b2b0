// One verification on its way: what it reads, what it has found, how far it is.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "index/engine/snapshot.h"
#include "index/store/store.h"
#include "index/types.h"
#include "index/verification.h"

namespace tessera::engine {

// A state of a collection, from its store alone or with what memory has of it.
struct VerifiedState {
  const store::Store* store = nullptr;
  const store::StoreSnapshot* at = nullptr;
  uint32_t dim = 0;
  Metric metric = Metric::kL2;
  const PayloadSchema* schema = nullptr;
  uint64_t commit = 0;
  uint32_t next_row = 0;
  Generation generation;
  std::shared_ptr<const quant::Model> model;      // null: not trained, or not to be read
  std::shared_ptr<const quant::ListTable> table;  // as `model`
  const lists::ListSet* lists = nullptr;          // null: there is no mirror
  const std::atomic<bool>* closing = nullptr;     // may be null; ends the run when true
};

// The live rows, ascending, and what is known of each so far; arrays are parallel.
struct VerifiedRows {
  static constexpr uint32_t kNoList = UINT32_MAX;
  static constexpr size_t kAbsent = SIZE_MAX;

  std::vector<RowId> rows;
  std::vector<uint64_t> id_hashes;
  std::vector<float> norms;
  std::vector<uint32_t> lists;  // as assigned
  std::vector<uint8_t> seen;    // of the family being read
  std::vector<RowId> unreadable;  // records that may be rows, ascending; none of them is in `rows`

  size_t Find(RowId row) const;
};
uint64_t HashOfId(const PointId& id);

// Not thread-safe.
class VerifyRun {
 public:
  VerifyRun(VerifiedState state, const VerifyOptions& options) : state_(std::move(state)), options_(options) {}

  const VerifiedState& state() const { return state_; }
  const VerifyOptions& options() const { return options_; }
  VerifyReport& report() { return report_; }

  // Of `work` steps, which take the share [begin, end) of the whole.
  void Stage(const char* name, double begin, double end, uint64_t work);
  // Steps done; asks whether to stop, and tells how far it is, every few thousand.
  Status Advance(uint64_t steps = 1);
  Status CheckStop() const;

  void Find(const std::string& where, std::string message);
  void FindRow(const std::string& where, RowId row, const std::string& message);
  void FindPoint(const std::string& where, const PointId& point, std::string message);
  void FindList(const std::string& where, ListId list, std::string message);

  VerifiedRows rows;

 private:
  bool Keeps() { return ++report_.found <= options_.max_findings; }

  const VerifiedState state_;
  const VerifyOptions& options_;
  VerifyReport report_;
  const char* stage_ = "";
  double begin_ = 0;
  double end_ = 0;
  uint64_t work_ = 1;
  uint64_t done_ = 0;
  uint64_t next_report_ = 0;
};

// Reads a family in order of rows below `end`, and on behind what cannot be read: the rows there are looked up one by
// one. scan(begin, end, visit) and get(row, visit) call visit(row, value) for what there is; lost(row, status) is told of
// a row number whose record, if there is one, cannot be read. The first error of `visit` or `lost` ends it, and errors
// of reading that are no DataLoss.
template <typename Scan, typename Get, typename Visit, typename Lost>
Status VisitSurviving(uint32_t end, const Scan& scan, const Get& get, const Visit& visit, const Lost& lost) {
  constexpr uint64_t kLookedUp = 1024;  // before a scan is tried again
  uint64_t next = 0;
  Status visited;
  const auto visit_next = [&](RowId row, const auto& value) {
    next = uint64_t{row.value} + 1;
    visited = visit(row, value);
    return visited;
  };
  while (next < end) {
    const Status read = scan(RowId{static_cast<uint32_t>(next)}, RowId{end}, visit_next);
    if (!visited.ok() || read.ok() || read.code() != absl::StatusCode::kDataLoss) return visited.ok() ? read : visited;
    for (const uint64_t until = std::min<uint64_t>(next + kLookedUp, end); next < until;) {
      const RowId row{static_cast<uint32_t>(next)};
      const Status got = get(row, visit_next);
      TESSERA_RETURN_IF_ERROR(visited);
      next = uint64_t{row.value} + 1;
      if (got.ok()) continue;
      if (got.code() != absl::StatusCode::kDataLoss) return got;
      TESSERA_RETURN_IF_ERROR(lost(row, got));
    }
  }
  return OkStatus();
}

}  // namespace tessera::engine
