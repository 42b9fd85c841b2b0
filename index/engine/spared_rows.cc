#include "index/engine/spared_rows.h"

#include <algorithm>

#include "index/engine/sample.h"

namespace tessera::engine {
namespace {

constexpr size_t kEnough = 250;

uint64_t Hash(uint64_t x) {  // splitmix64
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

}  // namespace

std::vector<RowId> CalibrationRows(const Snapshot& snapshot, size_t count, uint64_t seed) {
  std::vector<RowId> rows;
  for (uint32_t l = 0; l < snapshot.lists.nlist(); ++l) {
    const lists::List* list = snapshot.lists.list(ListId{l});
    if (!list) continue;
    for (const lists::ChunkPtr& chunk : list->chunks) {
      for (size_t i = 0; i < chunk->rows; ++i) {
        if (chunk->is_live(i)) rows.push_back(chunk->row_id(i));
      }
    }
  }
  const auto spared = static_cast<size_t>(std::count_if(rows.begin(), rows.end(), IsHeldOut));
  if (spared >= kEnough) std::erase_if(rows, [](RowId row) { return !IsHeldOut(row); });
  // The smallest hashes are a uniform choice, whatever the order of the lists.
  const auto order = [seed](RowId row) { return Hash(Hash(row.value) ^ seed); };
  std::sort(rows.begin(), rows.end(), [&](RowId a, RowId b) {
    const uint64_t x = order(a), y = order(b);
    return x != y ? x < y : a < b;
  });
  rows.resize(std::min(rows.size(), count));
  std::sort(rows.begin(), rows.end());
  return rows;
}

}  // namespace tessera::engine
