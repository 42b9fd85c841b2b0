// Recall on real data stays within two-sided bands: an unexplained gain fails as a loss does.
//
// Fashion-MNIST (Debian package dataset-fashion-mnist): the first 20,000 training images as base, the first
// 200 test images as held-out queries. Recall is k-recall@k, k = 10: |found and true 10 nearest| / 10.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "client/formats/vector_reader.h"
#include "tests/unit/engine/collection_fixture.h"

namespace tessera {
namespace {

constexpr uint32_t kDim = 784;
constexpr size_t kRows = 20000;
constexpr size_t kQueries = 200;

std::vector<float> ReadImages(const char* file, size_t rows) {
  formats::OpenOptions options;
  options.path = std::string("/usr/share/datasets/fashion-mnist/") + file;
  auto reader = formats::OpenVectors(options);
  EXPECT_TRUE(reader.ok()) << reader.status();
  std::vector<float> out;
  formats::VectorBatch batch;
  while (reader.ok() && out.size() < rows * kDim) {
    const auto more = (*reader)->Next(rows, batch);
    if (!more.ok() || !*more) break;
    for (const uint8_t pixel : batch.data) out.push_back(pixel);
  }
  EXPECT_GE(out.size(), rows * kDim);
  out.resize(rows * kDim);
  return out;
}

// Measured recall by tier, +- kBand.
struct Case {
  const char* name;
  const char* quantizer;
  Metric metric;
  double codes, refined, raw;
};
constexpr double kBand = 0.02;

class Recall : public CollectionTest {
 protected:
  static void SetUpTestSuite() {
    base_ = new std::vector<float>(ReadImages("train-images-idx3-ubyte.gz", kRows));
    queries_ = new std::vector<float>(ReadImages("t10k-images-idx3-ubyte.gz", kQueries));
  }
  static void TearDownTestSuite() {
    delete base_;
    delete queries_;
  }

  void Make(const std::string& quantizer, Metric metric, size_t rows) {
    Create(kDim, metric, quantizer);
    Load({base_->begin(), base_->begin() + static_cast<ptrdiff_t>(rows * kDim)}, kDim);
  }

  double Measure(RerankTier tier, uint32_t nprobe = 1000) {
    QueryParams params;
    params.exact = true;
    const auto truth = collection_->QueryBatch({queries_->data(), kQueries, kDim}, params);
    params.exact = false;
    params.nprobe = nprobe;
    params.rerank = tier;
    const auto found = collection_->QueryBatch({queries_->data(), kQueries, kDim}, params);
    EXPECT_TRUE(truth.ok() && found.ok()) << found.status();
    size_t hits = 0;
    for (size_t i = 0; i < kQueries; ++i) {
      const auto want = Ids((*truth)[i]);
      for (const uint64_t id : Ids((*found)[i])) hits += std::count(want.begin(), want.end(), id);
    }
    return static_cast<double>(hits) / (10.0 * kQueries);
  }

  static std::vector<float>* base_;
  static std::vector<float>* queries_;
};
std::vector<float>* Recall::base_ = nullptr;
std::vector<float>* Recall::queries_ = nullptr;

class RecallGrid : public Recall, public ::testing::WithParamInterface<Case> {};

TEST_P(RecallGrid, AfterBuildAndReopen) {
  const Case& c = GetParam();
  Make(c.quantizer, c.metric, kRows);
  ASSERT_TRUE(collection_->Train({}).ok());
  const double codes = Measure(RerankTier::kNone);
  const double refined = Measure(RerankTier::kRefine);
  const double raw = Measure(RerankTier::kRaw);
  std::printf("recall: codes %.4f, refined %.4f, raw %.4f\n", codes, refined, raw);
  EXPECT_NEAR(codes, c.codes, kBand);
  EXPECT_NEAR(refined, c.refined, kBand);
  EXPECT_NEAR(raw, c.raw, kBand);
  Reopen();
  EXPECT_NEAR(Measure(RerankTier::kNone), codes, 0.002) << "after reopening";
}

INSTANTIATE_TEST_SUITE_P(
    Bands, RecallGrid,
    ::testing::Values(
        Case{"L2", "IVF64,PQ49x8,Refine(SQ8)", Metric::kL2, 0.7735, 0.9975, 1.0},
        Case{"L2Static", "IVF64,PQ49x8,Refine(SQ8S)", Metric::kL2, 0.7735, 0.9960, 1.0},
        Case{"L2FourBits", "IVF64,PQ98x4,Refine(SQ8)", Metric::kL2, 0.7025, 0.9975, 1.0},
        Case{"L2SixBits", "IVF64,PQ65x6,Refine(SQ8)", Metric::kL2, 0.7430, 0.9960, 1.0},
        Case{"L2Rotated", "RR,IVF64,PQ49x8,Refine(SQ8)", Metric::kL2, 0.7510, 0.9930, 0.9955},
        Case{"L2Opq", "OPQ,IVF64,PQ24x8,Refine(SQ8)", Metric::kL2, 0.7540, 0.9935, 1.0},
        Case{"Cosine", "IVF64,PQ49x8,Refine(SQ8)", Metric::kCosine, 0.7680, 0.9940, 1.0},
        Case{"InnerProduct", "IVF64,PQ49x8,Refine(SQ8)", Metric::kInnerProduct, 0.7740, 0.9955, 1.0}),
    [](const auto& one) { return one.param.name; });

// The same rows reached on different ways have about the same recall.
TEST_F(Recall, AfterInsertReplaceDeleteAndRetrain) {
  Make("IVF64,PQ49x8,Refine(SQ8)", Metric::kL2, kRows / 2);
  ASSERT_TRUE(collection_->Train({}).ok());
  const std::vector<float> rest(base_->begin() + static_cast<ptrdiff_t>(kRows / 2 * kDim), base_->end());
  Load(rest, kDim, kRows / 2);  // insert
  Load(rest, kDim, kRows / 2);  // replace by the same
  const double inserted = Measure(RerankTier::kNone);
  std::vector<PointId> odd;
  for (uint64_t id = 1; id < kRows; id += 2) odd.push_back(PointId(id));
  ASSERT_TRUE(collection_->Delete(odd).ok());
  const double deleted = Measure(RerankTier::kNone);
  ASSERT_TRUE(collection_->Train({}).ok());
  const double retrained = Measure(RerankTier::kNone);
  std::printf("recall after insert %.4f, delete %.4f, retrain %.4f\n", inserted, deleted, retrained);
  EXPECT_NEAR(inserted, 0.7755, 0.02);
  EXPECT_NEAR(deleted, 0.8045, 0.02);
  EXPECT_NEAR(retrained, 0.8120, 0.02);
}

TEST_F(Recall, ProbingFewListsLosesLittle) {
  Make("IVF64,PQ49x8,Refine(SQ8)", Metric::kL2, kRows);
  ASSERT_TRUE(collection_->Train({}).ok());
  const double all = Measure(RerankTier::kRefine);
  const double few = Measure(RerankTier::kRefine, 8);
  std::printf("recall 8 lists %.4f, all %.4f\n", few, all);
  EXPECT_LE(few, all);
  EXPECT_GT(few, all - 0.1);
}

}  // namespace
}  // namespace tessera
