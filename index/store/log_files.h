// RocksDB's logs, the manifest and the write-ahead ones, read as bytes: whether each ends where its last record ends.
// Their format: blocks of 32 KiB of records, each a masked crc32c, a length, a type and the bytes (RocksDB wiki, "Write
// Ahead Log File Format").
#pragma once

#include <string>
#include <string_view>

#include "index/status.h"

namespace tessera::store {

// True if all records are whole and nothing but zeros follows the last one. False is no damage yet: a power failure
// leaves such an end too.
bool IsWholeLog(std::string_view bytes);

// All of them, but of a log whose last piece is damaged, ends in zeros and has nothing but zeros behind it: those before
// that piece. What was not synced ends so after a power failure.
size_t BytesBeforeTornEnd(std::string_view bytes);

// Of the present manifest and all write-ahead logs of the database in `directory`. Unavailable if one cannot be read.
StatusOr<bool> AreLogsWhole(const std::string& directory);

}  // namespace tessera::store
