#include "client/formats/neighbors.h"

#include "tests/unit/formats/sample_files.h"

namespace tessera::formats {
namespace {

void ExpectSampleTable(const StatusOr<NeighborTable>& table, size_t rows, size_t k) {
  ASSERT_TRUE(table.ok()) << table.status();
  ASSERT_EQ(table->rows, rows);
  ASSERT_EQ(table->k, k);
  for (size_t r = 0; r < rows; ++r) {
    EXPECT_EQ(std::vector<int32_t>(table->row(r), table->row(r) + k), SampleRow<int32_t>(r, k));
  }
}

TEST(NeighborsTest, ReadsIvecsAndNpy) {
  TempDir dir;
  const std::string ivecs = SampleVecs<int32_t>(3000, 100);
  ExpectSampleTable(ReadNeighbors(dir.Write("t.ivecs", ivecs)), 3000, 100);
  ExpectSampleTable(ReadNeighbors(dir.Write("t.ivecs.gz", Gzip(ivecs))), 3000, 100);
  ExpectSampleTable(ReadNeighbors(dir.Write("t.npy", Npy(NpyDictionary("<i4", "(3000, 100)"),
                                                         SampleMatrix<int32_t>(3000, 100)))),
                    3000, 100);
}

TEST(NeighborsTest, LargeNumbersStayExact) {
  TempDir dir;
  auto table = ReadNeighbors(dir.Write("t.ivecs", VecsRow<int32_t>({16777217, -1, INT32_MAX})));
  ASSERT_TRUE(table.ok());
  EXPECT_EQ(table->data, (std::vector<int32_t>{16777217, -1, INT32_MAX}));
}

TEST(NeighborsTest, RaggedRowsAreRefused) {
  TempDir dir;
  EXPECT_TRUE(IsInvalid(
      ReadNeighbors(dir.Write("t.ivecs", VecsRow<int32_t>({1, 2}) + VecsRow<int32_t>({3})))
          .status(),
      {"row 1", "1 neighbours", "2 as in row 0"}));
  EXPECT_TRUE(IsInvalid(ReadNeighbors(dir.Write("t.ivecs", Raw(0))).status(), {"0 neighbours"}));
  EXPECT_TRUE(IsInvalid(ReadNeighbors(dir.Write("t.ivecs", Raw(-1))).status(), {"4294967295"}));
}

TEST(NeighborsTest, TruncationAnywhereIsAnError) {
  TempDir dir;
  const std::string bytes = SampleVecs<int32_t>(3, 2);
  for (size_t length = 25; length < bytes.size(); ++length) {
    EXPECT_TRUE(IsDataLoss(ReadNeighbors(dir.Write("t.ivecs", bytes.substr(0, length))).status(),
                           {"row 2", "truncated", "offset 24"}));
  }
  EXPECT_TRUE(IsDataLoss(ReadNeighbors(dir.Write("t.npy", Npy(NpyDictionary("<i4", "(9, 2)"),
                                                              SampleMatrix<int32_t>(3, 2))))
                             .status(),
                         {"row 3", "truncated"}));
}

TEST(NeighborsTest, RefusesFloats) {
  TempDir dir;
  EXPECT_TRUE(IsInvalid(ReadNeighbors(dir.Write("t.fvecs", SampleVecs<float>(3, 2))).status(),
                        {"fvecs", "ivecs"}));
  EXPECT_TRUE(IsInvalid(ReadNeighbors(dir.Write("t.npy", Npy(NpyDictionary("<f4", "(3, 2)"),
                                                             SampleMatrix<float>(3, 2))))
                            .status(),
                        {"32-bit integers"}));
}

}  // namespace
}  // namespace tessera::formats
