#include "index/engine/candidates.h"

#include <gtest/gtest.h>

#include <string>

namespace tessera::engine {
namespace {

bool Has(const std::vector<Candidate>& all, const std::string& text) {
  for (const Candidate& c : all) {
    if (c.spec.ToString() == text) return true;
  }
  return false;
}

TEST(CandidatesTest, FillTheBudgetWithCodeAndCorrection) {
  const std::vector<Candidate> all = Candidates(128, 24);
  EXPECT_TRUE(Has(all, "IVF,PQ23x8"));
  EXPECT_TRUE(Has(all, "OPQ,IVF,PQ23x8"));
  EXPECT_TRUE(Has(all, "IVF,PQ46x4"));
  for (const Candidate& c : all) {
    EXPECT_LE(c.bytes, 24) << c.spec.ToString();
    EXPECT_GE(c.bytes, 12) << c.spec.ToString();
    EXPECT_TRUE(c.spec.Validate(128).ok()) << c.spec.ToString();
  }
}

TEST(CandidatesTest, FractionsOfAByteAreNotUsed) {
  EXPECT_TRUE(Has(Candidates(128, 24.9), "IVF,PQ23x8"));
}

TEST(CandidatesTest, FewDimensionsBoundTheSubQuantizers) {
  const std::vector<Candidate> all = Candidates(10, 18);
  EXPECT_TRUE(Has(all, "IVF,PQ10x8"));
  for (const Candidate& c : all) EXPECT_TRUE(c.spec.Validate(10).ok()) << c.spec.ToString();
}

TEST(CandidatesTest, RefineCodesCompeteWhereTheyFit) {
  EXPECT_FALSE(Has(Candidates(100, 100), "IVF,PQ1x8,Refine(SQ8)"));
  bool refined = false;
  for (const Candidate& c : Candidates(100, 140)) {
    refined = refined || c.spec.ToString().find("Refine") != std::string::npos;
  }
  EXPECT_TRUE(refined);
}

TEST(CandidatesTest, RefineCodesOnDiskTakeNothing) {
  const std::vector<Candidate> all = Candidates(100, 13, true);
  EXPECT_TRUE(Has(all, "IVF,PQ12x8,Refine(SQ8)"));
  EXPECT_TRUE(Has(all, "IVF,PQ24x4,Refine(SQ4)"));
  EXPECT_TRUE(Has(all, "IVF,PQ12x8"));
  EXPECT_FALSE(Has(Candidates(100, 13), "IVF,PQ12x8,Refine(SQ8)"));
  for (const Candidate& c : all) EXPECT_LE(c.bytes, 13) << c.spec.ToString();
}

TEST(CandidatesTest, EveryKindIsOfTheGrammar) {
  EXPECT_GE(CandidateKinds().size(), 8u);
  for (const std::string& text : CandidateKinds()) {
    const auto spec = QuantizerSpec::Parse(text);
    EXPECT_TRUE(spec.ok()) << spec.status();
  }
}

TEST(CandidatesTest, NothingFitsOneByte) {
  EXPECT_TRUE(Candidates(128, 1).empty());
  EXPECT_TRUE(Candidates(128, 0).empty());
  EXPECT_FALSE(Candidates(128, kSmallestCandidate).empty());
}

TEST(CandidatesTest, TheLargestIsOne) {
  const double most = LargestCandidate(16);
  EXPECT_FALSE(Candidates(16, most).empty());
  EXPECT_GE(most, 16 + 1);
  EXPECT_LT(most, 1000);
}

TEST(CandidatesTest, BudgetStepsIncludeBothEnds) {
  const std::vector<double> steps = BudgetSteps(8, 64);
  ASSERT_EQ(steps.size(), 7u);
  EXPECT_EQ(steps.front(), 8);
  EXPECT_EQ(steps.back(), 64);
  for (size_t i = 1; i < steps.size(); ++i) EXPECT_NEAR(steps[i] / steps[i - 1], 1.414, 0.01);
  EXPECT_EQ(BudgetSteps(24, 24), std::vector<double>{24});
}

}  // namespace
}  // namespace tessera::engine
