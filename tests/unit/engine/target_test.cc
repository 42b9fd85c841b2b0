// Examples made a query.
#include "index/engine/target.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/engine/collection_fixture.h"

namespace tessera {
namespace {

constexpr uint32_t kDim = 4;

class TargetTest : public CollectionTest {
 protected:
  void Make(Metric metric) {
    Create(kDim, metric, "IVF2,PQ2x4");
    Load({1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 3, 0, 1, 1, 0, 0, -1, 0, 0, 0, 5, 5, 5, 5}, kDim);
  }
  std::vector<uint64_t> Asked(const Examples& examples) {
    QueryParams params;
    params.limit = 3;
    const auto result = collection_->QueryByExamples(examples, params);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? Ids(*result) : std::vector<uint64_t>();
  }
  std::string Error(const Examples& examples) {
    return MessageOf(collection_->QueryByExamples(examples, {}).status());
  }
};

TEST_F(TargetTest, OneExampleIsAQuery) {
  Make(Metric::kL2);
  const std::vector<float> v = {1, 1, 0, 0.5f};
  QueryParams params;
  params.limit = 3;
  const auto direct = collection_->Query(v.data(), kDim, params);
  EXPECT_EQ(Asked(Examples::Of(v)), Ids(*direct));
  const auto by_id = collection_->QueryById(PointId(3), params);
  EXPECT_EQ(Asked(Examples::Of(PointId(3))), Ids(*by_id));
}

TEST_F(TargetTest, TheMeanOfGoodOnes) {
  Make(Metric::kL2);
  Examples examples;
  examples.positive = {PointId(0), PointId(1)};  // mean (.5, 1, 0, 0)
  EXPECT_EQ(Asked(examples), (std::vector<uint64_t>{3, 4, 2}));  // distances .25, 3.25, 10.25
  examples.positive_vectors = {-4, 0, 0, 0};     // mean (-1, .67, 0, 0)
  EXPECT_EQ(Asked(examples), (std::vector<uint64_t>{4, 3, 2}));
}

TEST_F(TargetTest, AwayFromBadOnes) {
  Make(Metric::kL2);
  Examples examples;
  examples.positive = {PointId(3)};
  examples.negative = {PointId(0)};  // 2 (1, 1, 0, 0) - (1, 0, 0, 0) = (1, 2, 0, 0)
  EXPECT_EQ(Asked(examples), (std::vector<uint64_t>{1, 4, 2}));
  examples.negative.clear();
  examples.negative_vectors = {1, 0, 0, 0};
  EXPECT_EQ(Asked(examples), (std::vector<uint64_t>{1, 0, 4}));  // the vector is no point: 0 may be found
}

TEST_F(TargetTest, UnderCosineDirectionsCount) {
  Make(Metric::kCosine);
  Examples examples;
  examples.positive = {PointId(0), PointId(1)};  // of lengths 1 and 2: the mean direction is that of 3
  QueryParams params;
  params.limit = 1;
  const auto result = collection_->QueryByExamples(examples, params);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->hits[0].id, PointId(3));
  EXPECT_NEAR(result->hits[0].score, 1, 1e-6);
  examples.positive = {PointId(0), PointId(4)};
  EXPECT_EQ(Error(examples), "the examples cancel each other out");
}

TEST_F(TargetTest, BadExamplesAreNamed) {
  Make(Metric::kL2);
  Examples examples;
  EXPECT_EQ(Error(examples), "no positive example is given");
  examples.negative = {PointId(0)};
  EXPECT_EQ(Error(examples), "no positive example is given");
  examples.positive = {PointId(77)};
  EXPECT_EQ(Error(examples), "id 77 is not in collection \"c\"");
  examples = Examples::Of(std::vector<float>{1, 2, 3});
  EXPECT_EQ(Error(examples),
            "example vectors have 3 components, not a multiple of the 4 dimensions of collection \"c\"");
  examples = Examples::Of(std::vector<float>{1, 2, 3, NAN});
  EXPECT_EQ(Error(examples), "positive_vectors[0][3] is NaN");
  examples = Examples::Of(std::vector<float>(kDim * (kMaxExamples + 1), 1));
  EXPECT_EQ(Error(examples), "there are 257 examples, the most is 256");
}

}  // namespace
}  // namespace tessera
