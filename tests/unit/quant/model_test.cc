#include "index/quant/model.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <utility>

#include "index/base/bytes.h"
#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {
namespace {

void SetRanges(Model& model, RecordRanges ranges) {
  model.refine = RecordCode(kStatic8, model.metric, model.dim, RecordUse::kRefine, std::move(ranges));
}

// Fixed numbers, no training: its bytes are the golden ones.
Model SmallModel() {
  Model model;
  model.spec = Spec("RR,IVF3,PQ2x4,Refine(SQ8S)");
  model.metric = Metric::kInnerProduct;
  model.dim = 3;
  model.mean = {1, 2, 3};
  model.SetRotation({1, 0, 0, 0, 1, 0, 0, 0, 1});
  std::vector<float> codebooks(3 * 16);
  for (size_t i = 0; i < codebooks.size(); ++i) codebooks[i] = static_cast<float>(i) * 0.5f;
  model.code = TableCode(LayoutOf(model.spec, 3), codebooks);
  model.mu = 0.25f;
  model.ip_weight = 0.5f;
  model.correction_step = 0.125f;
  model.correction_low = -3;
  model.correction_slope = 7;
  model.error_bound = 0.75f;
  model.residual_limit = 12.5f;
  SetRanges(model, {{-1, -2, -3}, {0.5f, 0, 0.25f}});
  model.training_error = 1.5;
  model.trained_rows = 1000;
  return model;
}

std::string WithCrc(std::string bytes) {
  bytes.resize(bytes.size() - 4);
  ByteWriter(bytes).Put(Crc32c(bytes));
  return bytes;
}

TEST(Model, EverythingComesBack) {
  const Model model = SmallModel();
  const std::string bytes = model.Serialize();
  const Model back = Model::Parse(bytes).value();
  EXPECT_EQ(back.spec, model.spec);
  EXPECT_EQ(back.metric, model.metric);
  EXPECT_EQ(back.dim, model.dim);
  EXPECT_EQ(back.mean, model.mean);
  EXPECT_EQ(back.rotation, model.rotation);
  EXPECT_EQ(back.code.codebooks(), model.code.codebooks());
  EXPECT_EQ(back.code.parts(), 2u);
  EXPECT_EQ(back.mu, model.mu);
  EXPECT_EQ(back.ip_weight, model.ip_weight);
  EXPECT_EQ(back.correction_step, model.correction_step);
  EXPECT_EQ(back.correction_low, model.correction_low);
  EXPECT_EQ(back.correction_slope, model.correction_slope);
  EXPECT_EQ(back.error_bound, model.error_bound);
  EXPECT_EQ(back.residual_limit, model.residual_limit);
  EXPECT_EQ(back.refine.ranges().low, model.refine.ranges().low);
  EXPECT_EQ(back.refine.ranges().step, model.refine.ranges().step);
  EXPECT_EQ(back.training_error, model.training_error);
  EXPECT_EQ(back.trained_rows, model.trained_rows);
  EXPECT_EQ(back.Serialize(), bytes);
}

// Fails when the format changes: then the version must change too, and README.md.
TEST(Model, ErrorWeightsComeBack) {
  Model model = SmallModel();
  model.spec = Spec("RR,IVF3,PQ2x4,FT,Refine(SQ8S)");
  model.metric = Metric::kL2;
  model.list_scales = {1, 1, 1};
  model.error_weights = ErrorWeights({2, 1, 0, 1, 3, 0, 0, 0, 1}, model.code);
  const std::string bytes = model.Serialize();
  const Model back = Model::Parse(bytes).value();
  EXPECT_EQ(back.error_weights.matrix(), model.error_weights.matrix());
  EXPECT_EQ(back.Serialize(), bytes);
  EXPECT_EQ(back.bytes(), model.bytes());
  EXPECT_GT(back.bytes(), SmallModel().bytes());
  // Without them, and with one that is not finite.
  model.error_weights = ErrorWeights();
  EXPECT_EQ(Model::Parse(model.Serialize()).status().message(), "model: error_weights has the wrong length");
  model.error_weights = ErrorWeights({2, 1, 0, 1, std::numeric_limits<float>::infinity(), 0, 0, 0, 1}, model.code);
  EXPECT_EQ(Model::Parse(model.Serialize()).status().message(),
            "model: error_weights holds a value that is not finite");
}

TEST(Model, CorrectionsCountFromTheirListsOrigin) {
  Model model = SmallModel();
  model.list_scales = {0.5f, 2, 1};
  model.correction_step = 0.5f;
  model.correction_low = -3;
  model.correction_slope = 7;
  EXPECT_EQ(model.correction_origin(0.5f), 1);  // (-3 + 3.5) / .5
  EXPECT_EQ(model.correction_origin(2), 22);
  EXPECT_EQ(model.CorrectionUnits(ListId{0}, 1.76f), 4 - 1);
  EXPECT_EQ(model.CorrectionUnits(ListId{1}, -1.26f), -3 - 22);
  const float inf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(model.CorrectionUnits(ListId{1}, inf), (1 << 30) - 1 - 22);
  EXPECT_EQ(model.CorrectionUnits(ListId{1}, -inf), -(1 << 30));
  EXPECT_EQ(model.CorrectionUnits(ListId{1}, std::nanf("")), (1 << 30) - 1 - 22);  // ranks last
  model.correction_low = 3e38f;
  EXPECT_EQ(model.CorrectionUnits(ListId{1}, 0), -(1 << 30) + 1);
}

TEST(Model, ListScalesComeBack) {
  Model model = SmallModel();
  model.metric = Metric::kL2;
  model.list_scales = {0.5f, 2, 1};
  const std::string bytes = model.Serialize();
  const Model back = Model::Parse(bytes).value();
  EXPECT_EQ(back.list_scales, model.list_scales);
  EXPECT_EQ(back.list_scale(ListId{1}), 2);
  EXPECT_EQ(back.Serialize(), bytes);
  EXPECT_EQ(back.bytes(), model.bytes());
  // One is missing, or is no scale.
  model.list_scales = {0.5f, 2};
  EXPECT_EQ(Model::Parse(model.Serialize()).status().message(), "model: list_scales has the wrong length");
  model.list_scales = {0.5f, 0, 1};
  EXPECT_EQ(Model::Parse(model.Serialize()).status().message(), "model: list_scales holds a value that is not > 0");
  model.list_scales = {0.5f, std::numeric_limits<float>::infinity(), 1};
  EXPECT_EQ(Model::Parse(model.Serialize()).status().message(), "model: list_scales holds a value that is not finite");
  // Under inner product lists have none.
  model.metric = Metric::kInnerProduct;
  model.list_scales = {0.5f, 2, 1};
  EXPECT_EQ(Model::Parse(model.Serialize()).status().message(), "model: list_scales has the wrong length");
}

TEST(Model, GoldenBytes) {
  const std::string bytes = SmallModel().Serialize();
  EXPECT_EQ(bytes.size(), 419u);
  EXPECT_EQ(Crc32c(std::string_view(bytes).substr(0, bytes.size() - 4)), 4175444050u);
  EXPECT_EQ(bytes.substr(0, 8), std::string("TSQM\5\0\0\0", 8));
}

// A code of two of three dimensions, ranges of records in all of them.
Model TruncatedModel(const std::string& spec) {
  Model model = SmallModel();
  model.spec = Spec(spec);
  model.SetRotation(spec[0] == 'P' ? std::vector<float>{1, 0, 0, 0, 1, 0} : std::vector<float>());
  model.code = TableCode(LayoutOf(model.spec, 2), std::vector<float>(2 * 16, 0.5f));
  return model;
}

TEST(Model, TruncatedOnesComeBack) {
  for (const char* spec : {"PCA2,IVF3,PQ2x4,Refine(SQ8S)", "MRL2,IVF3,PQ2x4,Refine(SQ8S)"}) {
    const Model model = TruncatedModel(spec);
    const std::string bytes = model.Serialize();
    const Model back = Model::Parse(bytes).value();
    EXPECT_EQ(back.Serialize(), bytes);
    EXPECT_EQ(back.code_dim(), 2u);
    EXPECT_EQ(back.rotated_dim(), spec[0] == 'P' ? 3u : 2u);
    EXPECT_EQ(back.query_rotation ? back.query_rotation->rows() : 0, spec[0] == 'P' ? 2u : 0u);
    EXPECT_EQ(back.refine.dim(), 3u);
    for (size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(Model::Parse(bytes.substr(0, size)).ok()) << size;
    }
  }
}

TEST(Model, TruncatedOnesThatContradictThemselvesAreRefused) {
  const auto message = [](const Model& model) {
    const auto parsed = Model::Parse(model.Serialize());
    EXPECT_EQ(parsed.status().code(), absl::StatusCode::kDataLoss);
    return MessageOf(parsed.status());
  };
  Model model = TruncatedModel("PCA2,IVF3,PQ2x4,Refine(SQ8S)");
  model.rotation.push_back(0);
  EXPECT_EQ(message(model), "model: rotation has the wrong length");
  model.rotation = {1, 0, 0, 0, 1, std::numeric_limits<float>::infinity()};
  EXPECT_EQ(message(model), "model: rotation holds a value that is not finite");
  model.spec.kept_dim = 3;
  EXPECT_EQ(message(model), "model: kept_dim must be less than the dimension 3, got 3");
  model.spec.kept_dim = 1;
  EXPECT_EQ(message(model), "model: pq_m must be at most the dimension 1, got 2");
  model.spec.kept_dim = 0;
  EXPECT_NE(message(model).find("PCA"), std::string::npos);
}

TEST(Model, EveryTruncationIsDataLoss) {
  const std::string bytes = SmallModel().Serialize();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(Model::Parse(bytes.substr(0, size)).status().code(), absl::StatusCode::kDataLoss)
        << size;
    if (size < 12) continue;
    // Also with a checksum that fits: the lengths inside must be noticed.
    EXPECT_EQ(Model::Parse(WithCrc(bytes.substr(0, size))).status().code(),
              absl::StatusCode::kDataLoss);
  }
  EXPECT_FALSE(Model::Parse(bytes + "x").ok());
}

