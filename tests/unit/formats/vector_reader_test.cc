#include "client/formats/vector_reader.h"

#include "tests/unit/formats/sample_files.h"

namespace tessera::formats {
namespace {

TEST(OpenVectorsTest, EmptyFileIsAnError) {
  TempDir dir;
  for (const char* name : {"a.fvecs", "a.npy", "a.jsonl", "a"}) {
    EXPECT_TRUE(IsInvalid(ReadContents(dir.Write(name, "")).open, {name, "is empty"}));
  }
  EXPECT_TRUE(IsInvalid(ReadContents(dir.Write("a.fvecs.gz", Gzip(""))).open, {"is empty"}));
}

TEST(OpenVectorsTest, UnknownFormatAsksForAName) {
  TempDir dir;
  const std::string path = dir.Write("data", SampleVecs<float>(3, 4));
  EXPECT_TRUE(IsInvalid(ReadContents(path).open, {"data", "format"}));
  OpenOptions options;
  options.path = path;
  options.format = Format::kFvecs;
  ExpectSample(ReadContents(options), 3, 4);
}

TEST(OpenVectorsTest, GivenFormatGoesBeforeTheName) {
  TempDir dir;
  OpenOptions options;
  options.path = dir.Write("data.npy", SampleVecs<float>(3, 4));
  options.format = Format::kFvecs;
  ExpectSample(ReadContents(options), 3, 4);
}

TEST(OpenVectorsTest, MissingFile) {
  TempDir dir;
  EXPECT_TRUE(
      Says(ReadContents(dir.Path("none.fvecs")).open, absl::StatusCode::kNotFound, {"none.fvecs"}));
  EXPECT_TRUE(
      Says(ReadContents(dir.Path("none.hdf5")).open, absl::StatusCode::kNotFound, {"none.hdf5"}));
}

TEST(OpenVectorsTest, ZeroRowsCannotBeAskedFor) {
  TempDir dir;
  OpenOptions options;
  options.path = dir.Write("a.fvecs", SampleVecs<float>(3, 4));
  auto reader = OpenVectors(options);
  ASSERT_TRUE(reader.ok());
  VectorBatch batch;
  EXPECT_TRUE(IsInvalid((*reader)->Next(0, batch).status(), {"max_rows"}));
  ExpectSample(Drain(**reader, 10), 3, 4);
}

TEST(OpenVectorsTest, AReusedBatchKeepsNothingOld) {
  TempDir dir;
  OpenOptions options;
  options.path = dir.Write("a.jsonl", "{\"id\": \"x\", \"vector\": [1, 2, 3]}\nnonsense\n");
  auto json = OpenVectors(options);
  VectorBatch batch;
  ASSERT_TRUE(*(*json)->Next(10, batch));
  ASSERT_EQ(batch.ids.size(), 1u);
  ASSERT_EQ(batch.bad.size(), 1u);
  options.path = dir.Write("a.bvecs", VecsRow<uint8_t>({7, 8}));
  auto vecs = OpenVectors(options);
  ASSERT_TRUE(*(*vecs)->Next(10, batch));
  EXPECT_TRUE(batch.ids.empty() && batch.bad.empty());
  EXPECT_EQ(batch.data, (std::vector<uint8_t>{7, 8}));
  EXPECT_EQ(batch.row_numbers, (std::vector<uint64_t>{0}));
  EXPECT_FALSE(*(*vecs)->Next(10, batch));
  EXPECT_TRUE(batch.data.empty() && batch.row_numbers.empty());
}

}  // namespace
}  // namespace tessera::formats
