#include "client/formats/vector_writer.h"

#include "client/formats/neighbors.h"
#include "tests/unit/formats/sample_files.h"

namespace tessera::formats {
namespace {

std::span<const uint8_t> Bytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// Writes rows in two parts and returns the bytes of the file.
std::string WriteRows(const std::string& path, ElementType type, size_t dim,
                      const std::string& rows) {
  auto writer = VectorWriter::Create(path, Format::kAuto, type, dim);
  EXPECT_TRUE(writer.ok()) << writer.status();
  const size_t row_bytes = dim * ElementSize(type);
  EXPECT_TRUE((*writer)->Append(Bytes(rows).first(row_bytes)).ok());
  EXPECT_TRUE((*writer)->Append(Bytes(rows).subspan(row_bytes)).ok());
  EXPECT_EQ((*writer)->rows(), rows.size() / row_bytes);
  EXPECT_FALSE(std::filesystem::exists(path)) << "no name before it is whole";
  const Status finished = (*writer)->Finish();
  EXPECT_TRUE(finished.ok()) << finished;
  EXPECT_FALSE(std::filesystem::exists(path + ".tmp"));
  return ReadAll(path);
}

TEST(VectorWriterTest, VecsBytesAreAsDefined) {
  TempDir dir;
  EXPECT_EQ(WriteRows(dir.Path("a.fvecs"), ElementType::kF32, 3, SampleMatrix<float>(4, 3)),
            SampleVecs<float>(4, 3));
  EXPECT_EQ(WriteRows(dir.Path("a.bvecs"), ElementType::kU8, 3, SampleMatrix<uint8_t>(4, 3)),
            SampleVecs<uint8_t>(4, 3));
}

TEST(VectorWriterTest, NpyReadsBack) {
  TempDir dir;
  const std::string path = dir.Path("a.npy");
  const std::string bytes = WriteRows(path, ElementType::kF32, 300, SampleMatrix<float>(2000, 300));
  EXPECT_EQ(bytes.size(), 128u + 2000 * 300 * 4);
  EXPECT_TRUE(
      bytes.starts_with(std::string("\x93NUMPY\x01\x00\x76\x00", 10) +
                        "{'descr': '<f4', 'fortran_order': False, 'shape': (2000, 300), }    "));
  EXPECT_EQ(bytes[127], '\n');
  ExpectSample(ReadContents(path), 2000, 300);
  WriteRows(dir.Path("b.npy"), ElementType::kF16, 2, RawAll<uint16_t>({0x3c00, 0xc000}));
  EXPECT_EQ(ReadContents(dir.Path("b.npy")).values, (std::vector<float>{1, -2}));
  WriteRows(dir.Path("c.npy"), ElementType::kI8, 2, RawAll<int8_t>({-1, 5, 6, 7}));
  EXPECT_EQ(ReadContents(dir.Path("c.npy")).values, (std::vector<float>{-1, 5, 6, 7}));
}

TEST(VectorWriterTest, NpyWithoutRows) {
  TempDir dir;
  auto writer = VectorWriter::Create(dir.Path("a.npy"), Format::kAuto, ElementType::kU8, 16);
  ASSERT_TRUE((*writer)->Finish().ok());
  Contents contents = ReadContents(dir.Path("a.npy"));
  EXPECT_TRUE(contents.end.ok()) << contents.end;
  EXPECT_EQ(contents.dim, 16u);
}

TEST(VectorWriterTest, IvecsReadBack) {
  TempDir dir;
  const std::vector<int32_t> values = {1, 2, -1, 16777217, 5, 6};
  // A stride wider than the rows: the last column is not written.
  ASSERT_TRUE(WriteIvecs(dir.Path("t.ivecs"), {values.data(), 2, 2, 3}).ok());
  auto table = ReadNeighbors(dir.Path("t.ivecs"));
  ASSERT_TRUE(table.ok());
  EXPECT_EQ(table->data, (std::vector<int32_t>{1, 2, 16777217, 5}));
}

TEST(VectorWriterTest, UnfinishedFilesLeaveNothingAndKeepTheOld) {
  TempDir dir;
  const std::string path = dir.Write("a.fvecs", "the old one");
  {
    auto writer = VectorWriter::Create(path, Format::kAuto, ElementType::kF32, 2);
    ASSERT_TRUE((*writer)->Append(Bytes(RawAll<float>({1, 2}))).ok());
    EXPECT_TRUE(std::filesystem::exists(path + ".tmp"));
  }
  EXPECT_FALSE(std::filesystem::exists(path + ".tmp"));
  EXPECT_EQ(ReadAll(path), "the old one");
}

TEST(VectorWriterTest, RefusesWrongUse) {
  TempDir dir;
  const auto create = [&dir](const char* name, ElementType type, size_t dim) {
    return VectorWriter::Create(dir.Path(name), Format::kAuto, type, dim).status();
  };
  EXPECT_TRUE(IsInvalid(create("a.fvecs", ElementType::kU8, 2), {"u8", "fvecs"}));
  EXPECT_TRUE(IsInvalid(create("a.bvecs", ElementType::kF32, 2), {"f32", "bvecs"}));
  EXPECT_TRUE(IsInvalid(create("a.hdf5", ElementType::kF32, 2), {"hdf5"}));
  EXPECT_TRUE(IsInvalid(create("a", ElementType::kF32, 2), {"auto"}));
  EXPECT_TRUE(IsInvalid(create("a.npy", ElementType::kF32, 0), {"dim is 0"}));
  EXPECT_TRUE(IsInvalid(create("a.npy", ElementType::kF32, 65536), {"dim is 65536"}));
  EXPECT_TRUE(Says(create("no/such/folder/a.npy", ElementType::kF32, 2),
                   absl::StatusCode::kFailedPrecondition, {"No such file"}));
  auto writer = VectorWriter::Create(dir.Path("a.fvecs"), Format::kAuto, ElementType::kF32, 2);
  EXPECT_TRUE(IsInvalid((*writer)->Append(Bytes("1234567")), {"7 bytes", "rows of 8"}));
  ASSERT_TRUE((*writer)->Finish().ok());
  EXPECT_TRUE(Says((*writer)->Append({}), absl::StatusCode::kFailedPrecondition, {"finished"}));
  EXPECT_TRUE(Says((*writer)->Finish(), absl::StatusCode::kFailedPrecondition, {"finished"}));
}

}  // namespace
}  // namespace tessera::formats
