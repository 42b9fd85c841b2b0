// The one mapping from RocksDB's status to ours. Private to this folder.
#pragma once

#include <rocksdb/status.h>

#include <string>

#include "index/status.h"

namespace tessera::store {

// `doing` comes first in the message, e.g. "write". Corruption is DataLoss, a full disk
// ResourceExhausted, any other failure of a file Unavailable.
Status FromRocks(const rocksdb::Status& status, const std::string& doing);

}  // namespace tessera::store
