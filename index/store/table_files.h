// Sorted files of a database, looked at before RocksDB does.
#pragma once

#include <string>

#include "index/status.h"

namespace tessera::store {

// DataLoss names a file (*.sst) in `directory` whose block of properties cannot be one: RocksDB makes a block of it before
// it compares the checksum, and built with assertions, as Debian does, ends the process. All else it finds by
// itself. Unavailable if a file cannot be read. Three small reads a file.
Status CheckTableFiles(const std::string& directory);

}  // namespace tessera::store
