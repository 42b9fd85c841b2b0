// Every RocksDB option that is not the default, each with its reason. Private to this folder.
#pragma once

#include <rocksdb/cache.h>
#include <rocksdb/options.h>
#include <rocksdb/rate_limiter.h>
#include <rocksdb/write_buffer_manager.h>

#include <memory>
#include <string>

#include "index/store/store.h"

namespace tessera::store {

struct SharedResources::Impl {
  std::shared_ptr<rocksdb::Cache> cache;
  std::shared_ptr<rocksdb::WriteBufferManager> write_buffers;
  std::shared_ptr<rocksdb::RateLimiter> write_rate;
  int background_threads = 0;
};

// `env` null: the process's default.
rocksdb::DBOptions DatabaseOptions(const SharedResources::Impl& shared, rocksdb::Env* env);

// By the family's name; every name that keys.h can build, and `default`.
rocksdb::ColumnFamilyOptions FamilyOptions(const SharedResources::Impl& shared,
                                           const std::string& family);

// A scan of [begin, upper): reads once, so it does not displace what searches keep in the cache.
rocksdb::ReadOptions ScanOptions(const rocksdb::Snapshot* at, const rocksdb::Slice* upper);

rocksdb::WriteOptions WriteOptionsFor(Durability durability);

}  // namespace tessera::store
