#include "index/filter/result_cache.h"

#include <utility>

namespace tessera::filter {
namespace {

constexpr size_t kEntryBytes = 160;  // list node, map node, bucket, control block: about

}  // namespace

std::shared_ptr<const RowBits> ResultCache::Find(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) {
    ++stats_.misses;
    return nullptr;
  }
  ++stats_.hits;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->result;
}

void ResultCache::Insert(const std::string& key, std::shared_ptr<const RowBits> result,
                         size_t bytes) {
  bytes += key.size() + kEntryBytes;
  if (bytes > capacity_ / 8) return;
  std::list<Entry> dropped;  // freed after the lock is given back
  const std::lock_guard lock(mutex_);
  if (by_key_.contains(key)) return;  // another thread was faster with the same
  entries_.push_front({key, std::move(result), bytes});
  by_key_.emplace(entries_.front().key, entries_.begin());
  stats_.bytes += bytes;
  while (stats_.bytes > capacity_) {
    ++stats_.evictions;
    stats_.bytes -= entries_.back().bytes;
    by_key_.erase(entries_.back().key);
    dropped.splice(dropped.begin(), entries_, std::prev(entries_.end()));
  }
}

CacheStats ResultCache::stats() const {
  const std::lock_guard lock(mutex_);
  CacheStats stats = stats_;
  stats.entries = entries_.size();
  return stats;
}

}  // namespace tessera::filter
