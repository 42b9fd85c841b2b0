#include "client/formats/format.h"

#include "tests/unit/formats/sample_files.h"

namespace tessera::formats {
namespace {

std::span<const uint8_t> Bytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

TEST(FormatTest, NamesGoBothWays) {
  for (Format format : {Format::kAuto, Format::kFvecs, Format::kBvecs, Format::kIvecs,
                        Format::kFbin, Format::kU8bin, Format::kI8bin, Format::kNpy, Format::kIdx,
                        Format::kHdf5, Format::kJsonLines}) {
    StatusOr<Format> parsed = ParseFormat(FormatName(format));
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(*parsed, format);
  }
  EXPECT_TRUE(IsInvalid(ParseFormat("parquet").status(), {"parquet", "fvecs", "jsonl"}));
}

TEST(FormatTest, NameTellsTheFormat) {
  EXPECT_EQ(FormatOfName("a/b.fvecs"), Format::kFvecs);
  EXPECT_EQ(FormatOfName("b.bvecs.gz"), Format::kBvecs);
  EXPECT_EQ(FormatOfName("train-images-idx3-ubyte.gz"), Format::kIdx);
  EXPECT_EQ(FormatOfName("x.h5"), Format::kHdf5);
  EXPECT_EQ(FormatOfName("x.ndjson"), Format::kJsonLines);
  EXPECT_EQ(FormatOfName("x.u8bin"), Format::kU8bin);
  EXPECT_EQ(FormatOfName("fvecs"), Format::kAuto);
  EXPECT_EQ(FormatOfName("x.gz"), Format::kAuto);
  EXPECT_EQ(FormatOfName("-"), Format::kAuto);
}

TEST(FormatTest, MagicTellsTheFormat) {
  EXPECT_EQ(FormatOfMagic(Bytes("\x93NUMPY\x01")), Format::kNpy);
  EXPECT_EQ(FormatOfMagic(Bytes("\x89HDF\r\n\x1a\n")), Format::kHdf5);
  EXPECT_EQ(FormatOfMagic(Bytes(std::string("\0\0\x08\x03", 4))), Format::kIdx);
  EXPECT_EQ(FormatOfMagic(Bytes("{\"id\": 1")), Format::kJsonLines);
  EXPECT_EQ(FormatOfMagic(Bytes("\xef\xbb\xbf \n{ ")), Format::kJsonLines);
}

TEST(FormatTest, OthersAreNotTakenForMagic) {
  EXPECT_EQ(FormatOfMagic(Bytes("")), Format::kAuto);
  EXPECT_EQ(FormatOfMagic(Bytes("\x93NUM")), Format::kAuto);
  // fvecs of dim 123 begins with '{', of dim 128 with 0x80.
  EXPECT_EQ(FormatOfMagic(Bytes(Raw(uint32_t{123}) + Raw(1.0f))), Format::kAuto);
  EXPECT_EQ(FormatOfMagic(Bytes(Raw(uint32_t{128}) + Raw(1.0f))), Format::kAuto);
}

}  // namespace
}  // namespace tessera::formats
