// tessera load, get and query with numbers that are not floats: quantized integers, bf16, f16.
#include "tests/e2e/cli_fixture.h"

namespace tessera::e2e {
namespace {

class CliElements : public CliTest {
 protected:
  static bool Has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }
  // The bytes of an npy file of `rows` rows.
  static std::string Npy(const std::string& descr, size_t rows, size_t dim, const std::string& data) {
    const std::string dictionary = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (" +
                                   std::to_string(rows) + ", " + std::to_string(dim) + "), }\n";
    const auto length = static_cast<uint16_t>(dictionary.size());
    return std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(length & 255) +
           static_cast<char>(length >> 8) + dictionary + data;
  }
};

TEST_F(CliElements, QuantizedIntegersAreKeptAndScoredAsWhatTheyStandFor) {
  const auto base = Write("base.npy", Npy("|i1", 2, 3, std::string("\x01\x02\xfd\x80\x00\x7f", 6)));
  Good({"load", "q", base, "--create", "--dtype", "i8", "--scale", "0.25", "--zero-point", "-2"});
  const std::string got = Good({"get", "q", "0", "1"}).out;
  EXPECT_TRUE(Has(got, "{\"id\":0,\"vector\":[0.75,1,-0.25],\"dtype\":\"i8\",\"scale\":0.25,"
                       "\"zero_point\":-2,\"integers\":[1,2,-3]"))
      << got;
  EXPECT_TRUE(Has(got, "\"vector\":[-31.5,0.5,32.25]")) << got;
  // The dequantized floats and the integers themselves find it at distance 0.
  EXPECT_TRUE(Has(Good({"query", "q", "--vector", "0.75 1 -0.25", "-k", "1", "--json"}).out,
                  "{\"id\":0,\"score\":0,"));
  EXPECT_TRUE(Has(Good({"query", "q", "--file", base, "--row", "1", "--scale", "0.25", "--zero-point",
                        "-2", "-k", "1", "--json", "--with-vector"}).out,
                  "{\"id\":1,\"score\":0,"));
  // What `get` printed makes the same collection again.
  const auto lines = Write("got.jsonl", got);
  Good({"load", "again", lines, "--create", "--vector-field", "integers", "--dtype", "i8", "--scale",
        "0.25", "--zero-point", "-2"});
  const auto without_version = [](const std::string& text) { return text.substr(0, text.find("\"version\"")); };
  EXPECT_EQ(without_version(Good({"get", "again", "1"}).out), without_version(Good({"get", "q", "1"}).out));
}

TEST_F(CliElements, WrongFlagsAreNamed) {
  const auto ints = Write("ints.npy", Npy("|i1", 1, 2, "ab"));
  const auto floats = Write("floats.npy", Npy("<f4", 1, 1, "abcd"));
  const auto says = [this](int code, const std::vector<std::string>& words, const std::string& text) {
    std::vector<std::string> all = {"load", "w", "--create"};
    all.insert(all.end(), words.begin(), words.end());
    const Finished finished = Bad(code, all);
    EXPECT_TRUE(Has(finished.err, text)) << finished.err;
  };
  says(2, {ints, "--scale", "0"}, "--scale");
  says(2, {ints, "--scale", "nan"}, "--scale");
  says(2, {ints, "--zero-point", "3"}, "--scale");
  says(2, {ints, "--dtype", "int8"}, "expected f32, f16, bf16, i8 or u8");
  says(2, {floats, "--store-as", "i8"}, "--store-as");
  says(1, {ints, "--scale", "1", "--zero-point", "128"}, "zero_point is 128, expected -128 to 127");
  says(1, {ints, "--dtype", "u8"}, "i8, not u8");
  says(1, {floats, "--scale", "2"}, "not of f32");
  says(1, {ints, "--store-as", "bf16"}, "stored as they are");
  says(1, {ints, "--format", "raw", "--dtype", "i8"}, "dim");
  EXPECT_FALSE(Has(Good({"collection", "list"}).out, "\nw "));
}

TEST_F(CliElements, FloatsAreStoredInHalfTheBytesIfAsked) {
  const auto base = Write("base.fvecs", Fvecs({{1, -2}, {1.00390625f, 3}}));
  Good({"load", "b", base, "--create", "--store-as", "bf16"});
  const std::string got = Good({"get", "b", "0", "1"}).out;
  EXPECT_TRUE(Has(got, "\"vector\":[1,-2],\"dtype\":\"bf16\"")) << got;
  EXPECT_TRUE(Has(got, "\"vector\":[1,3],\"dtype\":\"bf16\"")) << got;  // half-way to even
  Good({"load", "h", base, "--create", "--store-as", "f16"});
  EXPECT_TRUE(Has(Good({"get", "h", "1"}).out, ",3],\"dtype\":\"f16\""));
}

TEST_F(CliElements, BfloatsAndRawBytesLoad) {
  const auto bfloats = Write("b.npy", Npy("<V2", 1, 2, std::string("\x80\x3f\x00\xc0", 4)));
  EXPECT_TRUE(Has(Bad(1, {"load", "n", bfloats, "--create"}).err, "bf16"));
  Good({"load", "n", bfloats, "--create", "--dtype", "bf16"});
  EXPECT_TRUE(Has(Good({"get", "n", "0"}).out, "\"vector\":[1,-2],\"dtype\":\"bf16\""));
  const auto raw = Write("rows.i8", std::string("\x01\x02\xff\x04", 4));
  Good({"load", "r", raw, "--create", "--format", "raw", "--dtype", "i8", "--dim", "2"});
  EXPECT_EQ(Count("r"), 2u);
  EXPECT_TRUE(Has(Good({"get", "r", "1"}).out, "\"vector\":[-1,4],\"dtype\":\"i8\","));
}

}  // namespace
}  // namespace tessera::e2e