TEST(Model, EveryFlippedBitIsDataLoss) {
  const std::string bytes = SmallModel().Serialize();
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = bytes;
      bad[at] = static_cast<char>(bad[at] ^ (1 << bit));
      EXPECT_EQ(Model::Parse(bad).status().code(), absl::StatusCode::kDataLoss) << at;
    }
  }
}

// With a right checksum the bytes may be a valid model or not, but never crash or allocate without
// end; what is accepted must write itself again.
TEST(Model, AnyByteWithARightChecksumIsRefusedOrConsistent) {
  const std::string bytes = SmallModel().Serialize();
  for (size_t at = 0; at + 4 < bytes.size(); ++at) {
    for (const char value : {'\0', '\1', '\x7f', '\x80', '\xff'}) {
      std::string bad = bytes;
      bad[at] = value;
      bad = WithCrc(bad);
      const auto model = Model::Parse(bad);
      if (model.ok()) {
        EXPECT_EQ(model->Serialize(), bad) << at;
      } else {
        uint32_t version = 0;
        std::memcpy(&version, bad.data() + 4, sizeof(version));
        const bool newer = version > 5 && version <= 1000;
        EXPECT_EQ(model.status().code(),
                  newer ? absl::StatusCode::kFailedPrecondition : absl::StatusCode::kDataLoss) << at;
      }
    }
  }
}

