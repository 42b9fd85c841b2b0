#include "index/engine/rebalance.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "index/engine/list_change.h"
#include "index/quant/training_size.h"
#include "index/simd/kernels.h"

namespace tessera::engine {
namespace {

constexpr double kLongest = 3;           // times the wanted mean, before a list is split
constexpr double kShortest = 0.125;      // of it, before it is merged
constexpr double kLeastPart = 0.1875;    // of it that a new list has, so that it is not merged at once
constexpr double kEnoughLists = 0.875;   // of the wanted ones, before their number is made up
constexpr double kWorthSplitting = 4.0 / 3;  // times the wanted mean, where lists are too few
// Changes of lists in one go, for each list: more are a circle.
constexpr uint64_t kMostChanges = 8;
constexpr uint64_t kStepRows = 4096;     // changed in one commit, about: as many as a group of writes has
constexpr size_t kStepLists = 256;       // and at most so many lists
constexpr uint64_t kLeastChanges = 1024; // rows written or deleted before lists are looked at again
constexpr uint64_t kPartChanged = 64;    // and such a part of them

uint32_t LiveRows(const Snapshot& snapshot, ListId id) {
  const lists::List* list = snapshot.lists.list(id);
  return list ? list->live_rows : 0;
}

// The lists nearest to `seed`, itself first, that have kStepRows rows together.
std::vector<ListId> Neighbourhood(const Snapshot& snapshot, ListId seed) {
  const quant::ListTable& table = *snapshot.table;
  std::vector<float> products(table.nlist());
  simd::ActiveKernels().dot_rows(table.centroid(seed), table.centroids().data(), table.nlist(), table.dim(), table.dim(),
                                 products.data());
  std::vector<std::pair<float, uint32_t>> nearest;
  for (uint32_t l = 0; l < table.nlist(); ++l) {
    if (l != seed.value) nearest.emplace_back(table.norms()[l] - 2 * products[l], l);
  }
  const size_t most = std::min<size_t>(nearest.size(), kStepLists);
  std::partial_sort(nearest.begin(), nearest.begin() + static_cast<ptrdiff_t>(most), nearest.end());
  std::vector<ListId> lists = {seed};
  uint64_t rows = LiveRows(snapshot, seed);
  for (size_t i = 0; i < most; ++i) {
    const ListId list{nearest[i].second};
    rows += LiveRows(snapshot, list);
    if (rows > kStepRows) break;
    lists.push_back(list);
  }
  return lists;
}

class Rebalance {
 public:
  Rebalance(Core& core, Committer& committer, const StopToken& stop) : core_(core), committer_(committer), stop_(stop) {}

  StatusOr<RebalanceResult> Run() {
    const auto begin = std::chrono::steady_clock::now();
    const Status status = TakeSteps();
    // What a training cut short is due again; what failed is not tried at once.
    if (seen_ && !core_.training) {
      core_.rebalanced_next_row = seen_->next_row;
      core_.rebalanced_rows = seen_->lists.live_rows();
    }
    TESSERA_RETURN_IF_ERROR(status);
    result_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    return result_;
  }

 private:
  Status TakeSteps() {
    for (bool more = true; more && !core_.training && !core_.closing && !core_.read_only;) {
      TESSERA_RETURN_IF_ERROR(stop_.Check());
      TESSERA_ASSIGN_OR_RETURN(more, Step());
    }
    return OkStatus();
  }
  // False if nothing is left to do.
  StatusOr<bool> Step();
  StatusOr<bool> Split(const SnapshotPtr& snapshot, ListId longest, double mean_rows);
  StatusOr<bool> Merge(const SnapshotPtr& snapshot, const std::vector<ListId>& shortest);
  StatusOr<bool> Change(const SnapshotPtr& snapshot, const ListChangeRequest& request, bool& refused);

