// Results of filters, kept while there is room: least recently used first out.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace tessera::filter {

struct RowBits;

struct CacheStats {
  uint64_t hits = 0;
  uint64_t misses = 0;
  uint64_t evictions = 0;
  uint64_t entries = 0;
  uint64_t bytes = 0;  // results, keys and bookkeeping
};

// Thread-safe; its lock is a leaf. What is evicted lives on with those who hold it.
class ResultCache {
 public:
  explicit ResultCache(size_t capacity_bytes) : capacity_(capacity_bytes) {}

  // Null if it is not there.
  std::shared_ptr<const RowBits> Find(const std::string& key);
  // A result of `bytes`. Nothing is kept that would take more than an eighth of the room.
  void Insert(const std::string& key, std::shared_ptr<const RowBits> result, size_t bytes);
  CacheStats stats() const;

 private:
  struct Entry {
    std::string key;
    std::shared_ptr<const RowBits> result;
    size_t bytes;
  };

  const size_t capacity_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  // most recently used first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_key_;
  CacheStats stats_;
};

}  // namespace tessera::filter
