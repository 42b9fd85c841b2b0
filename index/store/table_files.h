// Sorted files of a database, looked at before RocksDB does. Private to this folder.
#pragma once

#include <rocksdb/file_system.h>

#include <memory>
#include <string>
#include <vector>

#include "index/status.h"

namespace tessera::store {

// The files (*.sst) in `directory` whose block of properties cannot be one: RocksDB makes a block of it before it
// compares the checksum, and built with assertions, as Debian does, ends the process. All other damage it finds by
// itself. Unavailable if a file cannot be read. Three small reads a file.
StatusOr<std::vector<std::string>> DamagedTableFiles(const std::string& directory);

// `base`, where to open one of `files` for reading is DataLoss: the rest of a database can be read.
std::shared_ptr<rocksdb::FileSystem> WithoutFiles(const std::shared_ptr<rocksdb::FileSystem>& base,
                                                  std::vector<std::string> files);

}  // namespace tessera::store
