#include "client/formats/vecs_reader.h"

#include "tests/unit/formats/sample_files.h"

namespace tessera::formats {
namespace {

TEST(VecsReaderTest, ReadsEveryItemType) {
  TempDir dir;
  ExpectSample(ReadContents(dir.Write("a.fvecs", SampleVecs<float>(7, 5))), 7, 5);
  ExpectSample(ReadContents(dir.Write("a.ivecs", SampleVecs<int32_t>(7, 5))), 7, 5);
  Contents bytes = ReadContents(dir.Write("a.bvecs", SampleVecs<uint8_t>(2, 5)));
  EXPECT_EQ(bytes.type, ElementType::kU8);
  ExpectSample(bytes, 2, 5);
}

TEST(VecsReaderTest, ReadsManyRowsAcrossBuffers) {
  TempDir dir;
  const std::string bytes = SampleVecs<float>(4001, 129);
  const std::string plain = dir.Write("a.fvecs", bytes);
  for (size_t max_rows : {1u, 1000u, 4001u, 100'000u}) {
    ExpectSample(ReadContents(plain, max_rows), 4001, 129);
  }
  ExpectSample(ReadContents(dir.Write("a.fvecs.gz", Gzip(bytes)), 777), 4001, 129);
  ExpectSample(ReadContents(dir.Write("packed.fvecs", Gzip(bytes)), 777), 4001, 129);
}

TEST(VecsReaderTest, WidestRow) {
  TempDir dir;
  ExpectSample(ReadContents(dir.Write("a.fvecs", SampleVecs<float>(3, kMaxDim))), 3, kMaxDim);
}

TEST(VecsReaderTest, TellsRowsAndDimAtOnce) {
  TempDir dir;
  OpenOptions options;
  options.path = dir.Write("a.fvecs", SampleVecs<float>(7, 5));
  auto reader = OpenVectors(options);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ((*reader)->total_rows(), 7u);
  EXPECT_EQ((*reader)->dim(), 5u);
  EXPECT_EQ((*reader)->progress().total_bytes, 7u * 24);
}

TEST(VecsReaderTest, RowOfAnotherDimIsLeftOut) {
  TempDir dir;
  const std::string path =
      dir.Write("a.fvecs", SampleVecs<float>(2, 5) + VecsRow(SampleRow<float>(2, 4)) +
                               VecsRow(SampleRow<float>(3, 5)) + VecsRow(SampleRow<float>(4, 6)));
  for (size_t max_rows : {1u, 2u, 100u}) {
    Contents contents = ReadContents(path, max_rows);
    EXPECT_TRUE(contents.end.ok()) << contents.end;
    EXPECT_EQ(contents.row_numbers, (std::vector<uint64_t>{0, 1, 3}));
    EXPECT_EQ(contents.row(2), SampleRow<float>(3, 5));
    ASSERT_EQ(contents.bad.size(), 2u);
    EXPECT_EQ(contents.bad[0].row, 2u);
    EXPECT_TRUE(IsInvalid(contents.bad[0].reason, {"a.fvecs row 2", "dim is 4", "expected 5"}));
    EXPECT_EQ(contents.bad[1].row, 4u);
  }
}

TEST(VecsReaderTest, TruncationAnywhereDeliversWholeRowsThenFails) {
  TempDir dir;
  const std::string bytes = SampleVecs<float>(3, 5);
  for (size_t length = 49; length < 72; ++length) {  // inside row 2, which begins at 48
    Contents contents =
        ReadContents(dir.Write("a.fvecs", bytes.substr(0, length)), length % 2 == 0 ? 2 : 100);
    ASSERT_EQ(contents.rows(), 2u) << length;
    EXPECT_EQ(contents.row(1), SampleRow<float>(1, 5));
    EXPECT_TRUE(IsDataLoss(contents.end, {"a.fvecs row 2", "truncated", "expected 24", "offset 48",
                                          "found " + std::to_string(length - 48)}));
  }
}

TEST(VecsReaderTest, TheErrorStays) {
  TempDir dir;
  OpenOptions options;
  options.path = dir.Write("a.fvecs", SampleVecs<float>(3, 5).substr(0, 70));
  auto reader = OpenVectors(options);
  ASSERT_TRUE(reader.ok());
  VectorBatch batch;
  ASSERT_TRUE((*reader)->Next(10, batch).ok());
  EXPECT_EQ(batch.end_row, 2u);
  EXPECT_TRUE(IsDataLoss((*reader)->Next(10, batch).status(), {"row 2"}));
  EXPECT_EQ(batch.rows, 0u);
  EXPECT_TRUE(IsDataLoss((*reader)->Next(10, batch).status(), {"row 2"}));
  EXPECT_TRUE(IsDataLoss((*reader)->Skip(1), {"row 2"}));
}

TEST(VecsReaderTest, TruncatedGzipDeliversWholeRowsThenFails) {
  TempDir dir;
  const std::string packed = Gzip(SampleVecs<float>(5000, 16));
  Contents contents =
      ReadContents(dir.Write("a.fvecs.gz", packed.substr(0, packed.size() / 2)), 100);
  EXPECT_GT(contents.rows(), 1000u);
  EXPECT_LT(contents.rows(), 5000u);
  EXPECT_EQ(contents.row(contents.rows() - 1), SampleRow<float>(contents.rows() - 1, 16));
  EXPECT_TRUE(IsDataLoss(contents.end, {"a.fvecs.gz", "gzip data ends in the middle"}));
}

TEST(VecsReaderTest, ImpossibleDimInTheMiddleEndsTheFile) {
  TempDir dir;
  for (uint32_t dim : {0u, 65536u, 0xffffffffu}) {
    Contents contents = ReadContents(
        dir.Write("a.fvecs", SampleVecs<float>(2, 5) + Raw(dim) + SampleVecs<float>(2, 5)));
    EXPECT_EQ(contents.rows(), 2u);
    EXPECT_TRUE(IsDataLoss(contents.end, {"row 2", "dim is " + std::to_string(dim), "offset 48"}));
  }
}

TEST(VecsReaderTest, ImpossibleDimAtTheBeginningIsAnotherFormat) {
  TempDir dir;
  for (uint32_t dim : {0u, 65536u, 0xffffffffu}) {
    Contents contents = ReadContents(dir.Write("a.fvecs", Raw(dim) + Raw(1.0f)));
    EXPECT_TRUE(IsInvalid(contents.open, {"a.fvecs", "dim is " + std::to_string(dim)}));
  }
  EXPECT_TRUE(IsDataLoss(ReadContents(dir.Write("a.fvecs", "ab")).open, {"a.fvecs", "found 2"}));
}

TEST(VecsReaderTest, ExpectedDimIsHeld) {
  TempDir dir;
  OpenOptions options;
  options.path = dir.Write("a.fvecs", SampleVecs<float>(2, 5));
  options.expected_dim = 6;
  EXPECT_TRUE(IsInvalid(ReadContents(options).open, {"a.fvecs", "dim is 5", "expected 6"}));
  options.expected_dim = 5;
  ExpectSample(ReadContents(options), 2, 5);
}

TEST(VecsReaderTest, SkipCountsBadRowsAndResumes) {
  TempDir dir;
  const std::string bytes = SampleVecs<float>(2, 5) + VecsRow(SampleRow<float>(2, 70'000 / 2)) +
                            VecsRow(SampleRow<float>(3, 5));
  for (const std::string& path : {dir.Write("a.fvecs", bytes), dir.Write("b.fvecs", Gzip(bytes))}) {
    OpenOptions options;
    options.path = path;
    auto reader = OpenVectors(options);
    ASSERT_TRUE(reader.ok());
    ASSERT_TRUE((*reader)->Skip(3).ok());
    Contents contents = Drain(**reader, 10);
    EXPECT_EQ(contents.row_numbers, (std::vector<uint64_t>{3}));
    EXPECT_EQ(contents.row(0), SampleRow<float>(3, 5));
  }
}

TEST(VecsReaderTest, SkipToTheEndAndPastIt) {
  TempDir dir;
  OpenOptions options;
  options.path = dir.Write("a.fvecs", SampleVecs<float>(4, 5));
  auto reader = OpenVectors(options);
  ASSERT_TRUE((*reader)->Skip(4).ok());
  EXPECT_EQ(Drain(**reader, 10).rows(), 0u);
  reader = OpenVectors(options);
  EXPECT_TRUE(IsInvalid((*reader)->Skip(5), {"skip 5", "after 4"}));
  options.path = dir.Write("a.fvecs", SampleVecs<float>(4, 5).substr(0, 90));
  reader = OpenVectors(options);
  EXPECT_TRUE(IsDataLoss((*reader)->Skip(4), {"row 3", "offset 72", "found 18"}));
}

TEST(VecsReaderTest, BatchesAreBoundedInBytes) {
  TempDir dir;
  OpenOptions options;
  options.path = dir.Write("a.bvecs", SampleVecs<uint8_t>(1030, kMaxDim));
  auto reader = OpenVectors(options);
  ASSERT_TRUE(reader.ok());
  VectorBatch batch;
  ASSERT_TRUE(*(*reader)->Next(1'000'000, batch));
  EXPECT_EQ(batch.rows, kMaxBatchBytes / kMaxDim);
  ASSERT_TRUE(*(*reader)->Next(1'000'000, batch));
  EXPECT_EQ(batch.rows, 1030 - kMaxBatchBytes / kMaxDim);
}

}  // namespace
}  // namespace tessera::formats
