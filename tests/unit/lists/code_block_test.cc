#include "index/lists/code_block.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace tessera::lists {
namespace {

constexpr size_t kCode = 5;

struct Rows {
  std::vector<std::vector<uint8_t>> codes;
  std::vector<int32_t> corrections;

  std::vector<CodeRow> View(size_t begin, size_t end) const {
    std::vector<CodeRow> out;
    for (size_t i = begin; i < end; ++i) out.push_back({codes[i].data(), corrections[i]});
    return out;
  }
};

Rows RandomRows(size_t n, int spread, uint64_t seed) {
  std::mt19937 random(static_cast<unsigned>(seed));
  Rows rows;
  for (size_t i = 0; i < n; ++i) {
    std::vector<uint8_t> code(kCode);
    for (uint8_t& c : code) c = static_cast<uint8_t>(random());
    rows.codes.push_back(code);
    rows.corrections.push_back(static_cast<int32_t>(random() % static_cast<unsigned>(spread)) - spread / 2 + 127);
  }
  return rows;
}

void ExpectRows(const CodeBlock& block, const Rows& rows) {
  for (size_t i = 0; i < block.rows; ++i) {
    uint8_t code[kCode];
    block.CopyCode(kCode, i, code);
    ASSERT_EQ(std::vector<uint8_t>(code, code + kCode), rows.codes[i]) << "row " << i;
    ASSERT_EQ(block.correction(kCode, i), rows.corrections[i]) << "row " << i;
  }
}

TEST(CodeBlock, OneShotAndRowByRowAgree) {
  for (const int spread : {250, 300, 100000}) {  // around 127: no outlier, some, nearly all
    const Rows rows = RandomRows(256, spread, 7);
    const CodeBlockPtr whole = AppendToBlock(nullptr, rows.View(0, 256), kCode);
    CodeBlockPtr grown;
    for (size_t i = 0; i < 256; ++i) grown = AppendToBlock(grown.get(), rows.View(i, i + 1), kCode);
    ExpectRows(*whole, rows);
    ExpectRows(*grown, rows);
    EXPECT_EQ(whole->outliers > 0, spread > 256) << spread;
    ASSERT_EQ(grown->outliers, whole->outliers);
    const size_t bytes = whole->data_bytes(kCode) + whole->outliers * sizeof(Outlier);
    EXPECT_EQ(std::vector<uint8_t>(whole->data(), whole->data() + bytes),
              std::vector<uint8_t>(grown->data(), grown->data() + bytes));
  }
}

TEST(CodeBlock, ColumnsFollowRows) {
  const Rows rows = RandomRows(256, 10, 3);
  for (const size_t n : {1u, 63u, 64u, 65u, 128u, 129u, 192u, 193u, 256u}) {
    const CodeBlockPtr block = AppendToBlock(nullptr, rows.View(0, n), kCode);
    EXPECT_EQ(block->columns, (n + 63) / 64);
    EXPECT_EQ(block->data_bytes(kCode), (kCode + 1) * 64 * block->columns);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block->data()) % 64, 0u);
    ExpectRows(*block, rows);
  }
}

TEST(CodeBlock, OutliersKeepTheirCorrections) {
  Rows rows = RandomRows(64, 200, 9);
  rows.corrections[3] = 255;  // the last that is none
  rows.corrections[10] = 1 << 30;
  rows.corrections[11] = -1;
  rows.corrections[63] = 256;
  const CodeBlockPtr block = AppendToBlock(nullptr, rows.View(0, 64), kCode);
  ASSERT_EQ(block->outliers, 3u);
  EXPECT_EQ(block->Outliers(kCode)[1].position, 11u);
  ExpectRows(*block, rows);
}

}  // namespace
}  // namespace tessera::lists
