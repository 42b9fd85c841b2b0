// Every kind of code that is a record under every metric: codes alone stay within a two-sided band.
//
// Fashion-MNIST (Debian package dataset-fashion-mnist): the first 10,000 training images as base, the first
// 200 test images as held-out queries; all 16 lists probed; k-recall@k, k = 10.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "client/formats/vector_reader.h"
#include "tests/unit/engine/collection_fixture.h"

namespace tessera {
namespace {

constexpr uint32_t kDim = 784;
constexpr size_t kRows = 10000;
constexpr size_t kQueries = 200;
constexpr double kBand = 0.03;

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

// Measured recall under L2, inner product and cosine.
struct Kind {
  const char* quantizer;
  RerankTier tier;
  double recall[3];
};
constexpr Kind kKinds[] = {
    {"IVF16,SQ8", RerankTier::kNone, {0.9960, 0.9975, 0.9970}},
    {"IVF16,SQ6", RerankTier::kNone, {0.9880, 0.9860, 0.9870}},
    {"IVF16,SQ4", RerankTier::kNone, {0.9420, 0.8075, 0.9495}},
    {"IVF16,SQ8A", RerankTier::kNone, {0.9970, 0.9970, 0.9985}},
    {"IVF16,SQ4A", RerankTier::kNone, {0.9545, 0.8625, 0.9585}},
    {"RR,IVF16,SQ4", RerankTier::kNone, {0.9605, 0.9390, 0.9630}},
    {"IVF16,SQ8S", RerankTier::kNone, {0.9940, 0.9955, 0.9930}},
    {"IVF16,SQ6P", RerankTier::kNone, {0.9855, 0.9870, 0.9825}},
    {"IVF16,SQ4E", RerankTier::kNone, {0.9460, 0.9355, 0.9230}},
    {"IVF16,SQ8Sst", RerankTier::kNone, {0.9975, 0.9965, 0.9770}},
    {"IVF16,RaBitQ1", RerankTier::kNone, {0.8590, 0.7785, 0.8565}},
    {"IVF16,RaBitQ2", RerankTier::kNone, {0.9270, 0.8900, 0.9220}},
    {"IVF16,RaBitQ4", RerankTier::kNone, {0.9750, 0.9660, 0.9755}},
    {"IVF16,FP16", RerankTier::kNone, {0.9995, 1.0000, 1.0000}},
    {"IVF16,BF16", RerankTier::kNone, {0.9995, 0.9995, 1.0000}},
    {"IVF16,Binary", RerankTier::kNone, {0.4430, 0, 0.4335}},
};

class MetricGrid : public CollectionTest, public ::testing::WithParamInterface<Metric> {};

TEST_P(MetricGrid, RecallStaysInItsBand) {
  const std::vector<float> base = ReadImages("train-images-idx3-ubyte.gz", kRows);
  const std::vector<float> queries = ReadImages("t10k-images-idx3-ubyte.gz", kQueries);
  Create(kDim, GetParam(), "IVF16,SQ8");
  Load(base, kDim);
  QueryParams params;
  params.exact = true;
  const auto truth = collection_->QueryBatch({queries.data(), kQueries, kDim}, params);
  ASSERT_TRUE(truth.ok()) << truth.status();
  for (const Kind& kind : kKinds) {
    TrainOptions options;
    options.quantizer = QuantizerSpec::Parse(kind.quantizer).value();
    const auto trained = collection_->Train(options);
    if (GetParam() == Metric::kInnerProduct &&
        options.quantizer->record.kind == RecordKind::kSign) {
      EXPECT_FALSE(trained.ok()) << kind.quantizer << " is refused";
      continue;
    }
    ASSERT_TRUE(trained.ok()) << kind.quantizer << ": " << trained;
    params.exact = false;
    params.nprobe = 16;
    params.rerank = kind.tier;
    const auto found = collection_->QueryBatch({queries.data(), kQueries, kDim}, params);
    ASSERT_TRUE(found.ok()) << kind.quantizer << ": " << found.status();
    size_t hits = 0;
    for (size_t i = 0; i < kQueries; ++i) {
      const auto want = Ids((*truth)[i]);
      for (const uint64_t id : Ids((*found)[i])) hits += std::count(want.begin(), want.end(), id);
    }
    const double recall = static_cast<double>(hits) / (10.0 * kQueries);
    std::printf("%-7s %-30s %.4f\n", MetricName(GetParam()), kind.quantizer, recall);
    EXPECT_NEAR(recall, kind.recall[static_cast<size_t>(GetParam())], kBand) << kind.quantizer;
  }
}

INSTANTIATE_TEST_SUITE_P(Metrics, MetricGrid,
                         ::testing::Values(Metric::kL2, Metric::kInnerProduct, Metric::kCosine),
                         [](const auto& one) { return std::string(MetricName(one.param)); });

}  // namespace
}  // namespace tessera
