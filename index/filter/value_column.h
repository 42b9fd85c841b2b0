// The values of one field in a segment: a sorted dictionary with the rows of each value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "index/filter/number.h"
#include "index/filter/posting_lists.h"
#include "index/filter/row_bits.h"

namespace tessera::filter {

// Ascending strings, one after another: 4 bytes beside each. At most 4 GiB (segments are bounded
// far below).
class StringKeys {
 public:
  using Key = std::string_view;
  static constexpr bool kBinned = false;

  void Append(Key key);
  void Finish();
  size_t size() const { return ends_.size(); }
  Key operator[](size_t i) const {
    const uint32_t begin = i == 0 ? 0 : ends_[i - 1];
    return Key(chars_).substr(begin, ends_[i] - begin);
  }
  size_t bytes() const { return ends_.capacity() * sizeof(uint32_t) + chars_.capacity(); }

 private:
  std::vector<uint32_t> ends_;
  std::string chars_;
};

// Ascending numbers at 8 bytes, 10 if an integer above 2^53 is among them.
class NumberKeys {
 public:
  using Key = Number;
  static constexpr bool kBinned = true;

  void Append(Key key);
  void Finish();
  size_t size() const { return bases_.size(); }
  Key operator[](size_t i) const { return {bases_[i], rests_.empty() ? uint16_t{0} : rests_[i]}; }
  size_t bytes() const {
    return bases_.capacity() * sizeof(double) + rests_.capacity() * sizeof(uint16_t);
  }

 private:
  std::vector<double> bases_;
  std::vector<uint16_t> rests_;  // empty if all are 0
};

// Immutable. Columns of numbers with many values have bins: runs of values with about equal numbers
// of rows, a bitmap each, so that a range is whole bins and at most two that are read value by
// value.
template <typename Keys>
class ValueColumn {
 public:
  using Key = typename Keys::Key;
  using Entry = std::pair<Key, uint32_t>;  // a row's value

  ValueColumn() = default;
  // In any order, repetitions allowed; sorted in place. Keys are copied.
  explicit ValueColumn(std::vector<Entry>& entries);
  // Of columns whose rows ascend from one to the next, without the rows in `dead`. May be empty.
  ValueColumn(std::span<const ValueColumn* const> columns, const Roaring& dead);

  size_t size() const { return keys_.size(); }
  Key key(size_t i) const { return keys_[i]; }
  const PostingLists& postings() const { return postings_; }
  // The first key not below `key`; not above it.
  size_t LowerBound(Key key) const;
  size_t UpperBound(Key key) const;
  // The rows of the keys [begin, end).
  void Collect(size_t begin, size_t end, RowCollector& out) const;
  size_t bytes() const;  // heap

 private:
  void Finish();
  void MakeBins();

  Keys keys_;
  PostingLists postings_;
  std::vector<uint32_t> bin_begins_;  // first key of each bin, ascending
  std::vector<Roaring> bins_;
};

using KeywordColumn = ValueColumn<StringKeys>;
using NumberColumn = ValueColumn<NumberKeys>;
extern template class ValueColumn<StringKeys>;
extern template class ValueColumn<NumberKeys>;

}  // namespace tessera::filter
