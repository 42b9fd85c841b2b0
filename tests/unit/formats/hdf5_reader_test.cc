#include "client/formats/hdf5_reader.h"

#include <hdf5.h>

#include "client/formats/neighbors.h"
#include "tests/unit/formats/sample_files.h"

namespace tessera::formats {
namespace {

// An HDF5 file in the making.
class Hdf5Writer {
 public:
  explicit Hdf5Writer(const std::string& path)
      : file_(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT)) {}
  ~Hdf5Writer() { H5Fclose(file_); }

  // Without data nothing is stored; a chunk shape makes the data set chunked and compressed.
  void Add(const char* name, hid_t type, const std::vector<hsize_t>& shape, const void* data,
           const std::vector<hsize_t>& chunk = {}) {
    const hid_t space = H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    if (!chunk.empty()) {
      H5Pset_chunk(creation, static_cast<int>(chunk.size()), chunk.data());
      H5Pset_deflate(creation, 4);
    }
    const hid_t set = H5Dcreate2(file_, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    ASSERT_GE(set, 0);
    if (data != nullptr) {
      ASSERT_GE(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), 0);
    }
    H5Dclose(set);
    H5Pclose(creation);
    H5Sclose(space);
  }

 private:
  hid_t file_;
};

Contents ReadSet(const std::string& path, const std::string& dataset, size_t max_rows = 100) {
  OpenOptions options;
  options.path = path;
  options.dataset = dataset;
  return ReadContents(options, max_rows);
}

TEST(Hdf5ReaderTest, ReadsTheLayoutOfAnnBenchmarks) {
  TempDir dir;
  const std::string path = dir.Path("a.hdf5");
  {
    Hdf5Writer writer(path);
    writer.Add("train", H5T_IEEE_F32LE, {4000, 100}, SampleMatrix<float>(4000, 100).data());
    writer.Add("test", H5T_IEEE_F64LE, {5, 100}, SampleMatrix<double>(5, 100).data());
    writer.Add("neighbors", H5T_STD_I32LE, {5, 3}, SampleMatrix<int32_t>(5, 3).data());
  }
  ExpectSample(ReadContents(path, 333), 4000, 100);
  ExpectSample(ReadContents(path, 100'000), 4000, 100);
  ExpectSample(ReadSet(path, "test"), 5, 100);
  auto neighbors = ReadNeighbors(path);
  ASSERT_TRUE(neighbors.ok()) << neighbors.status();
  EXPECT_EQ(neighbors->rows, 5u);
  EXPECT_EQ(neighbors->k, 3u);
  EXPECT_EQ(neighbors->data[4 * 3 + 2], 402);
  EXPECT_TRUE(IsInvalid(ReadNeighbors(path, Format::kAuto, "test").status(), {"no 32-bit"}));
}

TEST(Hdf5ReaderTest, ReadsCompressedChunksAndOtherTypes) {
  TempDir dir;
  const std::string path = dir.Path("a.h5");
  {
    Hdf5Writer writer(path);
    writer.Add("train", H5T_IEEE_F32LE, {1000, 64}, SampleMatrix<float>(1000, 64).data(), {96, 24});
    writer.Add("u8", H5T_STD_U8LE, {2, 7}, SampleMatrix<uint8_t>(2, 7).data());
    writer.Add("i8", H5T_STD_I8LE, {1, 7}, SampleMatrix<int8_t>(1, 7).data());
    writer.Add("i16", H5T_STD_I16LE, {3, 7}, SampleMatrix<int16_t>(3, 7).data());
  }
  ExpectSample(ReadContents(path, 77), 1000, 64);
  Contents u8 = ReadSet(path, "u8");
  EXPECT_EQ(u8.type, ElementType::kU8);
  ExpectSample(u8, 2, 7);
  Contents i8 = ReadSet(path, "i8");
  EXPECT_EQ(i8.type, ElementType::kI8);
  ExpectSample(i8, 1, 7);
  ExpectSample(ReadSet(path, "/i16"), 3, 7);
}

TEST(Hdf5ReaderTest, ReadsHalves) {
  TempDir dir;
  const std::string path = dir.Path("a.h5");
  {
    const hid_t half = H5Tcopy(H5T_IEEE_F32LE);  // as h5py makes it
    H5Tset_fields(half, 15, 10, 5, 0, 10);
    H5Tset_size(half, 2);
    H5Tset_ebias(half, 15);
    const std::vector<uint16_t> values = {0x3c00, 0xc000};
    Hdf5Writer(path).Add("train", half, {1, 2}, values.data());
    H5Tclose(half);
  }
  EXPECT_EQ(ReadContents(path).values, (std::vector<float>{1, -2}));
}

TEST(Hdf5ReaderTest, SkipResumes) {
  TempDir dir;
  OpenOptions options;
  options.path = dir.Path("a.hdf5");
  Hdf5Writer(options.path).Add("train", H5T_IEEE_F32LE, {50, 4}, SampleMatrix<float>(50, 4).data());
  auto reader = OpenVectors(options);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ((*reader)->total_rows(), 50u);
  ASSERT_TRUE((*reader)->Skip(48).ok());
  Contents contents = Drain(**reader, 100);
  EXPECT_EQ(contents.row_numbers, (std::vector<uint64_t>{48, 49}));
  EXPECT_EQ(contents.row(1), SampleRow<float>(49, 4));
  EXPECT_TRUE(IsInvalid((*reader)->Skip(1), {"skip"}));
}

TEST(Hdf5ReaderTest, RefusesWhatItCannotRead) {
  TempDir dir;
  const std::string path = dir.Path("a.h5");
  {
    Hdf5Writer writer(path);
    const std::string data = SampleMatrix<double>(4, 4);
    writer.Add("line", H5T_IEEE_F32LE, {16}, data.data());
    writer.Add("cube", H5T_IEEE_F32LE, {2, 2, 4}, data.data());
    writer.Add("i64", H5T_STD_I64LE, {4, 4}, data.data());
    writer.Add("unwritten", H5T_IEEE_F32LE, {hsize_t{1} << 40, 4}, nullptr);
    writer.Add("wide", H5T_STD_U8LE, {1, 65536}, nullptr);
    writer.Add("overflow", H5T_IEEE_F32LE, {hsize_t{1} << 56, 256}, nullptr, {1, 1});
    writer.Add("vast", H5T_STD_U8LE, {100'000, 1000}, nullptr, {100'000, 1000});
  }
  const auto open = [&path](const std::string& dataset) { return ReadSet(path, dataset).open; };
  EXPECT_TRUE(Says(open("train"), absl::StatusCode::kNotFound, {"a.h5:train", "no such data set"}));
  EXPECT_TRUE(IsInvalid(open("line"), {"1 dimensions", "expected 2"}));
  EXPECT_TRUE(IsInvalid(open("cube"), {"3 dimensions"}));
  EXPECT_TRUE(IsInvalid(open("i64"), {"32 bits"}));
  EXPECT_TRUE(IsDataLoss(open("unwritten"), {"no data is stored"}));
  EXPECT_TRUE(IsInvalid(open("wide"), {"dim 65536"}));
  EXPECT_TRUE(IsInvalid(open("overflow"), {"more bytes than a file"}));
  EXPECT_TRUE(IsInvalid(open("vast"), {"chunks of 100000 x 1000"}));
}

TEST(Hdf5ReaderTest, TruncatedOrForeignFiles) {
  TempDir dir;
  const std::string path = dir.Path("a.hdf5");
  Hdf5Writer(path).Add("train", H5T_IEEE_F32LE, {500, 40}, SampleMatrix<float>(500, 40).data());
  const std::string whole = ReadAll(path);
  for (size_t length : {size_t{8}, size_t{100}, size_t{1000}, whole.size() / 2, whole.size() - 1}) {
    Contents contents = ReadContents(dir.Write("cut.hdf5", whole.substr(0, length)));
    EXPECT_FALSE(contents.open.ok() && contents.end.ok()) << length;
  }
  EXPECT_TRUE(
      IsInvalid(ReadContents(dir.Write("b.hdf5", "not at all")).open, {"not an HDF5 file"}));
  EXPECT_TRUE(IsInvalid(ReadContents(dir.Write("c.hdf5.gz", Gzip(whole))).open, {"plain file"}));
}

}  // namespace
}  // namespace tessera::formats
