#include "index/lists/row_mask.h"

#include <gtest/gtest.h>

#include <vector>

namespace tessera::lists {
namespace {

constexpr uint32_t kLists = 5;

// Rows of list l: l, l + kLists, ...; list 3 is empty.
ListSet Filled(const ListSet& base, uint32_t begin, uint32_t end) {
  ListSetEditor editor(base);
  const uint8_t record[4] = {};
  for (uint32_t i = begin; i < end; ++i) {
    if (i % kLists == 3) continue;
    NewRow row;
    row.row = RowId{i};
    row.record = record;
    editor.Append(ListId{i % kLists}, row);
  }
  return editor.Finish();
}

bool IsIn(RowId row) { return row.value % 7 == 2; }

struct Selection {
  size_t asked = 0;
  RowMask::Select select = [this](std::span<const RowId> rows, uint64_t* bits) {
    asked += rows.size();
    for (size_t i = 0; i < rows.size(); ++i) {
      if (IsIn(rows[i])) bits[i / 64] |= uint64_t{1} << (i % 64);
    }
  };
};

void Check(const ListSet& set, const RowMask& mask) {
  uint64_t total = 0;
  uint32_t lists = 0;
  for (uint32_t l = 0; l < kLists; ++l) {
    uint32_t rows = 0;
    const List* list = set.list(ListId{l});
    for (size_t c = 0; list && c < list->chunks.size(); ++c) {
      const Chunk& chunk = *list->chunks[c];
      for (size_t i = 0; i < kChunkRows; ++i) {
        const bool expected = i < chunk.rows && chunk.is_live(i) && IsIn(chunk.row_id(i));
        ASSERT_EQ((mask.chunks(ListId{l})[c][i / 64] >> (i % 64)) & 1, expected) << l << ' ' << c << ' ' << i;
        rows += expected;
      }
    }
    EXPECT_EQ(mask.rows(ListId{l}), rows);
    total += rows;
    lists += rows > 0;
  }
  EXPECT_EQ(mask.rows(), total);
  EXPECT_EQ(mask.lists(), lists);
}

TEST(RowMaskTest, HasTheBitsOfLiveRowsThatAreLetThrough) {
  Selection selection;
  ListSet set = Filled(ListSet(kLists, {0, 4}), 0, 6000);
  Check(set, RowMask(set, selection.select));
  ListSetEditor eraser(set);
  for (uint32_t i = 0; i < 6000; i += 9) eraser.Erase(ListId{i % kLists}, RowId{i});
  set = eraser.Finish();
  Check(set, RowMask(set, selection.select));
}

TEST(RowMaskTest, ALaterVersionAsksOnlyAboutChunksThatChanged) {
  Selection selection;
  const ListSet first = Filled(ListSet(kLists, {0, 4}), 0, 6000);
  const RowMask before(first, selection.select);
  ListSetEditor eraser(first);
  for (uint32_t i = 0; i < 6000; i += 9) eraser.Erase(ListId{i % kLists}, RowId{i});
  const ListSet erased = eraser.Finish();
  selection.asked = 0;
  Check(erased, RowMask(erased, selection.select, &before));
  EXPECT_EQ(selection.asked, 0u);  // a chunk's ids stay where rows only die
  const ListSet grown = Filled(first, 6000, 6010);
  Check(grown, RowMask(grown, selection.select, &before));
  EXPECT_GT(selection.asked, 0u);
  EXPECT_LE(selection.asked, size_t{kLists} * kChunkRows);
}

TEST(RowMaskTest, OfNoRows) {
  Selection selection;
  const ListSet empty(kLists, {0, 4});
  const RowMask mask(empty, selection.select);
  EXPECT_EQ(mask.rows(), 0u);
  EXPECT_EQ(mask.lists(), 0u);
  const ListSet set = Filled(empty, 0, 100);
  Check(set, RowMask(set, selection.select, &mask));
}

}  // namespace
}  // namespace tessera::lists
