#include "index/store/keys.h"

#include <charconv>
#include <cstring>

namespace tessera::store {
namespace {

void StoreBe32(uint32_t value, char* out) {
  const uint32_t big = __builtin_bswap32(value);
  std::memcpy(out, &big, sizeof(big));
}

uint32_t LoadBe32(const char* in) {
  uint32_t big;
  std::memcpy(&big, in, sizeof(big));
  return __builtin_bswap32(big);
}

Key32 Be32(uint32_t value) {
  Key32 key;
  StoreBe32(value, key.data());
  return key;
}

}  // namespace

std::string GenerationFamily(const char* prefix, Generation g) {
  return prefix + std::to_string(g.value);
}

std::optional<Generation> ParseGenerationFamily(const char* prefix, std::string_view name) {
  const std::string_view expected(prefix);
  if (!name.starts_with(expected)) return std::nullopt;
  name.remove_prefix(expected.size());
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), value);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  if (name.size() > 1 && name[0] == '0') return std::nullopt;
  return Generation(value);
}

Key32 RowKey(RowId row) { return Be32(row.value); }
Key32 ListKey(ListId list) { return Be32(list.value); }

Key64 PostingKey(ListId list, RowId row) {
  Key64 key;
  StoreBe32(list.value, key.data());
  StoreBe32(row.value, key.data() + 4);
  return key;
}

bool ParseRowKey(std::string_view key, RowId& row) {
  if (key.size() != 4) return false;
  row = RowId(LoadBe32(key.data()));
  return true;
}

bool ParseListKey(std::string_view key, ListId& list) {
  if (key.size() != 4) return false;
  list = ListId(LoadBe32(key.data()));
  return true;
}

bool ParsePostingKey(std::string_view key, ListId& list, RowId& row) {
  if (key.size() != 8) return false;
  list = ListId(LoadBe32(key.data()));
  row = RowId(LoadBe32(key.data() + 4));
  return true;
}

bool AppendIdKey(const PointId& id, std::string& out) {
  if (id.is_number()) {
    char key[9];
    key[0] = kNumberTag;
    StoreBe32(static_cast<uint32_t>(id.number() >> 32), key + 1);
    StoreBe32(static_cast<uint32_t>(id.number()), key + 5);
    out.append(key, sizeof(key));
    return true;
  }
  if (id.key().empty() || id.key().size() > kMaxPointKeyBytes) return false;
  out.push_back(kStringTag);
  out.append(id.key());
  return true;
}

bool ParseIdKey(std::string_view key, PointId& id) {
  if (key.empty()) return false;
  const std::string_view rest = key.substr(1);
  if (key[0] == kNumberTag && rest.size() == 8) {
    const uint64_t high = LoadBe32(rest.data());
    id = PointId(high << 32 | LoadBe32(rest.data() + 4));
    return true;
  }
  if (key[0] == kStringTag && !rest.empty() && rest.size() <= kMaxPointKeyBytes) {
    id = PointId(std::string(rest));
    return true;
  }
  return false;
}

std::string RequestIdKey(std::string_view id) {
  std::string key(1, kRequestIdTag);
  return key.append(id);
}

std::array<char, 9> RequestPlaceKey(uint64_t sequence) {
  std::array<char, 9> key;
  key[0] = kRequestPlaceTag;
  StoreBe32(static_cast<uint32_t>(sequence >> 32), key.data() + 1);
  StoreBe32(static_cast<uint32_t>(sequence), key.data() + 5);
  return key;
}

bool ParseRequestPlaceKey(std::string_view key, uint64_t& sequence) {
  if (key.size() != 9 || key[0] != kRequestPlaceTag) return false;
  const uint64_t high = LoadBe32(key.data() + 1);
  sequence = high << 32 | LoadBe32(key.data() + 5);
  return true;
}

}  // namespace tessera::store
