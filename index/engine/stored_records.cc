#include "index/engine/stored_records.h"

#include <algorithm>

namespace tessera::engine {
namespace {

// RocksDB pins the block of each value that a lookup finds until all are found: this bounds them, to 16 MiB of blocks.
constexpr size_t kReadAtOnce = 1024;
constexpr size_t kKeptRecords = 4096;

}  // namespace

void StoredRecords::Clear() {
  if (slots_.size() > kKeptRecords) {
    *this = StoredRecords();
    return;
  }
  slots_.clear();
  bytes_.clear();
}

Status StoredRecords::Read(const Snapshot& snapshot, const store::Store& store, const std::vector<ListId>& lists,
                           const std::vector<RowId>& rows) {
  const lists::RowLayout& layout = snapshot.lists.layout();
  missing_.clear();
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!slots_.contains(rows[i].value)) missing_.push_back({lists[i], rows[i]});
  }
  std::sort(missing_.begin(), missing_.end());
  for (size_t begin = 0; begin < missing_.size(); begin += kReadAtOnce) {
    const size_t end = std::min(begin + kReadAtOnce, missing_.size());
    const size_t first = bytes_.size();
    lists_.clear();
    rows_.clear();
    for (size_t i = begin; i < end; ++i) {
      lists_.push_back(missing_[i].list);
      rows_.push_back(missing_[i].row);
    }
    bytes_.resize(first + rows_.size() * layout.record_bytes);
    TESSERA_RETURN_IF_ERROR(store.GetRefineRecords(lists_, rows_, layout.code_bytes, layout.record_bytes,
                                                   *snapshot.store, bytes_.data() + first));
    for (size_t i = 0; i < rows_.size(); ++i) slots_[rows_[i].value] = first + i * layout.record_bytes;
  }
  return OkStatus();
}

}  // namespace tessera::engine
