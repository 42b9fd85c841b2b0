#include "client/formats/matrix_reader.h"

#include "tests/unit/formats/sample_files.h"

namespace tessera::formats {
namespace {

std::string Bin(uint32_t rows, uint32_t dim, const std::string& data) {
  return Raw(rows) + Raw(dim) + data;
}

std::string Idx(char type, const std::vector<uint32_t>& shape, const std::string& data) {
  std::string bytes = {0, 0, type, static_cast<char>(shape.size())};
  for (uint32_t length : shape) bytes += BigEndian(length);
  return bytes + data;
}

TEST(BinReaderTest, ReadsEveryItemType) {
  TempDir dir;
  ExpectSample(ReadContents(dir.Write("a.fbin", Bin(9, 7, SampleMatrix<float>(9, 7)))), 9, 7);
  ExpectSample(ReadContents(dir.Write("a.fbin.gz", Gzip(Bin(9, 7, SampleMatrix<float>(9, 7))))), 9,
               7);
  Contents u8 = ReadContents(dir.Write("a.u8bin", Bin(2, 7, SampleMatrix<uint8_t>(2, 7))));
  EXPECT_EQ(u8.type, ElementType::kU8);
  ExpectSample(u8, 2, 7);
  Contents i8 = ReadContents(dir.Write("a.i8bin", Bin(1, 2, RawAll<int8_t>({-3, 4}))));
  EXPECT_EQ(i8.type, ElementType::kI8);
  EXPECT_EQ(i8.values, (std::vector<float>{-3, 4}));
}

TEST(BinReaderTest, NoRowsAreNoError) {
  TempDir dir;
  Contents contents = ReadContents(dir.Write("a.fbin", Bin(0, 7, "")));
  EXPECT_TRUE(contents.open.ok() && contents.end.ok());
  EXPECT_EQ(contents.rows(), 0u);
  EXPECT_EQ(contents.dim, 7u);
}

TEST(BinReaderTest, FewerBytesThanPromised) {
  TempDir dir;
  OpenOptions options;
  options.path = dir.Write("a.fbin", Bin(4'000'000'000u, 7, SampleMatrix<float>(5, 7) + "xy"));
  auto reader = OpenVectors(options);
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ((*reader)->total_rows(), 5u) << "what is there, not what the header says";
  Contents contents = Drain(**reader, 100);
  EXPECT_EQ(contents.rows(), 5u);
  EXPECT_EQ(contents.row(4), SampleRow<float>(4, 7));
  EXPECT_TRUE(IsDataLoss(contents.end, {"a.fbin row 5", "4000000000 rows", "found 142 of"}));
}

TEST(BinReaderTest, MoreBytesThanPromised) {
  TempDir dir;
  Contents contents = ReadContents(dir.Write("a.fbin", Bin(4, 7, SampleMatrix<float>(5, 7))));
  EXPECT_EQ(contents.rows(), 4u);
  EXPECT_TRUE(IsDataLoss(contents.end, {"a.fbin", "after the last of 4 rows", "offset 120"}));
}

TEST(BinReaderTest, ImpossibleHeaders) {
  TempDir dir;
  EXPECT_TRUE(IsInvalid(ReadContents(dir.Write("a.fbin", Bin(5, 0, "abc"))).open, {"dim 0"}));
  EXPECT_TRUE(
      IsInvalid(ReadContents(dir.Write("a.fbin", Bin(5, 65536, "abc"))).open, {"dim 65536"}));
  EXPECT_TRUE(IsDataLoss(ReadContents(dir.Write("a.fbin", "abcdefg")).open,
                         {"a.fbin", "expected 8", "found 7"}));
  OpenOptions options;
  options.path = dir.Write("a.fbin", Bin(1, 2, SampleMatrix<float>(1, 2)));
  options.expected_dim = 3;
  EXPECT_TRUE(IsInvalid(ReadContents(options).open, {"dim is 2", "expected 3"}));
}

TEST(BinReaderTest, SkipResumesAndKnowsTheEnd) {
  TempDir dir;
  const std::string bytes = Bin(9, 7, SampleMatrix<float>(9, 7));
  for (const std::string& path : {dir.Write("a.fbin", bytes), dir.Write("b.fbin", Gzip(bytes))}) {
    OpenOptions options;
    options.path = path;
    auto reader = OpenVectors(options);
    VectorBatch batch;
    ASSERT_TRUE(*(*reader)->Next(2, batch));
    ASSERT_TRUE((*reader)->Skip(6).ok());
    ASSERT_TRUE(*(*reader)->Next(5, batch));
    EXPECT_EQ(batch.row_numbers, (std::vector<uint64_t>{8}));
    EXPECT_FALSE(*(*reader)->Next(5, batch));
    EXPECT_TRUE(IsInvalid((*reader)->Skip(1), {"ends after 0"}));
  }
}

TEST(NpyReaderTest, ReadsEveryItemType) {
  TempDir dir;
  const auto read = [&dir](const std::string& descr, const std::string& data) {
    return ReadContents(dir.Write("a.npy", Npy(NpyDictionary(descr, "(2, 5)"), data)));
  };
  ExpectSample(read("<f4", SampleMatrix<float>(2, 5)), 2, 5);
  ExpectSample(read("<f8", SampleMatrix<double>(2, 5)), 2, 5);
  ExpectSample(read("<i4", SampleMatrix<int32_t>(2, 5)), 2, 5);
  ExpectSample(read("|u1", SampleMatrix<uint8_t>(2, 5)), 2, 5);
  ExpectSample(read("|i1", SampleMatrix<int8_t>(2, 5)), 2, 5);
  Contents halves = read("<f2", RawAll(std::vector<uint16_t>(10, 0x3c00)));
  EXPECT_EQ(halves.type, ElementType::kF16);
  EXPECT_EQ(halves.values, std::vector<float>(10, 1.0f));
}

OpenOptions Told(const std::string& path, std::optional<ElementType> type, Format format = Format::kAuto) {
  OpenOptions options;
  options.path = path;
  options.type = type;
  options.format = format;
  return options;
}

TEST(NpyReaderTest, SixteenBitsOfSomethingMustBeNamed) {
  TempDir dir;
  for (const char* descr : {"<V2", "|V2", "<u2"}) {
    const std::string path = dir.Write("a.npy", Npy(NpyDictionary(descr, "(1, 2)"), RawAll<uint16_t>({0x3f80, 0xc000})));
    EXPECT_TRUE(IsInvalid(ReadContents(path).open, {descr, "bf16"}));
    EXPECT_TRUE(IsInvalid(ReadContents(Told(path, ElementType::kI8)).open, {descr}));
    const Contents bfloats = ReadContents(Told(path, ElementType::kBf16));
    EXPECT_EQ(bfloats.type, ElementType::kBf16);
    EXPECT_EQ(bfloats.values, (std::vector<float>{1, -2}));
    EXPECT_EQ(ReadContents(Told(path, ElementType::kF16)).values, (std::vector<float>{1.875f, -2}));
  }
}

TEST(NpyReaderTest, AnotherTypeThanToldIsRefused) {
  TempDir dir;
  const std::string path = dir.Write("a.npy", Npy(NpyDictionary("|u1", "(2, 5)"), SampleMatrix<uint8_t>(2, 5)));
  ExpectSample(ReadContents(Told(path, ElementType::kU8)), 2, 5);
  EXPECT_TRUE(IsInvalid(ReadContents(Told(path, ElementType::kI8)).open, {"a.npy", "u8, not i8"}));
}

TEST(NpyReaderTest, QuantizedIntegersStayAndStandForFloats) {
  TempDir dir;
  OpenOptions options;
  options.path = dir.Write("a.npy", Npy(NpyDictionary("|i1", "(1, 3)"), RawAll<int8_t>({-128, 0, 127})));
  options.quantization = {0.5f, -128};
  const Contents contents = ReadContents(options);
  EXPECT_EQ(contents.type, ElementType::kI8);
  EXPECT_EQ(contents.values, (std::vector<float>{0, 64, 127.5f}));
  options.quantization.zero_point = 128;
  EXPECT_TRUE(IsInvalid(ReadContents(options).open, {"a.npy", "zero_point is 128"}));
  options.path = dir.Write("b.npy", Npy(NpyDictionary("<f4", "(2, 5)"), SampleMatrix<float>(2, 5)));
  EXPECT_TRUE(IsInvalid(ReadContents(options).open, {"b.npy", "not of f32"}));
}

TEST(RawReaderTest, RowsOfTheNamedTypeAndDim) {
  TempDir dir;
  OpenOptions options = Told(dir.Write("a", SampleMatrix<float>(4, 5)), ElementType::kF32, Format::kRaw);
  EXPECT_TRUE(IsInvalid(ReadContents(options).open, {"raw", "dim"}));
  options.expected_dim = 5;
  ExpectSample(ReadContents(options), 4, 5);
  EXPECT_EQ((*OpenVectors(options))->total_rows(), 4u);
  EXPECT_TRUE((*OpenVectors(options))->Skip(4).ok());
  EXPECT_TRUE(IsInvalid((*OpenVectors(options))->Skip(5), {"ends after 4"}));
  options.path = dir.Write("b.gz", Gzip(SampleMatrix<float>(4, 5)));  // of unknown size
  ExpectSample(ReadContents(options), 4, 5);
  EXPECT_TRUE(IsInvalid((*OpenVectors(options))->Skip(5), {"ends after 4"}));
  options.path = dir.Write("c.gz", Gzip(SampleMatrix<float>(4, 5).substr(0, 63)));
  const Contents cut = ReadContents(options);
  EXPECT_EQ(cut.rows(), 3u);
  EXPECT_TRUE(IsDataLoss(cut.end, {"row 3", "3 of 20 bytes"}));
  options.path = dir.Write("d", "1234567");
  EXPECT_TRUE(IsInvalid(ReadContents(options).open, {"7 bytes are no whole rows of 20"}));
  options.type.reset();
  EXPECT_TRUE(IsInvalid(ReadContents(options).open, {"type"}));
}

TEST(BinReaderTest, TheHeaderIsThatOfFbinTheTypeIsTold) {
  TempDir dir;
  const auto path = dir.Write("a.bin", Raw(uint32_t{3}) + Raw(uint32_t{4}) + SampleMatrix<uint8_t>(3, 4));
  ExpectSample(ReadContents(Told(path, ElementType::kU8, Format::kBin)), 3, 4);
  EXPECT_TRUE(IsDataLoss(ReadContents(Told(path, ElementType::kBf16, Format::kBin)).end, {"truncated"}));
}

TEST(NpyReaderTest, ReadsVersionTwoAndOtherSpellings) {
  TempDir dir;
  const std::string dictionary = "{\"shape\":(2,5),\"fortran_order\":False,\"descr\":\"<f4\"}";
  const std::string bytes = std::string("\x93NUMPY\x02\x00", 8) +
                            Raw(static_cast<uint32_t>(dictionary.size())) + dictionary +
                            SampleMatrix<float>(2, 5);
  ExpectSample(ReadContents(dir.Write("noname", bytes)), 2, 5);
}

TEST(NpyReaderTest, RefusesWhatItCannotRead) {
  TempDir dir;
  const auto open = [&dir](const std::string& bytes) {
    return ReadContents(dir.Write("a.npy", bytes)).open;
  };
  const std::string data = SampleMatrix<float>(2, 5);
  EXPECT_TRUE(IsInvalid(open(Npy(NpyDictionary("<f4", "(10,)"), data)), {"(10,)", "two dim"}));
  EXPECT_TRUE(IsInvalid(open(Npy(NpyDictionary("<f4", "(1, 2, 5)"), data)), {"(1, 2, 5)"}));
  EXPECT_TRUE(IsInvalid(open(Npy(NpyDictionary("<f4", "()"), data)), {"two dim"}));
  EXPECT_TRUE(IsInvalid(open(Npy(NpyDictionary("<f4", "(-1, 5)"), data)), {"two dim"}));
  EXPECT_TRUE(IsInvalid(open(Npy(NpyDictionary("<c8", "(2, 5)"), data)), {"<c8"}));
  EXPECT_TRUE(IsInvalid(open(Npy(NpyDictionary("<f16", "(2, 5)"), data)), {"npy"}));
  EXPECT_TRUE(IsInvalid(open(Npy("{'descr': [('x', '<f4')], 'fortran_order': False, "
                                 "'shape': (2, 5)}",
                                 data)),
                        {"plain numbers"}));
  EXPECT_TRUE(IsInvalid(open(Npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 5)}", data)),
                        {"C order"}));
  EXPECT_TRUE(IsInvalid(open(Npy("", data)), {"npy"}));
  EXPECT_TRUE(IsInvalid(open("PK\x03\x04 and so on"), {"npy"}));
  EXPECT_TRUE(IsInvalid(open(Npy(NpyDictionary("<f4", "(2, 0)"), data)), {"dim 0"}));
}

TEST(NpyReaderTest, RefusesSizesThatOverflow) {
  TempDir dir;
  for (const char* shape : {"(18446744073709551615, 4)", "(4611686018427387904, 4)",
                            "(99999999999999999999, 4)", "(4, 99999999999999999999)"}) {
    Contents contents = ReadContents(dir.Write("a.npy", Npy(NpyDictionary("<f4", shape), "")));
    EXPECT_TRUE(IsInvalid(contents.open, {"a.npy"})) << shape;
  }
}

TEST(NpyReaderTest, HeaderCutOffOrTooLong) {
  TempDir dir;
  const std::string whole = Npy(NpyDictionary("<f4", "(2, 5)"), "");
  for (size_t length = 12; length < whole.size(); ++length) {
    EXPECT_TRUE(IsDataLoss(ReadContents(dir.Write("a.npy", whole.substr(0, length))).open,
                           {"header cut off", "found " + std::to_string(length)}));
  }
  const std::string giant =
      std::string("\x93NUMPY\x02\x00", 8) + Raw(uint32_t{0xffffffff}) + "{'descr': ";
  EXPECT_TRUE(IsInvalid(ReadContents(dir.Write("a.npy", giant)).open, {"4294967295 bytes"}));
}

TEST(IdxReaderTest, FlattensImages) {
  TempDir dir;
  const std::string bytes = Idx(0x08, {2, 3, 4}, SampleMatrix<uint8_t>(2, 12));
  Contents contents = ReadContents(dir.Write("images-idx3-ubyte.gz", Gzip(bytes)));
  EXPECT_EQ(contents.type, ElementType::kU8);
  ExpectSample(contents, 2, 12);
  ExpectSample(ReadContents(dir.Write("by-magic", bytes)), 2, 12);
}

TEST(IdxReaderTest, ReadsBigEndianFloats) {
  TempDir dir;
  std::string data;
  for (size_t row = 0; row < 3; ++row) {
    for (float value : SampleRow<float>(row, 4)) data += BigEndian(std::bit_cast<uint32_t>(value));
  }
  ExpectSample(ReadContents(dir.Write("a.idx", Idx(0x0d, {3, 4}, data))), 3, 4);
}

TEST(IdxReaderTest, RefusesWhatItCannotRead) {
  TempDir dir;
  const auto open = [&dir](const std::string& bytes) {
    return ReadContents(dir.Write("a.idx", bytes)).open;
  };
  EXPECT_TRUE(IsInvalid(open(Idx(0x08, {5}, "abcde")), {"1 dimensions", "labels"}));
  EXPECT_TRUE(IsInvalid(open(Idx(0x0b, {5, 2}, "abcde")), {"item type 11"}));
  EXPECT_TRUE(IsInvalid(open("what is this?"), {"not an IDX file"}));
  EXPECT_TRUE(IsInvalid(open(Idx(0x08, {5, 0xffffffff, 0xffffffff, 0xffffffff}, "")), {"dim"}));
  EXPECT_TRUE(IsInvalid(open(Idx(0x08, {5, 70'000, 0}, "")), {"dim 0"}));
  EXPECT_TRUE(IsDataLoss(open(Idx(0x08, {5, 3, 4}, "").substr(0, 11)), {"found 11"}));
}

}  // namespace
}  // namespace tessera::formats
