// Chunks, lists and list sets against a plain model, under random edits.
#include "index/lists/list.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

namespace tessera::lists {
namespace {

constexpr RowLayout kLayout{3, 7};

struct ModelRow {
  uint64_t number = 0;
  bool string_id = false;
  std::vector<uint8_t> code;
  int32_t correction = 0;
  std::vector<uint8_t> record;
};
using Model = std::map<uint32_t, std::map<uint32_t, ModelRow>>;  // list -> row -> what it holds

ModelRow RandomRow(std::mt19937& random) {
  ModelRow row;
  row.number = random();
  row.string_id = random() % 5 == 0;
  for (size_t i = 0; i < kLayout.code_bytes; ++i) row.code.push_back(static_cast<uint8_t>(random()));
  row.correction = static_cast<int32_t>(random() % 200);
  for (size_t i = 0; i < kLayout.record_bytes; ++i) row.record.push_back(static_cast<uint8_t>(random()));
  return row;
}

NewRow ViewOf(uint32_t id, const ModelRow& row) {
  NewRow view;
  view.row = RowId{id};
  view.number = row.number;
  view.string_id = row.string_id;
  view.code = row.code.data();
  view.correction = row.correction;
  view.record = row.record.data();
  return view;
}

// The bytes that edits keep up to date are those that are there.
void ExpectBytesCounted(const ListSet& set) {
  ListBytes counted;
  for (uint32_t l = 0; l < set.nlist(); ++l) {
    const List* list = set.list(ListId{l});
    for (const ChunkPtr& chunk : list ? list->chunks : std::vector<ChunkPtr>()) {
      counted.codes += uint64_t{chunk->rows} * kLayout.code_bytes;
      counted.corrections += chunk->rows;
      counted.records += uint64_t{chunk->rows} * kLayout.record_bytes;
      counted.row_ids += chunk->ids->rows.bytes();
      counted.external_ids += chunk->ids->deltas.bytes() + chunk->ids->strings.capacity() * sizeof(uint64_t);
      for (const CodeBlockPtr& block : chunk->blocks) {
        if (!block) continue;
        counted.padding += block->data_bytes(kLayout.code_bytes) - block->rows * (kLayout.code_bytes + 1);
        counted.headers += block->outliers * sizeof(Outlier);
      }
    }
  }
  const ListBytes kept = set.Bytes();
  EXPECT_EQ(kept.codes, counted.codes);
  EXPECT_EQ(kept.corrections, counted.corrections);
  EXPECT_EQ(kept.records, counted.records);
  EXPECT_EQ(kept.row_ids, counted.row_ids);
  EXPECT_EQ(kept.external_ids, counted.external_ids);
  EXPECT_EQ(kept.padding, counted.padding);
  EXPECT_LT(kept.headers, uint64_t{1} << 40) << "below zero";
}

// Every live row of the set is in the model with the same bytes, once, and the other way round.
void ExpectSame(const ListSet& set, const Model& model) {
  uint64_t live = 0;
  for (uint32_t l = 0; l < set.nlist(); ++l) {
    const List* list = set.list(ListId{l});
    const auto it = model.find(l);
    size_t in_list = 0;
    uint64_t last = 0;
    for (const ChunkPtr& chunk : list ? list->chunks : std::vector<ChunkPtr>()) {
      for (size_t i = 0; i < chunk->rows; ++i) {
        const uint32_t id = chunk->row_id(i).value;
        ASSERT_TRUE(in_list == 0 || id > last || !chunk->is_live(i));
        if (!chunk->is_live(i)) continue;
        last = id;
        ++in_list;
        ASSERT_NE(it, model.end());
        ASSERT_TRUE(it->second.count(id)) << "row " << id << " in list " << l;
        const ModelRow& want = it->second.at(id);
        ASSERT_EQ(chunk->has_string_id(i), want.string_id);
        if (!want.string_id) { ASSERT_EQ(chunk->number(i), want.number); }
        uint8_t code[3];
        const CodeBlock& block = *chunk->blocks[i / kBlockRows];
        block.CopyCode(kLayout.code_bytes, i % kBlockRows, code);
        ASSERT_EQ(std::vector<uint8_t>(code, code + 3), want.code);
        ASSERT_EQ(block.correction(kLayout.code_bytes, i % kBlockRows), want.correction);
        const uint8_t* record = chunk->record(kLayout, i);
        ASSERT_EQ(std::vector<uint8_t>(record, record + kLayout.record_bytes), want.record);
      }
    }
    ASSERT_EQ(in_list, it == model.end() ? 0 : it->second.size());
    live += in_list;
    if (list) { ASSERT_EQ(list->live_rows, in_list); }
  }
  ASSERT_EQ(set.live_rows(), live);
  ASSERT_LE(set.live_rows(), set.rows());
  ExpectBytesCounted(set);
}

TEST(ListSet, RandomEditsMatchAModel) {
  std::mt19937 random(42);
  ListSet set(300, kLayout);  // more than two pages
  Model model;
  uint32_t next_row = 0;
  for (int round = 0; round < 120; ++round) {
    ListSetEditor editor(set);
    std::vector<std::pair<uint32_t, uint32_t>> gone;
    for (auto& [l, rows] : model) {
      for (auto& [id, row] : rows) {
        if (random() % 12 == 0) gone.emplace_back(l, id);
      }
    }
    for (const auto& [l, id] : gone) {
      editor.Erase(ListId{l}, RowId{id});
      model[l].erase(id);
    }
    editor.Erase(ListId{7}, RowId{UINT32_MAX});  // not there: ignored
    const size_t adds = random() % 400;
    std::vector<std::pair<uint32_t, uint32_t>> added;
    for (size_t i = 0; i < adds; ++i) {
      const uint32_t l = random() % 4 == 0 ? random() % 300 : 5;  // one list grows past several chunks
      model[l][next_row] = RandomRow(random);
      added.emplace_back(l, next_row++);
    }
    for (const auto& [l, id] : added) editor.Append(ListId{l}, ViewOf(id, model[l][id]));
    size_t erased = 0;
    set = editor.Finish(&erased);
    ASSERT_EQ(erased, gone.size());
    if (round % 10 == 9) ExpectSame(set, model);
  }
}

TEST(ListSet, OldVersionsDoNotChange) {
  std::mt19937 random(5);
  Model before_model;
  ListSet before(1, kLayout);
  {
    ListSetEditor editor(before);
    for (uint32_t i = 0; i < 700; ++i) before_model[0][i] = RandomRow(random);
    for (uint32_t i = 0; i < 700; ++i) editor.Append(ListId{0}, ViewOf(i, before_model[0][i]));
    before = editor.Finish();
  }
  Model after_model = before_model;
  ListSetEditor editor(before);
  editor.Erase(ListId{0}, RowId{3});
  after_model[0].erase(3);
  after_model[0][700] = RandomRow(random);
  editor.Append(ListId{0}, ViewOf(700, after_model[0][700]));
  const ListSet after = editor.Finish();
  ExpectSame(before, before_model);
  ExpectSame(after, after_model);
  // The full first chunk lost only a live bit: its blocks and pages are shared.
  EXPECT_EQ(before.list(ListId{0})->chunks[0]->blocks[0], after.list(ListId{0})->chunks[0]->blocks[0]);
  EXPECT_EQ(before.list(ListId{0})->chunks[0]->pages[7], after.list(ListId{0})->chunks[0]->pages[7]);
}

TEST(ListSet, CompactsAtAQuarterDead) {
  std::mt19937 random(6);
  Model model;
  ListSet set(1, kLayout);
  {
    ListSetEditor editor(set);
    for (uint32_t i = 0; i < 1000; ++i) model[0][i] = RandomRow(random);
    for (uint32_t i = 0; i < 1000; ++i) editor.Append(ListId{0}, ViewOf(i, model[0][i]));
    set = editor.Finish();
  }
  ListSetEditor editor(set);
  for (uint32_t i = 0; i < 400; ++i) {
    editor.Erase(ListId{0}, RowId{i * 2});
    model[0].erase(i * 2);
  }
  set = editor.Finish();
  ExpectSame(set, model);
  EXPECT_EQ(set.rows(), 600u);
}

TEST(ListSet, CompactedWhenToldTo) {
  std::mt19937 random(7);
  Model model;
  ListSet set(2, kLayout);
  ListSetEditor editor(set);
  for (uint32_t i = 0; i < 1000; ++i) model[0][i] = RandomRow(random);
  for (uint32_t i = 0; i < 1000; ++i) editor.Append(ListId{0}, ViewOf(i, model[0][i]));
  set = editor.Finish();
  ListSetEditor erase(set);
  for (uint32_t i = 0; i < 100; ++i) erase.Erase(ListId{0}, RowId{i}), model[0].erase(i);
  set = erase.Finish();
  EXPECT_EQ(set.rows(), 1000u);
  const uint64_t before = set.Bytes().total();
  ListSetEditor compact(set);
  compact.Compact(ListId{0});
  compact.Compact(ListId{1});  // empty: nothing to be done
  set = compact.Finish();
  ExpectSame(set, model);
  EXPECT_EQ(set.rows(), 900u);
  EXPECT_LT(set.Bytes().total(), before);
}

TEST(ListSet, EmptiedListIsGone) {
  std::mt19937 random(8);
  const ModelRow row = RandomRow(random);
  ListSet set(2, kLayout);
  ListSetEditor add(set);
  add.Append(ListId{1}, ViewOf(0, row));
  set = add.Finish();
  ListSetEditor erase(set);
  erase.Erase(ListId{1}, RowId{0});
  set = erase.Finish();
  EXPECT_EQ(set.list(ListId{1}), nullptr);
  EXPECT_EQ(set.rows(), 0u);
  EXPECT_EQ(set.live_rows(), 0u);
}

// Rows move between lists in any order of ids, lists come, go and take others' places.
TEST(ListSet, ListsComeAndGo) {
  std::mt19937 random(10);
  ListSet set(3, kLayout);
  Model model;
  for (uint32_t i = 0; i < 1500; ++i) model[i % 3][i] = RandomRow(random);
  {
    ListSetEditor editor(set);
    for (const auto& [l, rows] : model) {
      for (const auto& [id, row] : rows) editor.Append(ListId{l}, ViewOf(id, row));
    }
    set = editor.Finish();
  }
  const ListSet before = set;
  const Model before_model = model;
  // List 0 becomes lists 0 and 300, in another order; list 1 loses some rows to list 2, before those that it has.
  ListSetEditor grow(set, 301);
  grow.SetList(ListId{0}, nullptr);
  const auto whole = model[0];
  model[0].clear();
  for (auto it = whole.rbegin(); it != whole.rend(); ++it) {
    const uint32_t to = it->first % 2 ? 300 : 0;
    model[to][it->first] = it->second;
    grow.Append(ListId{to}, ViewOf(it->first, it->second));
  }
  for (uint32_t id = 1; id < 100; id += 3) {
    model[2][id] = model[1][id];
    model[1].erase(id);
    grow.Erase(ListId{1}, RowId{id});
    grow.Append(ListId{2}, ViewOf(id, model[2][id]));
  }
  size_t erased = 0;
  set = grow.Finish(&erased);
  EXPECT_EQ(erased, 33u);
  EXPECT_EQ(set.nlist(), 301u);
  ExpectSame(set, model);
  ExpectSame(before, before_model);
  // List 1 goes, list 300 takes its place, and a row comes to it.
  ListSetEditor shrink(set, 3);
  shrink.SetList(ListId{1}, set.share(ListId{300}));
  const ModelRow added = RandomRow(random);
  shrink.Append(ListId{1}, ViewOf(0, added));
  model[1] = model[300];
  model[1][0] = added;
  model[0].erase(0);
  shrink.Erase(ListId{0}, RowId{0});
  model.erase(300);
  set = shrink.Finish();
  EXPECT_EQ(set.nlist(), 3u);
  ExpectSame(set, model);
  EXPECT_EQ(FindRow(*set.list(ListId{1}), RowId{0}).position, 0u);
  EXPECT_EQ(FindRow(*set.list(ListId{0}), RowId{0}).chunk, nullptr);
}

TEST(ListSet, BytesAddUp) {
  std::mt19937 random(9);
  Model model;
  ListSet set(1, kLayout);
  ListSetEditor editor(set);
  for (uint32_t i = 0; i < 100; ++i) model[0][i] = RandomRow(random);
  for (uint32_t i = 0; i < 100; ++i) editor.Append(ListId{0}, ViewOf(i, model[0][i]));
  set = editor.Finish();
  const ListBytes bytes = set.Bytes();
  EXPECT_EQ(bytes.codes, 300u);
  EXPECT_EQ(bytes.corrections, 100u);
  EXPECT_EQ(bytes.records, 700u);
  EXPECT_EQ(bytes.padding, 28u * 4);  // one block of two columns: 28 unused rows of code and correction
  EXPECT_GT(bytes.headers, sizeof(Chunk));
}

// From above, and not by much, for lists of about the same length.
TEST(ListSet, ProjectedBytesBoundThoseThereAre) {
  std::mt19937 random(3);
  for (const uint32_t rows : {2000u, 20000u}) {
    const uint32_t nlist = 40;
    ListSet set(nlist, kLayout);
    ListSetEditor editor(set);
    std::vector<ModelRow> kept(rows);
    for (uint32_t i = 0; i < rows; ++i) {
      kept[i] = RandomRow(random);
      editor.Append(ListId{static_cast<uint32_t>(random() % nlist)}, ViewOf(i, kept[i]));
    }
    set = editor.Finish();
    const ListBytes real = set.Bytes();
    const ListBytes projected = ProjectBytes(rows, nlist, kLayout);
    EXPECT_EQ(projected.codes, real.codes);
    EXPECT_EQ(projected.corrections, real.corrections);
    EXPECT_EQ(projected.records, real.records);
    const auto beside = [](const ListBytes& b) { return b.row_ids + b.padding + b.headers; };
    EXPECT_GE(beside(projected) * 1.05, beside(real));
    EXPECT_LE(beside(projected), beside(real) * 2);
  }
}

}  // namespace
}  // namespace tessera::lists
