// Roaring bitmaps of row ids (Lemire et al., Roaring Bitmaps: Implementation of an Optimized
// Software Library, 2018). They live in memory only: CRoaring 0.2.66 cannot check serialized ones.
#pragma once

#include <cstdint>
#include <memory>
#include <roaring/roaring.hh>
#include <span>
#include <vector>

namespace tessera::filter {

// A finished set.
struct RowBits {
  Roaring rows;
  // The same as a plain bitset from word `first_word` on, if that takes at most 64 bits a row or
  // half a MiB; else empty.
  std::vector<uint64_t> words;
  uint32_t first_word = 0;
};

// Without words: parts of a result.
std::shared_ptr<const RowBits> Sparse(Roaring rows);
// With words where they are small.
std::shared_ptr<const RowBits> Finished(Roaring rows);
// Heap bytes and the object itself.
size_t BytesOf(const Roaring& rows);
size_t BytesOf(const RowBits& bits);
// `rows` ascending, each once.
Roaring FromAscending(std::span<const uint32_t> rows);

// Gathers rows from postings: loose ones in any order and whole bitmaps, which must live until
// Finish.
class RowCollector {
 public:
  void Add(std::span<const uint32_t> rows) {
    loose_.insert(loose_.end(), rows.begin(), rows.end());
  }
  void Add(uint32_t row) { loose_.push_back(row); }
  void Add(const Roaring& rows) { whole_.push_back(&rows); }
  Roaring Finish();

 private:
  std::vector<uint32_t> loose_;
  std::vector<const Roaring*> whole_;
};

}  // namespace tessera::filter
