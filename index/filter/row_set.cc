#include "index/filter/row_set.h"

#include <algorithm>
#include <utility>

#include "index/filter/row_bits.h"

namespace tessera::filter {
namespace {

const std::shared_ptr<const RowBits>& NoBits() {
  static const std::shared_ptr<const RowBits> none = std::make_shared<RowBits>();
  return none;
}

}  // namespace

RowSet::RowSet() : RowSet(NoBits()) {}

RowSet::RowSet(std::shared_ptr<const RowBits> bits)
    : bits_(std::move(bits)),
      words_(bits_->words),
      first_word_(bits_->first_word),
      cardinality_(bits_->rows.cardinality()) {}

RowSet RowSet::OfRange(RowId begin, RowId end) {
  Roaring rows;
  if (begin < end) rows.addRange(begin.value, end.value);
  return RowSet(Finished(std::move(rows)));
}

RowSet RowSet::OfRows(std::span<const RowId> rows) {
  std::vector<uint32_t> values(rows.size());
  std::transform(rows.begin(), rows.end(), values.begin(), [](RowId row) { return row.value; });
  std::sort(values.begin(), values.end());
  return RowSet(Finished(FromAscending(values)));
}

bool RowSet::ContainsSparse(RowId row) const { return bits_->rows.contains(row.value); }

void RowSet::FillMask(std::span<const RowId> rows, uint64_t* mask) const {
  for (size_t begin = 0; begin < rows.size(); begin += 64) {
    const size_t count = std::min<size_t>(64, rows.size() - begin);
    uint64_t word = 0;
    for (size_t i = 0; i < count; ++i) word |= uint64_t{Contains(rows[begin + i])} << i;
    mask[begin / 64] = word;
  }
}

void RowSet::ForEach(const std::function<bool(RowId)>& visit) const {
  bits_->rows.iterate(
      [](uint32_t row, void* visitor) {
        return (*static_cast<const std::function<bool(RowId)>*>(visitor))(RowId(row));
      },
      const_cast<void*>(static_cast<const void*>(&visit)));
}

std::vector<RowId> RowSet::Rows(RowId first, size_t limit) const {
  std::vector<RowId> rows;
  roaring_uint32_iterator_t at;
  roaring_init_iterator(&bits_->rows.roaring, &at);
  roaring_move_uint32_iterator_equalorlarger(&at, first.value);
  while (at.has_value && rows.size() < limit) {
    rows.emplace_back(at.current_value);
    roaring_advance_uint32_iterator(&at);
  }
  return rows;
}

RowSet RowSet::And(const RowSet& other) const {
  return RowSet(Finished(bits_->rows & other.bits_->rows));
}
RowSet RowSet::Or(const RowSet& other) const {
  return RowSet(Finished(bits_->rows | other.bits_->rows));
}
RowSet RowSet::AndNot(const RowSet& other) const {
  return RowSet(Finished(bits_->rows - other.bits_->rows));
}
uint64_t RowSet::AndCardinality(const RowSet& other) const {
  return bits_->rows.and_cardinality(other.bits_->rows);
}
bool operator==(const RowSet& a, const RowSet& b) { return a.bits_->rows == b.bits_->rows; }

size_t RowSet::bytes() const { return BytesOf(*bits_); }

}  // namespace tessera::filter
