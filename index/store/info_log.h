// RocksDB's own notes, in the file LOG of the database.
#pragma once

#include <rocksdb/env.h>

#include <memory>
#include <string>

namespace tessera::store {

// Warnings and errors, with their time; the file before, once it has 1 MiB, is LOG.old. Never null. What cannot be written
// is lost in silence: RocksDB's own logger aborts the process in Debian's build when a write after a failed one comes.
std::shared_ptr<rocksdb::Logger> OpenInfoLog(const std::string& database);

}  // namespace tessera::store
