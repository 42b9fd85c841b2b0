#include "index/filter/row_bits.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace tessera::filter {
namespace {

constexpr uint32_t kContainerWords = 1024;            // a container is 2^16 rows
constexpr uint64_t kAlwaysWords = uint64_t{1} << 16;  // half a MiB

void SetRange(uint64_t* words, uint32_t begin, uint32_t end) {
  for (; begin < end && begin % 64 != 0; ++begin) words[begin / 64] |= uint64_t{1} << (begin % 64);
  for (; begin + 64 <= end; begin += 64) words[begin / 64] = ~uint64_t{0};
  for (; begin < end; ++begin) words[begin / 64] |= uint64_t{1} << (begin % 64);
}

// Writes container `i` into the 1,024 words of its rows. Row by row through the bitmap's iterator
// would take milliseconds where this takes microseconds.
void CopyContainer(const roaring_array_t& all, int32_t i, uint64_t* words) {
  uint8_t type = all.typecodes[i];
  const void* container = container_unwrap_shared(all.containers[i], &type);
  if (type == BITSET_CONTAINER_TYPE_CODE) {
    std::memcpy(words, static_cast<const bitset_container_t*>(container)->array,
                kContainerWords * sizeof(uint64_t));
  } else if (type == ARRAY_CONTAINER_TYPE_CODE) {
    const auto* array = static_cast<const array_container_t*>(container);
    for (int32_t k = 0; k < array->cardinality; ++k) {
      words[array->array[k] / 64] |= uint64_t{1} << (array->array[k] % 64);
    }
  } else {
    const auto* runs = static_cast<const run_container_t*>(container);
    for (int32_t k = 0; k < runs->n_runs; ++k) {
      const uint32_t begin = runs->runs[k].value;
      SetRange(words, begin, begin + runs->runs[k].length + 1);
    }
  }
}

void FillWords(RowBits& bits) {
  const roaring_array_t& all = bits.rows.roaring.high_low_container;
  if (all.size == 0) return;
  const uint64_t first = uint64_t{all.keys[0]} * kContainerWords;
  const uint64_t count =
      uint64_t{all.keys[all.size - 1]} * kContainerWords + kContainerWords - first;
  if (count > kAlwaysWords && count > bits.rows.cardinality()) return;
  bits.first_word = static_cast<uint32_t>(first);
  bits.words.assign(count, 0);
  for (int32_t i = 0; i < all.size; ++i) {
    CopyContainer(all, i, bits.words.data() + (uint64_t{all.keys[i]} * kContainerWords - first));
  }
}

}  // namespace

std::shared_ptr<const RowBits> Sparse(Roaring rows) {
  auto bits = std::make_shared<RowBits>();
  bits->rows = std::move(rows);
  return bits;
}

std::shared_ptr<const RowBits> Finished(Roaring rows) {
  auto bits = std::make_shared<RowBits>();
  bits->rows = std::move(rows);
  FillWords(*bits);
  return bits;
}

// Not roaring_bitmap_statistics, which visits every row.
size_t BytesOf(const Roaring& rows) {
  const roaring_array_t& all = rows.roaring.high_low_container;
  size_t bytes = sizeof(Roaring) + static_cast<size_t>(all.allocation_size) *
                                       (sizeof(void*) + sizeof(uint16_t) + sizeof(uint8_t));
  for (int32_t i = 0; i < all.size; ++i) {
    uint8_t type = all.typecodes[i];
    const void* container = container_unwrap_shared(all.containers[i], &type);
    if (type == BITSET_CONTAINER_TYPE_CODE) {
      bytes += sizeof(bitset_container_t) + kContainerWords * sizeof(uint64_t);
    } else if (type == ARRAY_CONTAINER_TYPE_CODE) {
      const auto capacity = static_cast<const array_container_t*>(container)->capacity;
      bytes += sizeof(array_container_t) + static_cast<size_t>(capacity) * sizeof(uint16_t);
    } else {
      const auto capacity = static_cast<const run_container_t*>(container)->capacity;
      bytes += sizeof(run_container_t) + static_cast<size_t>(capacity) * sizeof(rle16_t);
    }
  }
  return bytes;
}

size_t BytesOf(const RowBits& bits) {
  return sizeof(RowBits) - sizeof(Roaring) + BytesOf(bits.rows) +
         bits.words.capacity() * sizeof(uint64_t);
}

Roaring FromAscending(std::span<const uint32_t> rows) {
  Roaring out;
  if (!rows.empty()) out.addMany(rows.size(), rows.data());
  out.shrinkToFit();
  return out;
}

Roaring RowCollector::Finish() {
  std::sort(loose_.begin(), loose_.end());
  loose_.erase(std::unique(loose_.begin(), loose_.end()), loose_.end());
  Roaring out;
  if (!loose_.empty()) out.addMany(loose_.size(), loose_.data());
  if (whole_.size() == 1 && loose_.empty()) {
    out = *whole_[0];
  } else if (whole_.size() > 2) {
    out |= Roaring::fastunion(whole_.size(), whole_.data());
  } else {
    for (const Roaring* rows : whole_) out |= *rows;
  }
  return out;
}

}  // namespace tessera::filter
