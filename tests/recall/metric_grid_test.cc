// Metric x quantizer: every combination stays within a two-sided band of recall, or is refused when the
// collection is created, with the reason. An unexplained gain fails as a loss does.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "index/base/half_float.h"
#include "tests/recall/fashion.h"

namespace tessera {
namespace {

constexpr size_t kRows = 4000;
constexpr double kBand = 0.03;

// Measured recall under L2, inner product and cosine; kRefused: there is none under that metric.
constexpr double kRefused = -1;
struct Kind {
  const char* quantizer;
  RerankTier tier;
  double recall[3];
};
constexpr RerankTier kCodes = RerankTier::kNone;
constexpr RerankTier kRecords = RerankTier::kRefine;
constexpr Kind kKinds[] = {
    {"IVF16,SQ8", kCodes, {0.9985, 0.9970, 0.9940}},
    {"IVF16,SQ6", kCodes, {0.9905, 0.9815, 0.9830}},
    {"IVF16,SQ4", kCodes, {0.9515, 0.8760, 0.9315}},
    {"RR,IVF16,SQ4", kCodes, {0.9510, 0.9350, 0.9460}},
    {"IVF16,SQ8A", kCodes, {0.9970, 0.9965, 0.9950}},
    {"IVF16,SQ4A", kCodes, {0.9610, 0.9115, 0.9515}},
    {"IVF16,SQ8S", kCodes, {0.9960, 0.9955, 0.9890}},
    {"IVF16,SQ8Sst", kCodes, {0.9940, 0.9960, 0.9780}},
    {"IVF16,SQ6P", kCodes, {0.9820, 0.9840, 0.9685}},
    {"IVF16,SQ4E", kCodes, {0.9300, 0.9365, 0.9085}},
    {"IVF16,RaBitQ1", kCodes, {0.8110, 0.7255, 0.7990}},
    {"IVF16,RaBitQ2", kCodes, {0.8970, 0.8225, 0.8970}},
    {"IVF16,RaBitQ4", kCodes, {0.9680, 0.9540, 0.9665}},
    {"IVF16,RaBitQ8", kCodes, {0.9975, 0.9965, 0.9955}},
    {"IVF16,FP16", kCodes, {1.0000, 1.0000, 0.9995}},
    {"IVF16,BF16", kCodes, {0.9985, 0.9990, 0.9985}},
    {"IVF16,Binary", kCodes, {0.4680, kRefused, 0.4830}},
    {"RR,IVF16,Binary", kCodes, {0.7360, kRefused, 0.7220}},
    {"IVF16,PQ28x8", kCodes, {0.8585, 0.8155, 0.8520}},
    {"PQ28x8", kCodes, {0.8430, 0.7970, 0.8125}},
    {"RR,IVF16,PQ28x8", kCodes, {0.8360, 0.7840, 0.8210}},
    {"OPQ,IVF16,PQ28x8", kCodes, {0.9050, 0.8785, 0.8765}},
    {"IVF16,PQ37x6", kCodes, {0.8255, 0.8290, 0.8110}},
    {"IVF16,PQ56x4", kCodes, {0.7810, 0.7925, 0.7665}},
    {"IVF16,PQ98x2", kCodes, {0.7120, 0.7530, 0.6820}},
    {"IVF16,PQx2", kCodes, {0.5880, 0.6225, 0.5660}},
    {"IVF16,PQ28x4+4", kCodes, {0.8235, 0.8115, 0.8080}},
    {"IVF16,RQ8x8", kCodes, {0.8660, 0.9025, 0.8405}},
    {"IVF16,RQ8x4", kCodes, {0.6510, 0.6320, 0.6000}},
    {"IVF16,PRQ7x2x8", kCodes, {0.8380, 0.8310, 0.8280}},
    {"OPQ,IVF16,PRQ14x2x4", kCodes, {0.8095, 0.7705, 0.7870}},
    {"IVF16,MPQ28", kCodes, {0.8030, 0.8095, 0.7765}},
    {"OPQ,IVF16,MPQ28", kCodes, {0.8490, 0.7515, 0.8440}},
    {"IVF16,PQ28x8,FT", kCodes, {0.8920, kRefused, 0.8780}},
    {"OPQ,IVF16,PQ28x4,FT", kCodes, {0.8095, kRefused, 0.7925}},
    {"IVF16,PQ14x4,Refine(SQ8)", kRecords, {0.9870, 0.9940, 0.9815}},
    {"IVF16,PQ14x4,Refine(SQ6)", kRecords, {0.9795, 0.9790, 0.9720}},
    {"IVF16,PQ14x4,Refine(SQ4)", kRecords, {0.9435, 0.8740, 0.9240}},
    {"IVF16,PQ14x4,Refine(SQ8A)", kRecords, {0.9855, 0.9935, 0.9825}},
    {"IVF16,PQ14x4,Refine(SQ8S)", kRecords, {0.9850, 0.9925, 0.9765}},
    {"IVF16,PQ14x4,Refine(SQ6Ps)", kRecords, {0.9695, 0.9775, 0.9590}},
    {"IVF16,PQ14x4,Refine(SQ4Et)", kRecords, {0.9180, 0.9125, 0.8670}},
    {"IVF16,PQ14x4,Refine(RaBitQ4)", kRecords, {0.9480, 0.9215, 0.9395}},
    {"IVF16,PQ14x4,Refine(FP16)", kRecords, {0.9875, 0.9965, 0.9865}},
    {"IVF16,PQ14x4,Refine(BF16)", kRecords, {0.9860, 0.9955, 0.9855}},
    {"IVF16,PQ14x4,Refine(SQ8)", RerankTier::kRaw, {0.9875, 0.9965, 0.9870}},
    {"IVF16,RaBitQ1,Refine(SQ8)", kRecords, {0.9970, 0.9965, 0.9960}},
    {"IVF16,SQ4,Refine(FP16)", kRecords, {1.0000, 1.0000, 0.9995}},
    {"IVF16,Binary,Refine(SQ8)", kRecords, {0.9425, kRefused, 0.9415}},
    {"PCA64,IVF16,PQ28x8", kCodes, {0.8490, 0.7655, 0.8535}},
    {"PCA64,OPQ,IVF16,PQ28x8", kCodes, {0.8810, 0.9135, 0.8660}},
    {"PCA64,IVF16,SQ8", kCodes, {0.9085, 0.9700, 0.8860}},
    {"PCA64,IVF16,RaBitQ4", kCodes, {0.8970, 0.9210, 0.8800}},
    {"PCA64,IVF16,Binary", kCodes, {0.4450, kRefused, 0.5285}},
    {"PCA64,IVF16,PQ14x4,Refine(SQ8)", kRecords, {0.9855, 0.8960, 0.9810}},
    {"PCA64,IVF16,PQ14x4,Refine(SQ8S)", kRecords, {0.9820, 0.8960, 0.9800}},
    {"MRL98,IVF16,PQ28x8", kCodes, {0.3680, 0.5690, 0.3805}},
    {"MRL98,RR,IVF16,SQ8", kCodes, {0.3800, 0.4680, 0.3865}},
    {"MRL98,IVF16,PQ14x4,Refine(SQ8)", kRecords, {0.8825, 0.9170, 0.8665}},
    {"IVF16,RQ4x4,Refine(SQ4)", kRecords, {0.9380, 0.8740, 0.9170}},
};

class MetricGrid : public FashionTest, public ::testing::WithParamInterface<Metric> {
 protected:
  void ExpectRecall(const char* what, RerankTier tier, double band) {
    const double recall = Measure(tier);
    std::printf("%-7s %-34s %.4f\n", MetricName(GetParam()), what, recall);
    EXPECT_NEAR(recall, band, kBand) << what;
  }
};

TEST_P(MetricGrid, RecallStaysInItsBand) {
  Create(kDim, GetParam(), std::string("IVF16,SQ8"));
  Load(Base(0, kRows), kDim);
  FindTruth();
  for (const Kind& kind : kKinds) {
    const double band = kind.recall[static_cast<size_t>(GetParam())];
    if (band == kRefused) continue;
    const Status trained = Train(kind.quantizer);
    ASSERT_TRUE(trained.ok()) << kind.quantizer << ": " << trained;
    ExpectRecall(kind.quantizer, kind.tier, band);
  }
}

// Rows that come as bf16, or as integers with scale and zero point.
TEST_P(MetricGrid, ElementTypesKeepRecall) {
  const std::vector<float> base = Base(0, kRows);
  std::vector<uint16_t> halves;
  std::vector<int8_t> integers;
  for (const float v : base) {
    halves.push_back(ToFiniteBrain(v));
    integers.push_back(static_cast<int8_t>(std::lround(v / 1.25f) - 100));
  }
  constexpr double kRecall[2][3] = {{0.8595, 0.8240, 0.8600}, {0.8550, 0.8340, 0.8485}};
  for (const ElementType type : {ElementType::kBf16, ElementType::kI8}) {
    const bool i8 = type == ElementType::kI8;
    if (collection_) {
      collection_.reset();
      ASSERT_TRUE(catalog_->Drop("c").ok());
    }
    Create(kDim, GetParam(), std::string("IVF16,PQ28x8,Refine(SQ8)"));
    std::vector<PointInput> points;
    for (size_t i = 0; i < kRows; ++i) {
      const char* row = i8 ? reinterpret_cast<const char*>(integers.data() + i * kDim)
                           : reinterpret_cast<const char*>(halves.data() + i * kDim);
      points.push_back({PointId(i), type, {row, kDim * ElementSize(type)},
                        i8 ? ScalarParams{1.25f, -100} : ScalarParams()});
    }
    ASSERT_TRUE(collection_->Upsert(points).ok());
    FindTruth();
    ASSERT_TRUE(collection_->Train({}).ok());
    ExpectRecall(ElementTypeName(type), kCodes, kRecall[i8][static_cast<size_t>(GetParam())]);
    EXPECT_GT(Measure(kRecords), 0.97) << ElementTypeName(type);
    // Exact but for the candidates that codes leave out.
    EXPECT_GT(Measure(RerankTier::kRaw), 0.99) << ElementTypeName(type);
  }
}

INSTANTIATE_TEST_SUITE_P(Metrics, MetricGrid,
                         ::testing::Values(Metric::kL2, Metric::kInnerProduct, Metric::kCosine),
                         [](const auto& one) { return std::string(MetricName(one.param)); });

class MetricGridRefusals : public CollectionTest {};

TEST_F(MetricGridRefusals, SayWhyWhenTheCollectionIsCreated) {
  struct Refusal {
    const char* quantizer;
    bool inner_product_only;
    const char* reason;
  };
  const Refusal refusals[] = {
      {"IVF16,Binary", true, "under inner product a query has no such part"},
      {"RR,IVF16,Binary", true, "under inner product a query has no such part"},
      {"IVF16,Binary,Refine(SQ8)", true, "take RaBitQ1"},
      {"IVF16,PQ28x8,FT", true, "under inner product queries need not look like rows"},
      {"OPQ,IVF16,PQ28x4,FT", true, "under inner product queries need not look like rows"},
      {"IVF16,PQ28x8,Aniso", false, "every code carries a correction"},
      {"IVF16,RQ8x8,FT", false, "FT fine-tunes the codebooks of product codes (PQ) alone"},
      {"IVF16,PRQ7x2x8,FT", false, "FT fine-tunes the codebooks of product codes (PQ) alone"},
      {"IVF16,MPQ28,FT", false, "FT fine-tunes the codebooks of product codes (PQ) alone"},
      {"IVF16,PQ28x4+4,FT", false, "FT fine-tunes the codebooks of product codes (PQ) alone"},
      {"IVF16,SQ8,FT", false, "Aniso and FT train codebooks, SQ8 has none"},
      {"IVF16,RaBitQ2,Aniso", false, "Aniso and FT train codebooks, RaBitQ2 has none"},
      {"IVF16,PQ28x8,Refine(Binary)", false, "Binary ranks too coarsely to refine by"},
      {"OPQ,IVF16,PQ14x4,Refine(RaBitQ1)", false, "ranks too coarsely to refine by, take 2 bits or more"},
      {"OPQ,IVF16,SQ8", false, "OPQ is fitted to product codes"},
      {"OPQ,IVF16,Binary", false, "OPQ is fitted to product codes"},
      {"RR,IVF16,RaBitQ2", false, "RaBitQ brings its own"},
      {"IVF16,RQ17x8", false, "stages must be at most 16"},
      {"VQ256", false, "VQ is for files"},
      {"IVF16,PQ200x8", false, "at most the dimension 196"},
      {"IVF16,MPQ200", false, "at most the dimension 196"},
      {"PCA196,IVF16,SQ8", false, "kept_dim must be less than the dimension 196"},
      {"MRL20,IVF16,PQ28x8", false, "pq_m must be at most the dimension 20"},
      {"PCA64,IVF16,Binary", true, "take RaBitQ1"},
  };
  for (const Refusal& refusal : refusals) {
    for (const Metric metric : {Metric::kL2, Metric::kInnerProduct, Metric::kCosine}) {
      CollectionSpec spec;
      spec.dim = 196;
      spec.metric = metric;
      const auto parsed = QuantizerSpec::Parse(refusal.quantizer);
      Status status = parsed.status();
      if (parsed.ok()) {
        spec.quantizer = *parsed;
        status = catalog_->Create("c", spec).status();
      }
      if (refusal.inner_product_only && metric != Metric::kInnerProduct) {
        EXPECT_TRUE(status.ok()) << refusal.quantizer << ": " << status;
        EXPECT_TRUE(catalog_->Drop("c").ok());
        continue;
      }
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument)
          << refusal.quantizer << " under " << MetricName(metric);
      EXPECT_NE(std::string(status.message()).find(refusal.reason), std::string::npos)
          << refusal.quantizer << ": " << status;
    }
  }
}

}  // namespace
}  // namespace tessera
