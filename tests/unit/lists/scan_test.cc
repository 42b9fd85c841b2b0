// Whole-list scans against the estimate's definition, on every instruction set.
#include "index/lists/scan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

namespace tessera::lists {
namespace {

struct Case {
  uint32_t code_bytes;
  uint32_t bits;
  size_t rows;
  unsigned outliers;  // percent
};

// Else its bytes are printed, padding and all, which valgrind minds.
void PrintTo(const Case& shape, std::ostream* out) { *out << shape.rows << " rows of " << shape.code_bytes << " bytes"; }

struct Fixture {
  ListSet set;
  quant::QueryTables tables;
  ScanQuery query;
  std::vector<std::vector<uint8_t>> codes;
  std::vector<int32_t> corrections;
};

void Fill(const Case& c, unsigned seed, Fixture& f) {
  std::mt19937 random(seed);
  const size_t ksub = size_t{1} << c.bits;
  const size_t subs = size_t{c.code_bytes} * 8 / c.bits;
  f.tables.tables.Resize(subs * ksub);
  for (size_t i = 0; i < subs * ksub; ++i) f.tables.tables.data()[i] = static_cast<uint8_t>(random() % 128);
  f.tables.scale = 0.37f;
  f.tables.offset = -12.5f;
  f.tables.correction_weight = 1;
  f.query = {nullptr, &f.tables, c.code_bytes, c.bits, 0.05f};
  f.set = ListSet(1, {c.code_bytes, 0});
  ListSetEditor editor(f.set);
  for (size_t i = 0; i < c.rows; ++i) {
    std::vector<uint8_t> code(c.code_bytes);
    for (uint8_t& b : code) b = static_cast<uint8_t>(random());
    f.codes.push_back(code);
    f.corrections.push_back(static_cast<int32_t>(random() % 240));
    if (random() % 100 < c.outliers) f.corrections[i] = static_cast<int32_t>(random() % 4000) - 1800;
  }
  if (c.outliers > 0) f.corrections[c.rows / 2] = 1 << 28;
  for (size_t i = 0; i < c.rows; ++i) {
    NewRow row;
    row.row = RowId{static_cast<uint32_t>(i)};
    row.code = f.codes[i].data();
    row.correction = f.corrections[i];
    editor.Append(ListId{0}, row);
  }
  f.set = editor.Finish();
}

using Item = std::pair<uint32_t, Place>;

// Table entries of byte m of a code; at 6 bits those of the code's own byte, and with the third of a
// group those of the fourth code, cut in the tops of the three.
double Entries(const Case& c, const uint8_t* tables, const std::vector<uint8_t>& code, size_t m) {
  if (c.bits == 8) return tables[256 * m + code[m]];
  if (c.bits == 4) return tables[32 * m + (code[m] & 15)] + tables[32 * m + 16 + (code[m] >> 4)];
  const uint8_t* table = tables + 64 * (m / 3 * 4 + m % 3);
  if (m % 3 != 2) return table[code[m] % 64];
  return table[code[m] % 64] +
         table[64 + code[m - 2] / 64 + 4 * (code[m - 1] / 64) + 16 * (code[m] / 64)];
}

// The definition in scan.h, written out.
std::vector<Item> Expected(const Case& c, const Fixture& f, uint32_t probe, const quant::ProbedList& probed) {
  std::vector<Item> items;
  const List& list = *f.set.list(ListId{0});
  for (size_t i = 0; i < c.rows; ++i) {
    if (!list.chunks[i / kChunkRows]->is_live(i % kChunkRows)) continue;
    double sum = 0;
    for (size_t m = 0; m < c.code_bytes; ++m) {
      sum += Entries(c, f.tables.tables.data(), f.codes[i], m);
    }
    const double step = static_cast<double>(f.query.correction_step);
    const double factor = 256 * step / f.tables.scale;
    const int32_t units = f.corrections[i];
    const bool outlier = units < 0 || units > 255;
    sum += std::floor(units * (outlier ? factor : std::nearbyint(factor)) / 256);
    const double scale = double{probed.scale};
    const double base = double{probed.base} + scale * f.tables.offset + probed.origin * (scale * step);
    const float d = static_cast<float>(base) + probed.scale * f.tables.scale * static_cast<float>(sum);
    items.emplace_back(OrderedBits(d), Place{probe, static_cast<uint32_t>(i)});
  }
  return items;
}

// Chunks are full but for the last: the position in the list is the row's number.
std::vector<Item> Best(TopK& top) {
  top.Finish();
  std::vector<Item> items;
  for (size_t i = 0; i < top.size(); ++i) items.emplace_back(top.keys()[i], top.places()[i]);
  std::sort(items.begin(), items.end());
  return items;
}

class ScanList : public testing::TestWithParam<Case> {};

TEST_P(ScanList, FindsTheBestOnEveryIsa) {
  const Case c = GetParam();
  Fixture f;
  Fill(c, 17, f);
  // A tenth of the rows dead, without compaction.
  ListSetEditor editor(f.set);
  for (size_t i = 0; i < c.rows; i += 10) editor.Erase(ListId{0}, RowId{static_cast<uint32_t>(i)});
  f.set = editor.Finish();
  for (const simd::Isa& isa : simd::AllIsas()) {
    if (!isa.supported) continue;
    f.query.kernels = isa.kernels;
    for (const size_t capacity : {1u, 10u, 100u}) {
      TopK top;
      top.Reset(capacity);
      Scanner scanner;
      scanner.Start(f.query, top);
      // The same list twice with different bases and scales: the threshold is carried.
      const quant::ProbedList probed[] = {{ListId{0}, 100.0f, 0.7f, -70}, {ListId{0}, 3.0f}};
      std::vector<Item> expected;
      for (uint32_t p = 0; p < 2; ++p) {
        std::vector<BlockRef> blocks;
        ListBlocks(*f.set.list(ListId{0}), ListId{0}, nullptr, blocks);
        scanner.ScanBlocks(blocks, p, probed[p]);
        const auto items = Expected(c, f, p, probed[p]);
        expected.insert(expected.end(), items.begin(), items.end());
      }
      std::sort(expected.begin(), expected.end());
      expected.resize(std::min(capacity, expected.size()));
      ASSERT_EQ(Best(top), expected) << isa.name << " capacity " << capacity;
    }
  }
}

// Rows of some residue: dense masks go through the kernels, sparse ones row by row, to the same estimates.
TEST_P(ScanList, OfAMaskFindsTheBestOfItsRows) {
  const Case c = GetParam();
  Fixture f;
  Fill(c, 19, f);
  ListSetEditor editor(f.set);
  for (size_t i = 0; i < c.rows; i += 10) editor.Erase(ListId{0}, RowId{static_cast<uint32_t>(i)});
  f.set = editor.Finish();
  for (const uint32_t every : {1u, 3u, 40u, 150u, 5000u}) {
    const RowMask mask(f.set, [&](std::span<const RowId> rows, uint64_t* bits) {
      for (size_t i = 0; i < rows.size(); ++i) {
        if (rows[i].value % every == 1 % every) bits[i / 64] |= uint64_t{1} << (i % 64);
      }
    });
    std::vector<Item> expected = Expected(c, f, 0, {ListId{0}, 3.0f, 1.3f});
    std::erase_if(expected, [&](const Item& item) { return item.second.position % every != 1 % every; });
    ASSERT_EQ(mask.rows(), expected.size());
    std::sort(expected.begin(), expected.end());
    for (const simd::Isa& isa : simd::AllIsas()) {
      if (!isa.supported) continue;
      f.query.kernels = isa.kernels;
      f.query.mask = &mask;
      for (const size_t capacity : {1u, 100u}) {
        TopK top;
        top.Reset(capacity);
        Scanner scanner;
        scanner.Start(f.query, top);
        ScanCounts counts;
        const std::vector<quant::ProbedList> probed = {{ListId{0}, 3.0f, 1.3f}};
        ASSERT_TRUE(scanner.Scan(f.set, probed, 0, 1, {}, counts).ok());
        EXPECT_EQ(counts.live_rows, mask.rows());
        std::vector<Item> best = expected;
        best.resize(std::min(capacity, best.size()));
        ASSERT_EQ(Best(top), best) << isa.name << " capacity " << capacity << " every " << every;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, ScanList,
    testing::Values(Case{1, 8, 9, 0}, Case{16, 8, 700, 0}, Case{33, 8, 1500, 0}, Case{32, 8, 900, 2},
                    Case{32, 8, 900, 60}, Case{16, 4, 700, 0}, Case{7, 4, 1300, 2}, Case{16, 4, 700, 60},
                    Case{24, 6, 700, 0}, Case{7, 6, 1300, 2}, Case{9, 6, 700, 60}, Case{256, 6, 300, 0},
                    Case{256, 8, 300, 0}),
    [](const auto& shape) {
      const Case& c = shape.param;
      return "M" + std::to_string(c.code_bytes) + "x" + std::to_string(c.bits) + "n" +
             std::to_string(c.rows) + (c.outliers > 0 ? "out" + std::to_string(c.outliers) : "");
    });

// Skipping lists and ending early change nothing: many lists of random bases against one list at a time, which
// never skips.
TEST(Scanner, SkipsOnlyWhatCannotEnter) {
  constexpr uint32_t kLists = 100;
  std::mt19937 random(5);
  const Case c{8, 8, 300, 1};
  Fixture f;
  Fill(c, 23, f);
  f.query.kernels = &simd::ActiveKernels();
  for (const int32_t shift : {0, 3000, 100000}) {  // of corrections from list to list: more lists can be skipped
    ListSet set(kLists, {c.code_bytes, 0});
    ListSetEditor editor(set);
    for (uint32_t l = 0; l < kLists; ++l) {
      if (l % 9 == 4) continue;  // empty
      for (uint32_t i = 0; i < c.rows; ++i) {
        NewRow row;
        row.row = RowId{l * 1000 + i};
        row.code = f.codes[(i * 7 + l) % c.rows].data();
        row.correction = f.corrections[i] + static_cast<int32_t>(random() % (shift + 1));
        editor.Append(ListId{l}, row);
      }
    }
    set = editor.Finish();
    std::vector<quant::ProbedList> probed;
    for (uint32_t l = 0; l < kLists; ++l) {
      probed.push_back({ListId{l}, static_cast<float>(l * l), l % 3 == 0 ? 1.0f : l % 3 == 1 ? 0.25f : 4.0f});
    }
    for (const size_t capacity : {1u, 10u, 500u}) {
      TopK all;
      all.Reset(capacity);
      Scanner scanner;
      scanner.Start(f.query, all);
      for (uint32_t l = 0; l < kLists; ++l) {
        std::vector<BlockRef> blocks;
        if (const List* list = set.list(ListId{l})) ListBlocks(*list, ListId{l}, nullptr, blocks);
        scanner.ScanBlocks(blocks, l, probed[l]);
      }
      TopK top;
      top.Reset(capacity);
      scanner.Start(f.query, top);
      ScanCounts counts;
      ASSERT_TRUE(scanner.Scan(set, probed, 0, kLists, StopToken(), counts).ok());
      EXPECT_EQ(counts.live_rows, set.live_rows());
      EXPECT_GT(counts.lists_skipped, 0u) << capacity;
      EXPECT_EQ(Best(top), Best(all)) << capacity;
    }
  }
}

TEST(Scanner, AsksTheStopToken) {
  const Case c{8, 8, 300, 1};
  Fixture f;
  Fill(c, 23, f);
  f.query.kernels = &simd::ActiveKernels();
  TopK top;
  top.Reset(10);
  Scanner scanner;
  scanner.Start(f.query, top);
  ScanCounts counts;
  const std::vector<quant::ProbedList> probed = {{ListId{0}, 1.0f}};
  const StopToken expired(StopToken::Clock::time_point::min());
  EXPECT_EQ(scanner.Scan(f.set, probed, 0, 1, expired, counts).code(),
            absl::StatusCode::kDeadlineExceeded);
}

}  // namespace
}  // namespace tessera::lists
