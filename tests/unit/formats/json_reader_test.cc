#include "client/formats/json_reader.h"

#include "tests/unit/formats/sample_files.h"

namespace tessera::formats {
namespace {

Contents ReadLines(const std::string& text, size_t max_rows = 100) {
  TempDir dir;
  return ReadContents(dir.Write("a.jsonl", text), max_rows);
}

// The reason why `line` between two good ones is left out; the good ones must come through.
Status ReasonFor(const std::string& line) {
  Contents contents =
      ReadLines("{\"id\": 1, \"vector\": [1, 2]}\n" + line + "\n{\"id\": 3, \"vector\": [5, 6]}\n");
  EXPECT_TRUE(contents.end.ok()) << contents.end;
  EXPECT_EQ(contents.values, (std::vector<float>{1, 2, 5, 6})) << line;
  EXPECT_EQ(contents.row_numbers, (std::vector<uint64_t>{0, 2}));
  EXPECT_EQ(contents.ids, (std::vector<PointId>{1, 3}));
  if (contents.bad.size() != 1 || contents.bad[0].row != 1) return Internal("not one bad row");
  EXPECT_TRUE(IsInvalid(contents.bad[0].reason, {"a.jsonl line 2: "}));
  return contents.bad[0].reason;
}

TEST(JsonReaderTest, ReadsNumbersAndKeys) {
  Contents contents = ReadLines(
      "{\"id\": 17, \"vector\": [1, -2.5, 3e-2]}\n"
      "{\"vector\": [4, 5, 6], \"id\": \"a key\", \"color\": {\"deep\": [1, \"]}\"]}}\r\n"
      "{\"id\": 18446744073709551615, \"vector\": [0, 1e10, 12345678901234567890123]}");
  EXPECT_TRUE(contents.end.ok()) << contents.end;
  ASSERT_TRUE(contents.bad.empty()) << contents.bad[0].reason;
  EXPECT_EQ(contents.type, ElementType::kF32);
  EXPECT_EQ(contents.values,
            (std::vector<float>{1, -2.5f, 3e-2f, 4, 5, 6, 0, 1e10f, 12345678901234567890123.0f}));
  EXPECT_EQ(contents.ids, (std::vector<PointId>{17, PointId("a key"), UINT64_MAX}));
}

TEST(JsonReaderTest, WholeNumbersBecomeTheIntegersTheyAreToldToBe) {
  TempDir dir;
  OpenOptions options;
  options.path = dir.Write("a.jsonl",
                           "{\"vector\": [-128, 127]}\n{\"vector\": [128, 0]}\n{\"vector\": [0, 0.5]}\n"
                           "{\"vector\": [3.0, -1]}\n");
  options.type = ElementType::kI8;
  options.quantization = {2, 1};
  const Contents contents = ReadContents(options);
  EXPECT_EQ(contents.type, ElementType::kI8);
  EXPECT_EQ(contents.values, (std::vector<float>{-258, 252, 4, -4}));
  ASSERT_EQ(contents.bad.size(), 2u);
  EXPECT_TRUE(IsInvalid(contents.bad[0].reason, {"line 2: vector[0] is 128", "-128 to 127 (i8)"}));
  EXPECT_TRUE(IsInvalid(contents.bad[1].reason, {"line 3: vector[1] is 0.5"}));
  options.type = ElementType::kU8;
  options.quantization = {};
  EXPECT_EQ(ReadContents(options).values, (std::vector<float>{128, 0}));
  options.type = ElementType::kBf16;
  EXPECT_TRUE(IsInvalid(ReadContents(options).open, {"f32, not bf16"}));
}

TEST(JsonReaderTest, PayloadsAreAFieldOrAllOthers) {
  TempDir dir;
  OpenOptions options;
  options.path = dir.Write("a.jsonl",
                           "{\"id\": 1, \"vector\": [1], \"p\": {\"a\": [1, \"}\"] } , \"q\": 7}\n"
                           "{\"q\\u0031\": \"x\" , \"id\": 2, \"vector\": [2]}\n"
                           "{\"id\": 3, \"vector\": [3], \"p\": null}\n"
                           "{\"id\": 4, \"vector\": [4], \"p\": 5}\n"
                           "{\"id\": 5, \"vector\": [5], \"p\": {}, \"p\": {}}\n");
  const auto read = [&](const std::string& field) {
    options.payload_field = field;
    auto reader = OpenVectors(options);
    EXPECT_TRUE(reader.ok()) << reader.status();
    VectorBatch batch;
    EXPECT_TRUE((*reader)->Next(10, batch).value());
    return batch;
  };
  EXPECT_TRUE(read("").payloads.empty());
  const VectorBatch field = read("p");
  EXPECT_EQ(field.payloads, (std::vector<std::string>{"{\"a\": [1, \"}\"] }", "", ""}));
  ASSERT_EQ(field.bad.size(), 2u);
  EXPECT_TRUE(IsInvalid(field.bad[0].reason, {"line 4: payload is a number, expected an object"}));
  EXPECT_TRUE(IsInvalid(field.bad[1].reason, {"line 5: payload is there twice"}));
  EXPECT_EQ(read(kAllOtherFields).payloads,
            (std::vector<std::string>{"{\"p\":{\"a\": [1, \"}\"] },\"q\":7}", "{\"q\\u0031\":\"x\"}",
                                      "{\"p\":null}", "{\"p\":5}", "{\"p\":{},\"p\":{}}"}));
}

TEST(JsonReaderTest, UnescapesKeys) {
  Contents contents = ReadLines("{\"id\": \"a\\\"\\u00e9\\n\", \"vector\": [1]}\n");
  EXPECT_EQ(contents.ids, (std::vector<PointId>{PointId("a\"\xc3\xa9\n")}));
}

TEST(JsonReaderTest, WithoutIdsTheRowNumbersCount) {
  Contents contents = ReadLines("\n{\"vector\": [1, 2]}\n\n  \r\n{\"vector\": [3, 4]}\n\n", 1);
  EXPECT_TRUE(contents.ids.empty());
  EXPECT_TRUE(contents.bad.empty());
  EXPECT_EQ(contents.row_numbers, (std::vector<uint64_t>{1, 4}));
}

TEST(JsonReaderTest, IdsOnSomeLinesOnly) {
  EXPECT_TRUE(IsInvalid(ReasonFor("{\"vector\": [3, 4]}"), {"id is missing"}));
  Contents contents = ReadLines("{\"vector\": [1, 2]}\n{\"id\": 0, \"vector\": [3, 4]}\n");
  EXPECT_EQ(contents.rows(), 1u);
  ASSERT_EQ(contents.bad.size(), 1u);
  EXPECT_TRUE(IsInvalid(contents.bad[0].reason, {"line 2", "the first line has none"}));
}

TEST(JsonReaderTest, BadVectors) {
  EXPECT_TRUE(IsInvalid(ReasonFor("{\"id\": 2, \"vector\": [3, \"4\"]}"),
                        {"vector[1] is a string, expected a number"}));
  EXPECT_TRUE(IsInvalid(ReasonFor("{\"id\": 2, \"vector\": [null, 4]}"), {"vector[0] is null"}));
  EXPECT_TRUE(IsInvalid(ReasonFor("{\"id\": 2, \"vector\": [3, [4]]}"), {"vector[1] is an array"}));
  EXPECT_TRUE(
      IsInvalid(ReasonFor("{\"id\": 2, \"vector\": [3, 4, 5]}"), {"3 numbers", "expected 2"}));
  EXPECT_TRUE(IsInvalid(ReasonFor("{\"id\": 2, \"vector\": [3]}"), {"1 numbers", "expected 2"}));
  EXPECT_TRUE(IsInvalid(ReasonFor("{\"id\": 2, \"vector\": []}"), {"vector is empty"}));
  EXPECT_TRUE(IsInvalid(ReasonFor("{\"id\": 2, \"vector\": \"[3, 4]\"}"), {"vector is a string"}));
  EXPECT_TRUE(IsInvalid(ReasonFor("{\"id\": 2}"), {"vector is missing"}));
  EXPECT_TRUE(IsInvalid(ReasonFor("{\"id\": 2, \"vector\": [3, 4], \"vector\": [3, 4]}"),
                        {"vector is there twice"}));
  EXPECT_TRUE(IsInvalid(ReasonFor("{\"id\": 2, \"vector\": [3, 1e39]}"),
                        {"vector[1] is 1e39", "32-bit float"}));
  EXPECT_TRUE(IsInvalid(ReasonFor("{\"id\": 2, \"vector\": [1e999, 4]}"), {"vector[0] is 1e999"}));
}

TEST(JsonReaderTest, BadIds) {
  const std::string rest = ", \"vector\": [3, 4]}";
  EXPECT_TRUE(IsInvalid(ReasonFor("{\"id\": -2" + rest), {"id is negative: -2"}));
  EXPECT_TRUE(IsInvalid(ReasonFor("{\"id\": 2.5" + rest), {"id is 2.5", "expected an integer"}));
  EXPECT_TRUE(IsInvalid(ReasonFor("{\"id\": 1e3" + rest), {"id is 1e3"}));
  EXPECT_TRUE(IsInvalid(ReasonFor("{\"id\": 18446744073709551616" + rest),
                        {"id is 18446744073709551616", "64-bit"}));
  EXPECT_TRUE(IsInvalid(ReasonFor("{\"id\": 99999999999999999999999" + rest), {"64-bit"}));
  EXPECT_TRUE(IsInvalid(ReasonFor("{\"id\": null" + rest), {"id is null"}));
  EXPECT_TRUE(IsInvalid(ReasonFor("{\"id\": true" + rest), {"id is a boolean"}));
  EXPECT_TRUE(IsInvalid(ReasonFor("{\"id\": [2]" + rest), {"id is an array"}));
  EXPECT_TRUE(IsInvalid(ReasonFor("{\"id\": \"\"" + rest), {"id is an empty string"}));
  EXPECT_TRUE(IsInvalid(ReasonFor("{\"id\": 2, \"id\": 2" + rest), {"id is there twice"}));
  EXPECT_TRUE(IsInvalid(ReasonFor("{\"id\": \"" + std::string(257, 'x') + "\"" + rest),
                        {"257 bytes", "at most 256"}));
  Contents longest = ReadLines("{\"id\": \"" + std::string(256, 'x') + "\", \"vector\": [3, 4]}\n");
  EXPECT_EQ(longest.ids, (std::vector<PointId>{PointId(std::string(256, 'x'))}));
}

TEST(JsonReaderTest, BadJson) {
  for (const char* line : {"nonsense",
                           "{",
                           "}",
                           "[1, 2]",
                           "17",
                           "\"text\"",
                           "{\"id\": 2, \"vector\": [3, 4]",
                           "{\"id\": 2, \"vector\": [3, 4}",
                           "{\"id\": 2, \"vector\": [3 4]}",
                           "{\"id\": 2 \"vector\": [3, 4]}",
                           "{\"id\": 2, \"vector\": [3, 4]} x",
                           "{\"id\": 2, \"vector\": [3, 4]}}",
                           "{\"id\": 2, \"vector\": [3, 4]},",
                           "{\"id\": \"open, \"vector\": [3, 4]}",
                           "{\"id\": 2, \"vector\": [NaN, 4]}",
                           "{\"id\": 2, \"vector\": [Infinity, 4]}",
                           "{\"id\": \"\xff\xfe\", \"vector\": [3, 4]}",
                           "{\"id\": 2, \"vector\": [3, 04]}",
                           "{\"id\": 2, \"vector\": [3, .4]}",
                           "{\"id\": 2, \"vector\": [3, 4,]}"}) {
    EXPECT_TRUE(IsInvalid(ReasonFor(line), {})) << line;
  }
}

TEST(JsonReaderTest, TheFirstGoodLineDecides) {
  Contents contents =
      ReadLines("nonsense\n{\"id\": 1, \"vector\": []}\n{\"id\": 2, \"vector\": [1, 2]}\n");
  EXPECT_EQ(contents.dim, 2u);
  EXPECT_EQ(contents.rows(), 1u);
  EXPECT_EQ(contents.bad.size(), 2u);
}

TEST(JsonReaderTest, ExpectedDimHoldsFromTheFirstLineOn) {
  TempDir dir;
  OpenOptions options;
  options.path =
      dir.Write("a.jsonl", "{\"id\": 1, \"vector\": [1]}\n{\"id\": 2, \"vector\": [1, 2]}\n");
  options.expected_dim = 2;
  Contents contents = ReadContents(options);
  EXPECT_EQ(contents.ids, (std::vector<PointId>{2}));
  ASSERT_EQ(contents.bad.size(), 1u);
  EXPECT_TRUE(IsInvalid(contents.bad[0].reason, {"line 1", "1 numbers", "expected 2"}));
}

TEST(JsonReaderTest, OtherFieldNames) {
  TempDir dir;
  OpenOptions options;
  options.path = dir.Write("a.jsonl", "{\"_id\": 9, \"vector\": 0, \"embedding\": [1, 2]}\n");
  options.id_field = "_id";
  options.vector_field = "embedding";
  Contents contents = ReadContents(options);
  EXPECT_EQ(contents.ids, (std::vector<PointId>{9}));
  EXPECT_EQ(contents.values, (std::vector<float>{1, 2}));
}

TEST(JsonReaderTest, SkipCountsLinesAndLearnsFromThem) {
  TempDir dir;
  OpenOptions options;
  options.path = dir.Write("a.jsonl",
                           "{\"vector\": [1, 2]}\nnonsense\n\n{\"vector\": [3]}\n"
                           "{\"id\": 1, \"vector\": [3, 4]}\n{\"vector\": [5, 6]}\n");
  auto reader = OpenVectors(options);
  ASSERT_TRUE(reader.ok());
  ASSERT_TRUE((*reader)->Skip(3).ok());
  Contents contents = Drain(**reader, 100);
  EXPECT_EQ(contents.row_numbers, (std::vector<uint64_t>{5}));
  ASSERT_EQ(contents.bad.size(), 2u) << "line 1 decided that rows have 2 numbers and no id";
  EXPECT_EQ(contents.bad[1].row, 4u);
  reader = OpenVectors(options);
  EXPECT_TRUE(IsInvalid((*reader)->Skip(7), {"after 6"}));
}

TEST(JsonReaderTest, AnEndlessLineIsPassedOver) {
  for (size_t bytes : {kMaxJsonLineBytes + 1, 5 * kMaxJsonLineBytes}) {
    EXPECT_TRUE(IsInvalid(ReasonFor(std::string(bytes, ' ')), {"longer than"}));
  }
  Contents contents = ReadLines("{\"vector\": [1]}\n" + std::string(3 * kMaxJsonLineBytes, 'x'));
  EXPECT_EQ(contents.rows(), 1u);
  EXPECT_EQ(contents.bad.size(), 1u);
}

TEST(JsonReaderTest, WidestVectorAndOneMore) {
  std::string numbers = "0.12345678901234567890";
  for (size_t i = 1; i < kMaxDim; ++i) numbers += ", -0.12345678901234567890";
  Contents contents =
      ReadLines("{\"vector\": [" + numbers + "]}\n{\"vector\": [" + numbers + ", 1]}\n");
  EXPECT_EQ(contents.rows(), 1u);
  EXPECT_EQ(contents.dim, kMaxDim);
  ASSERT_EQ(contents.bad.size(), 1u);
  EXPECT_TRUE(IsInvalid(contents.bad[0].reason, {"line 2", "more than 65535"}));
}

TEST(JsonReaderTest, ByteOrderMarkAndGzip) {
  TempDir dir;
  std::string text = "\xef\xbb\xbf";
  for (size_t r = 0; r < 5000; ++r) {
    text +=
        "{\"vector\": [" + std::to_string(100 * r) + ", " + std::to_string(100 * r + 1) + "]}\n";
  }
  ExpectSample(ReadContents(dir.Write("a.jsonl", text), 999), 5000, 2);
  ExpectSample(ReadContents(dir.Write("packed", Gzip(text)), 999), 5000, 2);
}

TEST(JsonReaderTest, TruncatedGzipDropsTheCutLine) {
  TempDir dir;
  std::string text;
  for (size_t r = 0; r < 50'000; ++r) text += "{\"vector\": [" + std::to_string(r * r) + "]}\n";
  const std::string packed = Gzip(text);
  Contents contents = ReadContents(dir.Write("a.jsonl", packed.substr(0, packed.size() / 2)), 999);
  EXPECT_GT(contents.rows(), 1000u);
  EXPECT_TRUE(contents.bad.empty());
  EXPECT_TRUE(IsDataLoss(contents.end, {"gzip data ends"}));
}

}  // namespace
}  // namespace tessera::formats
