#include "index/filter/value_column.h"

#include <algorithm>

namespace tessera::filter {
namespace {

constexpr size_t kBins = 64;
constexpr size_t kLeastBinRows = 128;  // fewer are quicker read one by one than kept as a bitmap

// A key of one of several columns.
struct Place {
  uint32_t column;
  uint32_t key;
};

// All keys of the columns in order, equal ones in the order of their columns: sorted runs merged by
// pairs.
template <typename Column>
std::vector<Place> MergedPlaces(std::span<const Column* const> columns) {
  std::vector<Place> places;
  std::vector<size_t> ends{0};
  for (uint32_t c = 0; c < columns.size(); ++c) {
    for (uint32_t k = 0; k < columns[c]->size(); ++k) places.push_back({c, k});
    ends.push_back(places.size());
  }
  const auto before = [&](const Place& a, const Place& b) {
    return columns[a.column]->key(a.key) < columns[b.column]->key(b.key);
  };
  const auto at = [&](size_t i) { return places.begin() + static_cast<std::ptrdiff_t>(i); };
  while (ends.size() > 2) {
    std::vector<size_t> merged{0};
    for (size_t i = 0; i + 1 < ends.size(); i += 2) {
      if (i + 2 < ends.size()) {
        std::inplace_merge(at(ends[i]), at(ends[i + 1]), at(ends[i + 2]), before);
        merged.push_back(ends[i + 2]);
      } else {
        merged.push_back(ends[i + 1]);
      }
    }
    ends = std::move(merged);
  }
  return places;
}

}  // namespace

void StringKeys::Append(Key key) {
  chars_ += key;
  ends_.push_back(static_cast<uint32_t>(chars_.size()));
}

void StringKeys::Finish() {
  ends_.shrink_to_fit();
  chars_.shrink_to_fit();
}

void NumberKeys::Append(Key key) {
  if (key.rest != 0) rests_.resize(bases_.size());
  bases_.push_back(key.base);
  if (key.rest != 0 || !rests_.empty()) rests_.push_back(key.rest);
}

void NumberKeys::Finish() {
  bases_.shrink_to_fit();
  rests_.shrink_to_fit();
}

template <typename Keys>
ValueColumn<Keys>::ValueColumn(std::vector<Entry>& entries) {
  std::sort(entries.begin(), entries.end());
  entries.erase(std::unique(entries.begin(), entries.end()), entries.end());
  std::vector<uint32_t> rows;
  for (size_t i = 0; i < entries.size();) {
    rows.clear();
    size_t end = i;
    for (; end < entries.size() && entries[end].first == entries[i].first; ++end)
      rows.push_back(entries[end].second);
    keys_.Append(entries[i].first);
    postings_.Append(rows);
    i = end;
  }
  Finish();
}

template <typename Keys>
ValueColumn<Keys>::ValueColumn(std::span<const ValueColumn* const> columns, const Roaring& dead) {
  const std::vector<Place> places = MergedPlaces(columns);
  const auto key_at = [&](size_t i) { return columns[places[i].column]->key(places[i].key); };
  std::vector<uint32_t> rows;
  for (size_t i = 0; i < places.size();) {
    rows.clear();
    size_t end = i;
    for (; end < places.size() && key_at(end) == key_at(i); ++end) {
      columns[places[end].column]->postings_.AppendLive(places[end].key, dead, rows);
    }
    if (!rows.empty()) {
      keys_.Append(key_at(i));
      postings_.Append(rows);
    }
    i = end;
  }
  Finish();
}

template <typename Keys>
void ValueColumn<Keys>::Finish() {
  keys_.Finish();
  postings_.Finish();
  if constexpr (Keys::kBinned) MakeBins();
}

template <typename Keys>
void ValueColumn<Keys>::MakeBins() {
  const uint64_t rows = postings_.Count(0, size());
  const uint64_t bin_rows = std::max<uint64_t>(rows / kBins, kLeastBinRows);
  if (rows < 4 * bin_rows || size() < 8) return;
  size_t begin = 0;
  uint64_t count = 0;
  for (size_t key = 0; key < size(); ++key) {
    count += postings_.Count(key, key + 1);
    if (count < bin_rows && key + 1 < size()) continue;
    RowCollector bin;
    postings_.Collect(begin, key + 1, bin);
    bin_begins_.push_back(static_cast<uint32_t>(begin));
    bins_.push_back(bin.Finish());
    bins_.back().runOptimize();
    bins_.back().shrinkToFit();
    begin = key + 1;
    count = 0;
  }
  bin_begins_.shrink_to_fit();
  bins_.shrink_to_fit();
}

template <typename Keys>
size_t ValueColumn<Keys>::LowerBound(Key key) const {
  size_t begin = 0, end = size();
  while (begin < end) {
    const size_t middle = (begin + end) / 2;
    if (keys_[middle] < key) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin;
}

template <typename Keys>
size_t ValueColumn<Keys>::UpperBound(Key key) const {
  const size_t at = LowerBound(key);
  return at < size() && keys_[at] == key ? at + 1 : at;
}

template <typename Keys>
void ValueColumn<Keys>::Collect(size_t begin, size_t end, RowCollector& out) const {
  const auto begins = bin_begins_.begin();
  const auto first =
      static_cast<size_t>(std::lower_bound(begins, bin_begins_.end(), begin) - begins);
  // Bins [first, last) lie wholly within.
  size_t last = first;
  while (last < bins_.size() && (last + 1 < bins_.size() ? bin_begins_[last + 1] : size()) <= end)
    ++last;
  if (first == last) return postings_.Collect(begin, end, out);
  postings_.Collect(begin, bin_begins_[first], out);
  for (size_t bin = first; bin < last; ++bin) out.Add(bins_[bin]);
  postings_.Collect(last < bins_.size() ? bin_begins_[last] : size(), end, out);
}

template <typename Keys>
size_t ValueColumn<Keys>::bytes() const {
  size_t bytes = keys_.bytes() + postings_.bytes() + bin_begins_.capacity() * sizeof(uint32_t);
  for (const Roaring& bin : bins_) bytes += BytesOf(bin);
  return bytes;
}

template class ValueColumn<StringKeys>;
template class ValueColumn<NumberKeys>;

}  // namespace tessera::filter
