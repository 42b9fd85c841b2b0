// Single queries that arrive close together, run as one batch: a block of codes read once serves
// several.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "index/collection.h"
#include "index/deadline.h"
#include "index/status.h"
#include "server/runtime.h"

namespace tessera::server {

struct JoinOptions {
  std::chrono::microseconds wait{
      0};           // that the first query of a group waits for others; 0 = never join
  size_t max = 64;  // queries of a group; a full one runs at once
};

// Thread-safe. Queries join if collection and parameters are equal (the stop token apart). Every
// query has an answer of its own: one that is bad, late or cancelled leaves the others of its group
// untouched. Whoever owns this waits for all answers before it goes; a group never waits longer
// than `wait` for its run.
class QueryJoiner {
 public:
  // Called once, on a compute thread.
  using Done = std::function<void(StatusOr<QueryResult>)>;

  QueryJoiner(Runtime& runtime, const JoinOptions& options)
      : runtime_(runtime), options_(options) {}
  QueryJoiner(const QueryJoiner&) = delete;
  QueryJoiner& operator=(const QueryJoiner&) = delete;

  // Whether such queries are joined: joining is on, and their cost is the search's. Those that read
  // every row or fetch vectors, those with a filter, and those that ask for times, run alone.
  bool Takes(const QueryParams& params) const;
  bool is_on() const { return options_.wait.count() > 0 && options_.max > 1; }
  // query: one row of the collection's dimension; what it borrows must live until `done`.
  // Precondition: Takes().
  void Add(std::shared_ptr<Collection> collection, MatrixView<const float> query,
           const QueryParams& params, Done done);

 private:
  struct Member {
    const float* query;
    StopToken stop;
    Done done;
  };
  struct Group;
  using GroupPtr = std::shared_ptr<Group>;

  // The group that such a query may join, or a new one with its timer. Under mutex_.
  GroupPtr OpenGroup(const std::shared_ptr<Collection>& collection, uint32_t dim,
                     const QueryParams& params);
  // Closes a group and has it run; nothing if that has happened.
  void Close(const GroupPtr& group);
  static void Run(Group& group);
  static StatusOr<std::vector<QueryResult>> Search(const Group& group, const float* rows, size_t n);

  Runtime& runtime_;
  const JoinOptions options_;
  std::mutex mutex_;
  std::vector<GroupPtr> open_;  // few: one for each kind of query under way
};

}  // namespace tessera::server