  Core& core_;
  Committer& committer_;
  const StopToken& stop_;
  RebalanceResult result_;
  SnapshotPtr seen_;  // that was planned for last
  std::set<ListId> unsplit_;
  bool growing_ = false;  // lists were too few: until they are enough
  int in_vain_ = 0;       // changes one after another that writes overtook
};

StatusOr<bool> Rebalance::Step() {
  const SnapshotPtr snapshot = core_.snapshot.Get();
  seen_ = snapshot;
  if (result_.splits + result_.merges >= kMostChanges * snapshot->lists.nlist()) return false;
  if (!snapshot->trained()) return false;
  QuantizerSpec asked;
  {
    std::lock_guard lock(core_.spec_mutex);
    asked = core_.spec.quantizer;
  }
  const ListWishes wishes = PlanLists(*snapshot, asked, growing_, unsplit_);
  growing_ = wishes.too_few;
  if (!wishes.split.empty()) return Split(snapshot, wishes.split.front(), wishes.mean_rows);
  if (!wishes.merge.empty()) return Merge(snapshot, wishes.merge);
  return false;
}

// With its neighbours, as many lists of them all as would be made of so many rows. Where these are short, a very long
// list is split alone, another not at all.
StatusOr<bool> Rebalance::Split(const SnapshotPtr& snapshot, ListId longest, double mean_rows) {
  ListChangeRequest request;
  request.lists = Neighbourhood(*snapshot, longest);
  uint64_t rows = 0;
  for (const ListId list : request.lists) rows += LiveRows(*snapshot, list);
  const size_t go = request.lists.size();
  if (static_cast<double>(rows) / mean_rows < static_cast<double>(go + std::max<size_t>(1, go / 8))) {
    rows = LiveRows(*snapshot, longest);
    request.lists = {longest};
    if (static_cast<double>(rows) <= kLongest * mean_rows) {
      unsplit_.insert(longest);
      return true;
    }
  }
  request.come = static_cast<uint32_t>(std::lround(static_cast<double>(rows) / mean_rows));
  request.least_rows = static_cast<uint32_t>(kLeastPart * mean_rows);
  const uint32_t before = snapshot->lists.nlist();
  bool refused = false;
  TESSERA_ASSIGN_OR_RETURN(const bool more, Change(snapshot, request, refused));
  // The numbers of those that went are others' now.
  if (!refused) std::erase_if(unsplit_, [&](ListId list) { return std::ranges::count(request.lists, list) > 0; });
  if (refused) unsplit_.insert(longest);
  const uint32_t after = core_.snapshot.Get()->lists.nlist();
  const uint32_t splits = after - std::min(after, before);
  result_.splits += splits;
  core_.list_splits += splits;
  return more;
}

StatusOr<bool> Rebalance::Merge(const SnapshotPtr& snapshot, const std::vector<ListId>& shortest) {
  ListChangeRequest request;
  uint64_t rows = 0;
  for (const ListId list : shortest) {
    // The last list takes the place of one that goes.
    const auto last = static_cast<uint32_t>(snapshot->lists.nlist() - request.lists.size() - 1);
    const uint64_t moved = LiveRows(*snapshot, list) + LiveRows(*snapshot, ListId{last});
    if (!request.lists.empty() && rows + moved > kStepRows) break;
    request.lists.push_back(list);
    rows += moved;
  }
  const uint32_t before = snapshot->lists.nlist();
  bool refused = false;
  TESSERA_ASSIGN_OR_RETURN(const bool more, Change(snapshot, request, refused));
  unsplit_.clear();  // their numbers may be others'
  const uint32_t after = core_.snapshot.Get()->lists.nlist();
  const uint32_t merges = before - std::min(after, before);
  result_.merges += merges;
  core_.list_merges += merges;
  return more;
}

StatusOr<bool> Rebalance::Change(const SnapshotPtr& snapshot, const ListChangeRequest& request, bool& refused) {
  TESSERA_ASSIGN_OR_RETURN(const ListChangeResult done, ChangeLists(core_, committer_, snapshot, request, stop_));
  refused = done.refused;
  if (refused) return true;
  if (!done.applied) return ++in_vain_ < 3;
  in_vain_ = 0;
  result_.moved_rows += done.moved_rows;
  core_.list_moves += done.moved_rows;
  return true;
}

}  // namespace

bool ListsLag(const Core& core, const Snapshot& snapshot) {
  if (!snapshot.trained()) return false;
  if (core.rebalancing) return true;
  const uint64_t rows = snapshot.lists.live_rows();
  const uint64_t added = snapshot.next_row - std::min<uint64_t>(core.rebalanced_next_row, snapshot.next_row);
  const uint64_t before = core.rebalanced_rows + added;
  const uint64_t removed = before - std::min(before, rows);
  return added + removed >= std::max(kLeastChanges, rows / kPartChanged);
}

ListWishes PlanLists(const Snapshot& snapshot, const QuantizerSpec& asked, bool growing,
                     const std::set<ListId>& unsplit) {
  ListWishes wishes;
  const uint64_t rows = snapshot.lists.live_rows();
  const uint32_t nlist = snapshot.lists.nlist();
  const uint32_t wanted = quant::Resolve(asked, snapshot.model->dim, rows, rows).nlist;
  const double mean = static_cast<double>(rows) / wanted;
  wishes.mean_rows = mean;
  wishes.too_few = nlist < (growing ? 1 : kEnoughLists) * wanted;
  const double longest = mean * (wishes.too_few ? kWorthSplitting : kLongest);
  for (uint32_t l = 0; l < nlist; ++l) {
    const uint32_t live = LiveRows(snapshot, ListId{l});
    if (live < kShortest * mean) wishes.merge.push_back(ListId{l});
    if (live > longest && !unsplit.contains(ListId{l})) wishes.split.push_back(ListId{l});
  }
  const auto by_rows = [&](ListId a, ListId b) {
    const uint32_t rows_a = LiveRows(snapshot, a);
    const uint32_t rows_b = LiveRows(snapshot, b);
    return rows_a != rows_b ? rows_a < rows_b : a < b;
  };
  std::sort(wishes.merge.begin(), wishes.merge.end(), by_rows);
  std::sort(wishes.split.rbegin(), wishes.split.rend(), by_rows);
  if (wishes.merge.size() >= nlist) wishes.merge.resize(nlist - 1);
  return wishes;
}

StatusOr<RebalanceResult> RebalanceLists(Core& core, Committer& committer, const StopToken& stop) {
  return Rebalance(core, committer, stop).Run();
}

void PostRebalance(const std::shared_ptr<Core>& core, const std::shared_ptr<Committer>& committer) {
  if (!core->options.background || !core->options.rebalance || core->read_only || core->training) return;
  const SnapshotPtr snapshot = core->snapshot.Get();
  if (!snapshot || !ListsLag(*core, *snapshot) || core->rebalancing.exchange(true)) return;
  core->options.background->Post([core, committer] {
    // What fails is tried again when more was written.
    if (const Pass pass(core->gate); pass) (void)RebalanceLists(*core, *committer, StopToken());
    core->rebalancing = false;
  });
}

}  // namespace tessera::engine
