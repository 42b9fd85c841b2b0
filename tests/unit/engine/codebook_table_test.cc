#include "index/engine/codebook_table.h"

#include <gtest/gtest.h>

#include <limits>

namespace tessera::engine {
namespace {

CodebookEntry SomeEntry(uint32_t version, uint32_t generation, const std::string& label = "") {
  CodebookEntry entry;
  entry.version = version;
  entry.generation = Generation{generation};
  entry.created_seconds = 1764086400;
  entry.asked = *QuantizerSpec::Parse("IVF,PQ");
  entry.spec = *QuantizerSpec::Parse("IVF64,PQ8x8");
  entry.bytes = 1000;
  entry.checksum = 7;
  entry.trained_rows = 5000;
  entry.training_error = 0.5;
  entry.held_out.Add(1);
  entry.label = label;
  return entry;
}

CodebookTable TableOf(std::vector<CodebookEntry> entries) {
  CodebookTable table;
  table.next_version = entries.back().version + 1;
  table.entries = std::move(entries);
  return table;
}

TEST(CodebookTable, RoundTrips) {
  const auto table = DecodeCodebooks(EncodeCodebooks(TableOf({SomeEntry(1, 1), SomeEntry(4, 0, "a label")})));
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->next_version, 5u);
  ASSERT_EQ(table->entries.size(), 2u);
  const CodebookEntry& entry = table->entries[1];
  EXPECT_EQ(entry.version, 4u);
  EXPECT_EQ(entry.generation, Generation());
  EXPECT_EQ(entry.created_seconds, 1764086400);
  EXPECT_EQ(entry.asked.ToString(), "IVF,PQ");
  EXPECT_EQ(entry.spec.ToString(), "IVF64,PQ8x8");
  EXPECT_EQ(entry.bytes, 1000u);
  EXPECT_EQ(entry.checksum, 7u);
  EXPECT_EQ(entry.trained_rows, 5000u);
  EXPECT_EQ(entry.training_error, 0.5);
  EXPECT_EQ(entry.held_out.rows, 1u);
  EXPECT_EQ(entry.held_out.mean(), 1);
  EXPECT_EQ(entry.label, "a label");
}

TEST(CodebookTable, GoldenBytes) {
  EXPECT_EQ(EncodeCodebooks({}), std::string("\x01\0\0\0\x01\0\0\0\0\0\0\0", 12));
  std::string want("\x01\0\0\0\x03\0\0\0\x01\0\0\0", 12);
  want += std::string("\x02\0\0\0\x09\0\0\0\x80\xd2\x25\x69\0\0\0\0", 16);
  want += std::string("\x06\0\0\0IVF,PQ\x0b\0\0\0IVF64,PQ8x8", 25);
  want += std::string("\xe8\x03\0\0\0\0\0\0\x07\0\0\0\x88\x13\0\0\0\0\0\0\0\0\0\0\0\0\xe0\x3f", 28);
  want += std::string("\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\xf0\x3f\x01\0\0\0x", 29);
  EXPECT_EQ(EncodeCodebooks(TableOf({SomeEntry(2, 9, "x")})).size(), want.size());
  EXPECT_EQ(EncodeCodebooks(TableOf({SomeEntry(2, 9, "x")})), want);
  EXPECT_EQ(CodebookRecord(26), "codebook/0000001a");
}

void ExpectDamaged(const CodebookTable& table) {
  EXPECT_EQ(DecodeCodebooks(EncodeCodebooks(table)).status().code(), absl::StatusCode::kDataLoss);
}

TEST(CodebookTable, HostileBytesAreRefused) {
  const std::string good = EncodeCodebooks(TableOf({SomeEntry(1, 1), SomeEntry(2, 0, "x")}));
  for (size_t n = 0; n < good.size(); ++n) {
    EXPECT_EQ(DecodeCodebooks(good.substr(0, n)).status().code(), absl::StatusCode::kDataLoss) << n;
  }
  EXPECT_FALSE(DecodeCodebooks(good + "x").ok());
  std::string newer = good;
  newer[0] = 2;
  EXPECT_EQ(DecodeCodebooks(newer).status().code(), absl::StatusCode::kFailedPrecondition);
  std::string many = good;
  many.replace(8, 4, "\xff\xff\xff\xff");
  EXPECT_FALSE(DecodeCodebooks(many).ok()) << "more entries than bytes";
  // Every byte but the version turned: never more than a wrong answer or DataLoss.
  for (size_t n = 1; n < good.size(); ++n) {
    std::string bad = good;
    bad[n] = static_cast<char>(~bad[n]);
    const auto table = DecodeCodebooks(bad);
    if (!table.ok()) { EXPECT_EQ(table.status().code(), absl::StatusCode::kDataLoss) << n; }
  }
}

TEST(CodebookTable, ImpossibleTablesAreRefused) {
  ExpectDamaged(TableOf({SomeEntry(0, 0)}));
  ExpectDamaged(TableOf({SomeEntry(2, 1), SomeEntry(1, 2)}));
  ExpectDamaged(TableOf({SomeEntry(1, 1), SomeEntry(1, 2)}));
  ExpectDamaged(TableOf({SomeEntry(1, 3), SomeEntry(2, 3)}));
  ExpectDamaged(TableOf({SomeEntry(1, 1, std::string(129, 'a'))}));
  ExpectDamaged(TableOf({SomeEntry(1, 1, "a\nb")}));
  CodebookTable reused = TableOf({SomeEntry(7, 1)});
  reused.next_version = 7;
  ExpectDamaged(reused);
  for (const double bad : {-1.0, std::numeric_limits<double>::quiet_NaN(),
                           std::numeric_limits<double>::infinity()}) {
    CodebookTable table = TableOf({SomeEntry(1, 1)});
    table.entries[0].training_error = bad;
    ExpectDamaged(table);
    table = TableOf({SomeEntry(1, 1)});
    table.entries[0].held_out.sum = bad;
    ExpectDamaged(table);
  }
}

TEST(CodebookTable, StatesFollowTheGenerationInForce) {
  const CodebookTable table = TableOf({SomeEntry(1, 5), SomeEntry(2, 4), SomeEntry(3, 0)});
  EXPECT_EQ(table.Active(Generation{5})->version, 1u);
  EXPECT_EQ(table.Active(Generation()), nullptr);
  EXPECT_EQ(table.Previous(Generation{5})->version, 2u);
  EXPECT_EQ(table.Previous(Generation{4}), nullptr);
  EXPECT_EQ(Describe(table.entries[0], Generation{5}).state, CodebookState::kActive);
  EXPECT_EQ(Describe(table.entries[1], Generation{5}).state, CodebookState::kPrevious);
  EXPECT_EQ(Describe(table.entries[2], Generation{5}).state, CodebookState::kCandidate);
  EXPECT_EQ(Describe(table.entries[2], Generation()).state, CodebookState::kCandidate);
}

TEST(CodebookTable, RetiresTheOldestThatHaveNoLabel) {
  CodebookTable table = TableOf({SomeEntry(1, 1), SomeEntry(2, 2, "kept"), SomeEntry(3, 3), SomeEntry(4, 4),
                                 SomeEntry(5, 0), SomeEntry(6, 5)});
  EXPECT_EQ(table.Retire(Generation{5}, 1), (std::vector<uint32_t>{3, 1}));
  ASSERT_EQ(table.entries.size(), 4u);
  EXPECT_EQ(table.Find(1), nullptr);
  EXPECT_NE(table.Find(2), nullptr) << "it has a label";
  EXPECT_NE(table.Find(4), nullptr) << "the one before";
  EXPECT_NE(table.Find(5), nullptr) << "a candidate";
  EXPECT_NE(table.Find(6), nullptr) << "in force";
  EXPECT_TRUE(table.Retire(Generation{5}, 1).empty());
}

}  // namespace
}  // namespace tessera::engine
