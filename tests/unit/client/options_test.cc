#include "client/cli/options.h"

#include <gtest/gtest.h>

namespace tessera::cli {
namespace {

TEST(ParseVector, TakesBracketsCommasAndBlanks) {
  const std::vector<float> expected = {0.5f, -1.0f, 2e3f};
  for (const char* text : {"[0.5, -1, 2e3]", "0.5,-1,2e3", " [0.5 -1 2e3] ", "0.5\t-1  2e3"}) {
    const auto vector = ParseVector(text);
    ASSERT_TRUE(vector.ok()) << text << ": " << vector.status();
    EXPECT_EQ(*vector, expected) << text;
  }
}

TEST(ParseVector, NamesTheComponentAtFault) {
  EXPECT_EQ(ParseVector("[1, two]").status(),
            InvalidArgument("vector[1] is \"two\", expected a finite number"));
  EXPECT_FALSE(ParseVector("[1, nan]").ok());
  EXPECT_FALSE(ParseVector("[inf]").ok());
  EXPECT_FALSE(ParseVector("[1e99]").ok());
  EXPECT_FALSE(ParseVector("[1, 2x]").ok());
  EXPECT_EQ(ParseVector("[1, 2").status(), InvalidArgument("the vector has no closing ]"));
  EXPECT_FALSE(ParseVector("[").ok());
  EXPECT_EQ(ParseVector("[]").status(), InvalidArgument("the vector is empty"));
  EXPECT_FALSE(ParseVector("").ok());
}

TEST(ParsePointId, NumbersKeysAndQuotedDigits) {
  EXPECT_EQ(*ParsePointId("17"), PointId(17));
  EXPECT_EQ(*ParsePointId("18446744073709551615"), PointId(UINT64_MAX));
  EXPECT_EQ(*ParsePointId("a-17"), PointId("a-17"));
  EXPECT_EQ(*ParsePointId("-17"), PointId("-17"));
  EXPECT_EQ(*ParsePointId("\"17\""), PointId("17"));
  EXPECT_FALSE(ParsePointId("18446744073709551616").ok());
  EXPECT_FALSE(ParsePointId("").ok());
}

TEST(ParseRerank, TierAndDepth) {
  EXPECT_EQ(ParseRerank("none")->tier, client::RerankTier::kNone);
  EXPECT_EQ(ParseRerank("refine:200")->tier, client::RerankTier::kRefine);
  EXPECT_EQ(ParseRerank("refine:200")->depth, 200u);
  EXPECT_EQ(ParseRerank("raw")->depth, 0u);
  EXPECT_FALSE(ParseRerank("best").ok());
  EXPECT_FALSE(ParseRerank("raw:").ok());
  EXPECT_FALSE(ParseRerank("raw:ten").ok());
  EXPECT_FALSE(ParseRerank("raw:-1").ok());
}

TEST(ParseMetric, KnowsThree) {
  EXPECT_EQ(*ParseMetric("l2"), Metric::kL2);
  EXPECT_EQ(*ParseMetric("ip"), Metric::kInnerProduct);
  EXPECT_EQ(*ParseMetric("cosine"), Metric::kCosine);
  EXPECT_FALSE(ParseMetric("L2").ok());
}

TEST(ParseByteSize, KnowsUnits) {
  EXPECT_EQ(*ParseByteSize("1000"), 1000u);
  EXPECT_EQ(*ParseByteSize("7B"), 7u);
  EXPECT_EQ(*ParseByteSize("512MiB"), 512u << 20);
  EXPECT_EQ(*ParseByteSize("1.5GiB"), 3ull << 29);
  for (const char* bad : {"", "B", "-1", "0", "0.5", "4GB", "4 GiB", "1e30", "nan", "inf"}) {
    EXPECT_FALSE(ParseByteSize(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace tessera::cli
