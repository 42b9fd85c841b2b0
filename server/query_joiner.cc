#include "server/query_joiner.h"

#include <algorithm>
#include <utility>

#include "server/guarded.h"

namespace tessera::server {
namespace {

// The stop token apart.
bool SameSearch(const QueryParams& a, const QueryParams& b) {
  return a.limit == b.limit && a.offset == b.offset && a.nprobe == b.nprobe &&
         a.rerank == b.rerank && a.rerank_depth == b.rerank_depth &&
         a.target_recall == b.target_recall &&
         a.score_threshold == b.score_threshold;
}

}  // namespace

struct QueryJoiner::Group {
  std::shared_ptr<Collection> collection;
  uint32_t dim = 0;
  QueryParams params;
  std::vector<Member> members;
  std::unique_ptr<Runtime::Timer> timer;
};

bool QueryJoiner::Takes(const QueryParams& params) const {
  return is_on() && !params.filter && !params.exact && !params.with_vector &&
         !params.with_payload && !params.explain;
}

void QueryJoiner::Add(std::shared_ptr<Collection> collection, MatrixView<const float> query,
                      const QueryParams& params, Done done) {
  GroupPtr full;
  {
    std::lock_guard lock(mutex_);
    const GroupPtr group = OpenGroup(collection, query.dim(), params);
    group->members.push_back({query.row(0), params.stop, std::move(done)});
    if (group->members.size() >= options_.max) full = group;
  }
  if (full != nullptr) Close(full);
}

QueryJoiner::GroupPtr QueryJoiner::OpenGroup(const std::shared_ptr<Collection>& collection,
                                             uint32_t dim, const QueryParams& params) {
  for (const GroupPtr& group : open_) {
    // One may be full and on its way out.
    if (group->collection == collection && SameSearch(group->params, params) &&
        group->members.size() < options_.max) {
      return group;
    }
  }
  auto group = std::make_shared<Group>();
  group->collection = collection;
  group->dim = dim;
  group->params = params;
  group->members.reserve(std::min<size_t>(options_.max, 16));
  group->timer = runtime_.After(options_.wait, [this, weak = std::weak_ptr(group)] {
    if (const GroupPtr due = weak.lock()) Close(due);
  });
  open_.push_back(group);
  return group;
}

void QueryJoiner::Close(const GroupPtr& group) {
  std::unique_ptr<Runtime::Timer> timer;
  {
    std::lock_guard lock(mutex_);
    if (std::erase(open_, group) == 0) return;
    timer = std::move(group->timer);
  }
  timer.reset();
  runtime_.compute().Post([group] { Run(*group); });
}

void QueryJoiner::Run(Group& group) {
  // Nobody waits any more for what expired in the group.
  std::vector<Member> wanted;
  std::vector<float> rows;
  StopToken::Clock::time_point latest = StopToken::Clock::time_point::min();
  for (Member& member : group.members) {
    if (Status status = member.stop.Check(); !status.ok()) {
      member.done(std::move(status));
      continue;
    }
    rows.insert(rows.end(), member.query, member.query + group.dim);
    latest = std::max(latest, member.stop.deadline());
    wanted.push_back(std::move(member));
  }
  if (wanted.empty()) return;
  // It goes on as long as anyone may want it; one member's cancellation does not stop the others.
  group.params.stop = wanted.size() == 1 ? wanted.front().stop : StopToken(latest);
  auto results = Search(group, rows.data(), wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i) {
    Member& member = wanted[i];
    if (!results.ok() && wanted.size() > 1) {
      // One of them is bad, and the rest must not pay for it: each by itself has its own error.
      group.params.stop = member.stop;
      auto alone = Search(group, rows.data() + i * group.dim, 1);
      member.done(alone.ok() ? StatusOr<QueryResult>(std::move(alone->front())) : alone.status());
      continue;
    }
    Status status = results.ok() ? member.stop.Check() : results.status();
    member.done(status.ok() ? StatusOr<QueryResult>(std::move((*results)[i])) : std::move(status));
  }
}

StatusOr<std::vector<QueryResult>> QueryJoiner::Search(const Group& group, const float* rows,
                                                       size_t n) {
  StatusOr<std::vector<QueryResult>> results = Internal("not run");
  const Status status = Guarded([&] {
    results = group.collection->QueryBatch({rows, n, group.dim}, group.params);
    return results.status();
  });
  if (!status.ok()) return status;
  return results;
}

}  // namespace tessera::server
