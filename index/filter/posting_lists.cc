#include "index/filter/posting_lists.h"

#include <algorithm>
#include <utility>

namespace tessera::filter {
namespace {

// Rows up to which a list is short whatever its bitmap would take; above, the smaller form is kept.
constexpr size_t kLongest = 64;

}  // namespace

void PostingLists::Append(std::span<const uint32_t> rows) {
  Roaring list;
  if (rows.size() > kLongest) {
    list = FromAscending(rows);
    list.runOptimize();
    list.shrinkToFit();
  }
  if (rows.size() > kLongest && BytesOf(list) < rows.size_bytes()) {
    long_keys_.push_back(static_cast<uint32_t>(keys_));
    long_lists_.push_back(std::move(list));
  } else {
    rows_.insert(rows_.end(), rows.begin(), rows.end());
  }
  offsets_.push_back(static_cast<uint32_t>(rows_.size()));
  ++keys_;
}

void PostingLists::Finish() {
  if (long_keys_.empty() && rows_.size() == keys_) offsets_.clear();
  offsets_.shrink_to_fit();
  rows_.shrink_to_fit();
  long_keys_.shrink_to_fit();
  long_lists_.shrink_to_fit();
}

std::span<const uint32_t> PostingLists::ShortLists(size_t begin, size_t end) const {
  const size_t first = offsets_.empty() ? begin : offsets_[begin];
  const size_t last = offsets_.empty() ? end : offsets_[end];
  return std::span(rows_).subspan(first, last - first);
}

std::pair<size_t, size_t> PostingLists::LongRange(size_t begin, size_t end) const {
  const auto first = std::lower_bound(long_keys_.begin(), long_keys_.end(), begin);
  const auto last = std::lower_bound(first, long_keys_.end(), end);
  return {static_cast<size_t>(first - long_keys_.begin()),
          static_cast<size_t>(last - long_keys_.begin())};
}

const Roaring* PostingLists::LongList(size_t key) const {
  const auto [begin, end] = LongRange(key, key + 1);
  return begin < end ? &long_lists_[begin] : nullptr;
}

uint64_t PostingLists::Count(size_t begin, size_t end) const {
  if (begin >= end) return 0;
  uint64_t count = ShortLists(begin, end).size();
  const auto [first, last] = LongRange(begin, end);
  for (size_t i = first; i < last; ++i) count += long_lists_[i].cardinality();
  return count;
}

uint64_t PostingLists::CountIn(size_t key, const Roaring& rows) const {
  if (const Roaring* list = LongList(key)) return list->and_cardinality(rows);
  const auto list = ShortLists(key, key + 1);
  return static_cast<uint64_t>(
      std::count_if(list.begin(), list.end(), [&](uint32_t row) { return rows.contains(row); }));
}

void PostingLists::Collect(size_t begin, size_t end, RowCollector& out) const {
  if (begin >= end) return;
  out.Add(ShortLists(begin, end));
  const auto [first, last] = LongRange(begin, end);
  for (size_t i = first; i < last; ++i) out.Add(long_lists_[i]);
}

void PostingLists::AppendLive(size_t key, const Roaring& dead, std::vector<uint32_t>& out) const {
  if (const Roaring* list = LongList(key)) {
    const Roaring live = *list - dead;
    const size_t size = out.size();
    out.resize(size + live.cardinality());
    live.toUint32Array(out.data() + size);
    return;
  }
  for (const uint32_t row : ShortLists(key, key + 1)) {
    if (!dead.contains(row)) out.push_back(row);
  }
}

size_t PostingLists::bytes() const {
  size_t bytes =
      (offsets_.capacity() + rows_.capacity() + long_keys_.capacity()) * sizeof(uint32_t);
  for (const Roaring& list : long_lists_) bytes += BytesOf(list);
  return bytes + (long_lists_.capacity() - long_lists_.size()) * sizeof(Roaring);
}

}  // namespace tessera::filter
