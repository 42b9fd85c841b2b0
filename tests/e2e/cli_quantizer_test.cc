// tessera fit, encode, decode: no server needed.
#include <cmath>
#include <cstring>
#include <filesystem>

#include "tests/e2e/cli_fixture.h"

namespace tessera::e2e {
namespace {

class CliQuantizer : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    rows_ = MakeRows(3000, 16);
    base_ = Write("base.fvecs", Fvecs(rows_));
  }

  Rows rows_;
  std::string base_;
};

TEST_F(CliQuantizer, FitEncodeDecodeAgreeWithTheErrorThatFitPrints) {
  const Finished fit =
      Good({"fit", base_, "-o", Path("m"), "--quantizer", "PQ8x8", "--server", "127.0.0.1:1"});
  const std::string before = "mean squared error on the sample: ";
  ASSERT_EQ(fit.out.find(before), 0u) << fit.out;
  const double printed = std::strtod(fit.out.c_str() + before.size(), nullptr);
  Good({"encode", Path("m"), base_, "-o", Path("codes.npy")});
  EXPECT_NE(Read(Path("codes.npy")).find("(3000, 8)"), std::string::npos);
  Good({"decode", Path("m"), Path("codes.npy"), "-o", Path("approx.fvecs")});
  const std::string approx = Read(Path("approx.fvecs"));
  ASSERT_EQ(approx.size(), 3000u * 17 * 4);
  double sum = 0;
  for (size_t i = 0; i < 3000; ++i) {
    for (size_t j = 0; j < 16; ++j) {
      float x;
      std::memcpy(&x, approx.data() + (i * 17 + 1 + j) * 4, 4);
      sum += std::pow(x - rows_[i][j], 2);
    }
  }
  EXPECT_NEAR(sum / 3000, printed, printed * 1e-3);
  EXPECT_LT(printed, 16) << "worse than the mean";
}

TEST_F(CliQuantizer, InvertedListsAndVectorQuantizers) {
  for (const char* spec : {"IVF16,PQ4x8", "RR,PQ4x4", "PCA6,OPQ,PQ3x4", "MRL6,SQ8", "VQ64"}) {
    Good({"fit", base_, "-o", Path("m"), "--quantizer", spec, "--sample-rows", "2500"});
    Good({"encode", Path("m"), base_, "-o", Path("codes.npy")});
    Good({"decode", Path("m"), Path("codes.npy"), "-o", Path("approx.npy")});
    EXPECT_EQ(std::filesystem::file_size(Path("approx.npy")) / 4 / 16, 3000u + 2) << spec;
  }
}

TEST_F(CliQuantizer, TheSameSeedGivesTheSameModel) {
  for (const char* name : {"a", "b"}) {
    Good({"fit", base_, "-o", Path(name), "--quantizer", "PQ4x8", "--sample-rows", "1000",
          "--seed", "5"});
  }
  EXPECT_EQ(Read(Path("a")), Read(Path("b")));
}

TEST_F(CliQuantizer, BadInputIsNamedAndLeavesNoFile) {
  Good({"fit", base_, "-o", Path("m"), "--quantizer", "PQ4x8"});
  rows_[77][5] = NAN;
  const auto nan = Write("nan.fvecs", Fvecs(rows_));
  EXPECT_NE(Bad(1, {"encode", Path("m"), nan, "-o", Path("codes.npy")})
                .err.find("nan.fvecs row 77: vector[5] is NaN"),
            std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(Path("codes.npy")));
  EXPECT_FALSE(std::filesystem::exists(Path("codes.npy.tmp")));
  EXPECT_NE(Good({"fit", nan, "-o", Path("m2"), "--quantizer", "PQ4x8"}).err.find("row 77"),
            std::string::npos);
  const auto narrow = Write("narrow.fvecs", Fvecs(MakeRows(10, 8)));
  Bad(1, {"encode", Path("m"), narrow, "-o", Path("codes.npy")});
  Bad(1, {"encode", base_, base_, "-o", Path("codes.npy")});
  Bad(1, {"decode", Path("m"), base_, "-o", Path("x.fvecs")});
  Bad(1, {"encode", Path("none"), base_, "-o", Path("codes.npy")});
  Bad(1, {"fit", narrow, "-o", Path("m3"), "--quantizer", "VQ4096"});
  Bad(1, {"fit", base_, "-o", Path("no/such/folder/m"), "--quantizer", "PQ4x8"});
}

TEST_F(CliQuantizer, ADamagedModelIsRefused) {
  Good({"fit", base_, "-o", Path("m"), "--quantizer", "PQ4x8"});
  std::string bytes = Read(Path("m"));
  Write("short", bytes.substr(0, bytes.size() / 2));
  Bad(1, {"encode", Path("short"), base_, "-o", Path("codes.npy")});
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  Write("flipped", bytes);
  Bad(1, {"encode", Path("flipped"), base_, "-o", Path("codes.npy")});
}

}  // namespace
}  // namespace tessera::e2e
