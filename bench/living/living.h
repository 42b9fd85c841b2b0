// What the programs of this folder share: a collection that changes, and its recall.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/report/file_rows.h"
#include "index/catalog.h"
#include "index/status.h"
#include "index/thread_pool.h"

namespace tessera::bench {

using Clock = std::chrono::steady_clock;
inline double SecondsSince(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

struct LivingOptions {
  std::string directory;  // must not exist or be empty
  std::string quantizer;
  Metric metric = Metric::kL2;
  bool background = false;  // trains, tunes and changes lists by itself
};

// A row to be written: the vector of row `vector` of the base under `id`.
struct Placed {
  uint64_t id = 0;
  size_t vector = 0;
};

// Two threads compute, one commits, one works in the background. Writes are not synced one by one.
class Living {
 public:
  Living(const FileRows& base, const FileRows& queries) : base_(base), queries_(queries) {}
  Status Open(const LivingOptions& options);
  // With the payload {"n": id} if asked.
  Status Insert(const std::vector<Placed>& rows, bool payload = false);
  Status Delete(const std::vector<uint64_t>& ids);
  // 10-recall@10 against exact search of the rows there are now. share: of the lists that are probed.
  StatusOr<double> Recall(double share, RerankTier rerank);
  // Forgets what exact search found, after a change.
  void Changed() { truth_.clear(); }
  Collection& collection() { return *collection_; }

 private:
  Status FindTruth();

  const FileRows& base_;
  const FileRows& queries_;
  ThreadPoolExecutor compute_{2};
  ThreadPoolExecutor io_{1};
  ThreadPoolExecutor background_{1};
  std::unique_ptr<Catalog> catalog_;
  std::shared_ptr<Collection> collection_;
  std::vector<std::vector<uint64_t>> truth_;
};

// Rows in order of `clusters` clusters by k-means on a sample, the clusters in random order: as data come that drift.
StatusOr<std::vector<std::vector<size_t>>> ClusterRows(const FileRows& base, uint32_t clusters);

// A field of /proc/self/status in MiB.
double StatusMiB(const std::string& field);

// The programs; args without their name. Each prints what it finds.
Status RunRecall(const std::vector<std::string>& args);
Status RunReclaim(const std::vector<std::string>& args);
Status RunStream(const std::vector<std::string>& args);

}  // namespace tessera::bench
