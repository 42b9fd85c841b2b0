#include "index/engine/list_cursor.h"

#include <string_view>

#include "index/base/bytes.h"

namespace tessera::engine {
namespace {

constexpr uint8_t kVersion = 1;
constexpr size_t kBytes = 1 + 8 + 4 + 4 + 4;

}  // namespace

std::string EncodeCursor(const ListCursor& cursor) {
  std::string bytes;
  ByteWriter out(bytes);
  out.Put(kVersion);
  out.Put(cursor.commit);
  out.Put(cursor.first.value);
  out.Put(cursor.filter);
  out.Put(Crc32c(bytes));
  return bytes;
}

StatusOr<ListCursor> DecodeCursor(const std::string& bytes) {
  ByteReader in(bytes);
  ListCursor cursor;
  const auto version = in.Get<uint8_t>();
  cursor.commit = in.Get<uint64_t>();
  cursor.first = RowId{in.Get<uint32_t>()};
  cursor.filter = in.Get<uint32_t>();
  const auto crc = in.Get<uint32_t>();
  if (bytes.size() != kBytes || version != kVersion ||
      crc != Crc32c(std::string_view(bytes).substr(0, kBytes - sizeof(crc)))) {
    return InvalidArgument("page_token is none that this collection gave");
  }
  return cursor;
}

}  // namespace tessera::engine