TEST(Model, InconsistentFieldsAreNamed) {
  const auto message = [](const Model& model) {
    const auto parsed = Model::Parse(model.Serialize());
    EXPECT_EQ(parsed.status().code(), absl::StatusCode::kDataLoss);
    return MessageOf(parsed.status());
  };
  Model model = SmallModel();
  model.correction_step = 0;
  EXPECT_EQ(message(model), "model: correction_step is not > 0");
  model = SmallModel();
  model.correction_slope = std::numeric_limits<float>::infinity();
  EXPECT_EQ(message(model), "model: correction_low or correction_slope is not finite");
  model = SmallModel();
  model.error_bound = -1;
  EXPECT_EQ(message(model), "model: error_bound is not >= 0");
  model = SmallModel();
  model.residual_limit = -1;
  EXPECT_EQ(message(model), "model: residual_limit is not >= 0");
  model = SmallModel();
  model.mu = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(message(model), "model: mu is not finite");
  model = SmallModel();
  model.mean.pop_back();
  EXPECT_EQ(message(model), "model: mean has the wrong length");
  model = SmallModel();
  model.rotation.clear();
  EXPECT_EQ(message(model), "model: rotation has the wrong length");
  model = SmallModel();
  model.rotation[4] = std::numeric_limits<float>::infinity();
  EXPECT_EQ(message(model), "model: rotation holds a value that is not finite");
  model = SmallModel();
  SetRanges(model, {{-1, -2, -3}, {0.5f, -1, 0.25f}});
  EXPECT_EQ(message(model), "model: refine_step holds a negative value");
  model = SmallModel();
  model.spec.pq_m = 0;
  EXPECT_EQ(message(model), "model: the spec has choices left open");
  model = SmallModel();
  model.spec.pq_m = 4;
  EXPECT_EQ(message(model), "model: pq_m must be at most the dimension 3, got 4");
}

TEST(Model, BytesCountTheArrays) {
  const size_t floats = 3 + 9 + 48 + 32 + 3 + 3;
  EXPECT_GE(SmallModel().bytes(), floats * 4);
  EXPECT_LE(SmallModel().bytes(), floats * 4 + sizeof(Model) + 1024);
}

TEST(ListTable, NormsAreSquared) {
  const ListTable lists(2, {3, 4, 0, 1});
  EXPECT_EQ(lists.nlist(), 2u);
  EXPECT_EQ(lists.norms(), (std::vector<float>{25, 1}));
  EXPECT_EQ(lists.centroid(ListId(1))[1], 1.0f);
  EXPECT_EQ(lists.bytes(), 6 * sizeof(float));
}

}  // namespace
}  // namespace tessera::quant
