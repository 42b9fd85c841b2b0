// A manifest whose last record a power failure tore. Private to this folder.
#pragma once

#include <rocksdb/file_system.h>

#include <memory>

namespace tessera::store {

// `base`, where a manifest with a torn end (log_files.h) reads as if it ended before: RocksDB opens one that was cut
// short, and refuses one whose end became zeros, which a file system may leave of what was not synced. What a torn
// record held was never acknowledged; the commit that is known to be durable is compared after that (durable_mark.h).
std::shared_ptr<rocksdb::FileSystem> WithoutTornEnds(const std::shared_ptr<rocksdb::FileSystem>& base);

}  // namespace tessera::store
