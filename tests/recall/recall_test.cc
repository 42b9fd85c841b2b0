// Recall on real data along the ways on which rows get into a collection (every quantizer: metric_grid_test.cc).
#include <gtest/gtest.h>

#include <cstdio>
#include <vector>

#include "tests/recall/fashion.h"

namespace tessera {
namespace {

constexpr size_t kRows = 10000;
constexpr double kBand = 0.02;

class Recall : public FashionTest {
 protected:
  void Make(size_t rows) {
    Create(kDim, Metric::kL2, std::string("IVF64,PQ28x8,Refine(SQ8)"));
    Load(Base(0, rows), kDim);
    FindTruth();
    ASSERT_TRUE(collection_->Train({}).ok());
  }
};

TEST_F(Recall, AfterBuildAndReopen) {
  Make(kRows);
  const double codes = Measure(RerankTier::kNone);
  const double refined = Measure(RerankTier::kRefine);
  const double raw = Measure(RerankTier::kRaw);
  std::printf("recall: codes %.4f, refined %.4f, raw %.4f\n", codes, refined, raw);
  EXPECT_NEAR(codes, 0.8300, kBand);
  EXPECT_NEAR(refined, 0.9945, kBand);
  EXPECT_NEAR(raw, 0.9990, kBand);
  Reopen();
  EXPECT_EQ(Measure(RerankTier::kNone), codes) << "after reopening";
  EXPECT_EQ(Measure(RerankTier::kRefine), refined);
}

// The same rows reached on different ways have about the same recall.
TEST_F(Recall, AfterInsertReplaceDeleteAndRetrain) {
  Make(kRows / 2);
  const std::vector<float> rest = Base(kRows / 2, kRows);
  Load(rest, kDim, kRows / 2);  // insert
  Load(rest, kDim, kRows / 2);  // replace by the same
  FindTruth();
  const double inserted = Measure(RerankTier::kNone);
  std::vector<PointId> odd;
  for (uint64_t id = 1; id < kRows; id += 2) odd.push_back(PointId(id));
  ASSERT_TRUE(collection_->Delete(odd).ok());
  FindTruth();
  const double deleted = Measure(RerankTier::kNone);
  ASSERT_TRUE(collection_->Train({}).ok());
  const double retrained = Measure(RerankTier::kNone);
  std::printf("recall after insert %.4f, delete %.4f, retrain %.4f\n", inserted, deleted, retrained);
  EXPECT_NEAR(inserted, 0.8175, kBand);
  EXPECT_NEAR(deleted, 0.8545, kBand);
  EXPECT_NEAR(retrained, 0.8595, kBand);
}

TEST_F(Recall, ProbingFewListsLosesLittle) {
  Make(kRows);
  const double all = Measure(RerankTier::kRefine);
  const double few = Measure(RerankTier::kRefine, 8);
  std::printf("recall 8 lists %.4f, all %.4f\n", few, all);
  EXPECT_LE(few, all);
  EXPECT_GT(few, all - 0.1);
}

}  // namespace
}  // namespace tessera
