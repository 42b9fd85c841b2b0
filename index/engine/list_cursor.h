// Where the next page of a list begins, as the bytes of a page token: they come back from a client.
#pragma once

#include <cstdint>
#include <string>

#include "index/status.h"
#include "index/types.h"

namespace tessera::engine {

struct ListCursor {
  uint64_t commit = 0;  // of the state that is listed
  RowId first;          // of the next page
  uint32_t filter = 0;  // crc32c of its expression
};

// u8 version = 1, u64 commit, u32 first, u32 filter, u32 crc32c of all before it.
std::string EncodeCursor(const ListCursor& cursor);
// InvalidArgument for any other bytes.
StatusOr<ListCursor> DecodeCursor(const std::string& bytes);

}  // namespace tessera::engine
