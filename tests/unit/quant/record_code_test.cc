#include "index/quant/record_code.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "index/base/half_float.h"
#include "index/quant/code_planes.h"
#include "index/quant/query.h"
#include "tests/unit/quant/best_rotated_bits.h"
#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {
namespace {

constexpr uint32_t kDim = 37;

RecordCode CodeOf(const std::string& text, Metric metric, const Rows& sample,
                  RecordUse use = RecordUse::kScanned) {
  const RecordSpec spec = Spec(text).record;
  InlineExecutor executor;
  return RecordCode(spec, metric, static_cast<uint32_t>(sample.dim), use,
                    CalibrateRanges(spec, sample, executor));
}

std::vector<uint8_t> Write(const RecordCode& code, const float* r, const float* c,
                           std::vector<float>& decoded, float tail = 0) {
  std::vector<uint8_t> record(code.bytes(), 0xee);
  decoded.assign(code.dim(), -7);
  code.Write(r, c, tail, decoded.data(), record.data());
  return record;
}

double Norm(const float* v, uint32_t dim) { return std::sqrt(Product(v, v, dim)); }

// Of every kind: its name, and the largest relative error |r - r~| / |r| of Gaussian residuals; of RaBitQ it follows
// from the row (MostError).
struct Kind {
  const char* name;
  double error;
};
constexpr Kind kKinds[] = {{"SQ8", .01},     {"SQ6", .04},      {"SQ4", .18},     {"SQ8A", .01},
                           {"SQ4A", .15},    {"SQ8S", .015},    {"SQ8Ss", .02},   {"SQ6P", .2},
                           {"SQ4E", .25},    {"SQ4Et", .25},    {"SQ8St", .015},  {"FP16", .0005},
                           {"BF16", .004},   {"RaBitQ1", 0},   {"RaBitQ2", 0}, {"RaBitQ3", 0},
                           {"RaBitQ4", 0}, {"RaBitQ5", 0}, {"RaBitQ8", 0}, {"Binary", .9}};

// RaBitQ decodes to a vector at an angle a from r whose product with r is |r|^2: its error is tan a. The best angle is
// found by enumeration. Descent may stop before it: the mean squared sine is within 5 % of the best one's up to 5 bits
// (rotated_bits_test.cc), that of a single row within a quarter; beyond 5 bits, with thousands of scales to choose from, 2.25 times. A bfloat16 scale is off by up to 2^-8 of
// the decoded length, 1 / cos a.
double MostError(const Kind& kind, const float* r) {
  const RecordSpec spec = Spec(kind.name).record;
  if (spec.kind != RecordKind::kRotatedBits) return kind.error;
  const double cosine = BestCosine(r, kDim, spec.bits);
  const double sine2 = (1 - cosine * cosine) * (spec.bits == 1 ? 1.0 : spec.bits <= 5 ? 1.25 : 2.25);
  const double rounding = (spec.bits <= 4 ? 0x1p-8 : 1e-6) / std::sqrt(1 - sine2);
  return std::sqrt(sine2 / (1 - sine2)) + rounding;
}

// All that CheckTrainable accepts.
std::vector<std::tuple<Kind, Metric>> KindsAndMetrics() {
  std::vector<std::tuple<Kind, Metric>> all;
  for (const Kind& kind : kKinds) {
    for (const Metric metric : {Metric::kL2, Metric::kCosine, Metric::kInnerProduct}) {
      if (CheckTrainable(Spec(kind.name), metric).ok()) all.emplace_back(kind, metric);
    }
  }
  return all;
}

class EveryKind : public ::testing::TestWithParam<std::tuple<Kind, Metric>> {
 protected:
  const Kind& kind() const { return std::get<0>(GetParam()); }
  Metric metric() const { return std::get<1>(GetParam()); }
  bool inner_product() const { return metric() == Metric::kInnerProduct; }
};

// What Write says it has decoded to is what Decode gives, near r, and a score is the formula's
// value of it.
TEST_P(EveryKind, ScoresAreTheFormulaOfWhatDecodes) {
  const Rows r = GaussianRows(60, kDim, 1, 3), c = GaussianRows(1, kDim, 2),
             y = GaussianRows(1, kDim, 3, 2);
  const RecordCode code = CodeOf(kind().name, metric(), r);
  RecordQuery query;
  code.Prepare(y.row(0), query);
  const double base =
      inner_product() ? -Product(y.row(0), c.row(0), kDim) : Distance(y.row(0), c.row(0), kDim);
  code.EnterList(c.row(0), query);
  std::vector<float> written, decoded(kDim);
  for (size_t i = 0; i < r.n; ++i) {
    const std::vector<uint8_t> record = Write(code, r.row(i), c.row(0), written);
    code.Decode(record.data(), decoded.data());
    EXPECT_EQ(written, decoded);
    EXPECT_LE(std::sqrt(Distance(r.row(i), decoded.data(), kDim)),
              MostError(kind(), r.row(i)) * Norm(r.row(i), kDim));
    if (code.spec().kind == RecordKind::kSign) continue;  // below
    const double product = Product(y.row(0), decoded.data(), kDim);
    const double expected = inner_product()
                                ? base - product
                                : base + Product(r.row(i), r.row(i), kDim) +
                                      2 * Product(c.row(0), decoded.data(), kDim) - 2 * product;
    const double scale = Norm(y.row(0), kDim) * Norm(r.row(i), kDim) + std::fabs(base);
    EXPECT_NEAR(code.Score(query, static_cast<float>(base), record.data()), expected, 4e-4 * scale);
  }
}

TEST_P(EveryKind, AnyBytesGiveFiniteScores) {
  const Rows r = GaussianRows(40, kDim, 1), y = GaussianRows(1, kDim, 3, 2);
  const RecordCode code = CodeOf(kind().name, metric(), r);
  RecordQuery query;
  code.Prepare(y.row(0), query);
  code.EnterList(r.row(0), query);
  Random random(5);
  std::vector<uint8_t> record(code.bytes());
  std::vector<float> decoded(kDim);
  for (int i = 0; i < 200; ++i) {
    for (uint8_t& byte : record) {
      byte = i == 0   ? 0xff
             : i == 1 ? 0x7f
             : i == 2 ? 0x80
                      : static_cast<uint8_t>(random.Below(256));
    }
    EXPECT_TRUE(std::isfinite(code.Score(query, 1.0f, record.data())));
    code.Decode(record.data(), decoded.data());
  }
}

TEST_P(EveryKind, ZeroTinyAndHugeResidualsAreFinite) {
  const Rows sample = GaussianRows(40, kDim, 1);
  const RecordCode code = CodeOf(kind().name, metric(), sample);
  std::vector<float> decoded;
  RecordQuery query;
  code.Prepare(sample.row(1), query);
  code.EnterList(sample.row(0), query);
  for (const float value : {0.0f, 1e-44f, 1e-38f, 1e18f}) {
    std::vector<float> r(kDim, value);
    r[1] = -value;
    const std::vector<uint8_t> record = Write(code, r.data(), sample.row(0), decoded);
    for (const float v : decoded) EXPECT_TRUE(std::isfinite(v)) << value;
    EXPECT_TRUE(std::isfinite(code.Score(query, 1.0f, record.data())));
    if (value == 0 && !code.spec().is_static()) {
      for (const float v : decoded) EXPECT_NEAR(v, 0, 1e-30);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, EveryKind,
                         ::testing::ValuesIn(KindsAndMetrics()),
                         [](const auto& one) {
                           return std::string(std::get<0>(one.param).name) +
                                  MetricName(std::get<1>(one.param));
                         });

TEST(RecordCode, TakesTheBytesThatItsFieldsNeed) {
  const Rows rows = GaussianRows(50, 100, 1);
  const auto bytes = [&](const char* text, Metric metric, bool scanned) {
    return CodeOf(text, metric, rows, scanned ? RecordUse::kScanned : RecordUse::kRefine).bytes();
  };
  EXPECT_EQ(RecordCode().bytes(), 0u);
  EXPECT_EQ(bytes("SQ8", Metric::kL2, true), 100u + 2 + 4);
  EXPECT_EQ(bytes("SQ8", Metric::kInnerProduct, true), 100u + 2);
  EXPECT_EQ(bytes("SQ6", Metric::kL2, true), 50u + 2 * 13 + 2 + 4);
  EXPECT_EQ(bytes("SQ4A", Metric::kCosine, true), 50u + 2 + 2 + 4);
  EXPECT_EQ(bytes("SQ8S", Metric::kL2, true), 100u + 4);
  EXPECT_EQ(bytes("RaBitQ1", Metric::kL2, true), 13u + 2 + 4 + 2);
  EXPECT_EQ(bytes("RaBitQ1", Metric::kInnerProduct, true), 13u + 2 + 2);
  EXPECT_EQ(bytes("RaBitQ4", Metric::kL2, false), 50u + 2 + 4);
  EXPECT_EQ(bytes("RaBitQ5", Metric::kL2, true), 63u + 4 + 4 + 2);
  EXPECT_EQ(bytes("BF16", Metric::kL2, true), 200u + 4);
  EXPECT_EQ(bytes("Binary", Metric::kL2, true), 13u + 2);
}

TEST(RecordCode, DecodingReadsTheFirstBytesOnly) {
  const Rows rows = GaussianRows(50, 100, 1);
  std::vector<float> written, decoded(100);
  for (const char* text : {"SQ8", "SQ6A", "SQ4S", "RaBitQ1", "RaBitQ7", "FP16", "Binary"}) {
    const RecordCode code = CodeOf(text, Metric::kL2, rows);
    std::vector<uint8_t> record = Write(code, rows.row(0), rows.row(1), written);
    record.resize(code.decoded_bytes());
    record.shrink_to_fit();
    code.Decode(record.data(), decoded.data());
    EXPECT_EQ(decoded, written) << text;
    EXPECT_EQ(CodeOf(text, Metric::kCosine, rows, RecordUse::kRefine).decoded_bytes(), code.decoded_bytes());
  }
}

// The bytes on disk: README.md.
TEST(RecordCode, GoldenRecord) {
  const RecordCode code(kDynamic8, Metric::kL2, 4, RecordUse::kRefine);
  const float r[] = {127, -127, 1, 0}, c[] = {1, 0, 0, 0};
  std::vector<float> decoded;
  const std::vector<uint8_t> record = Write(code, r, c, decoded);
  const uint8_t codes_and_scale[] = {127, 0x81, 1, 0, 0x80, 0x3f};
  EXPECT_EQ(std::memcmp(record.data(), codes_and_scale, 6), 0);
  float g;
  std::memcpy(&g, record.data() + 6, 4);
  EXPECT_EQ(g, 127.0f * 127 * 2 + 1 + 2 * 127);
}

TEST(RecordCode, DynamicScalesAreNeverTooSmallForTheLargest) {
  const Rows r = GaussianRows(200, kDim, 1, 3);
  for (const char* text : {"SQ8", "SQ4", "SQ8A", "SQ4A"}) {
    const RecordCode code = CodeOf(text, Metric::kL2, r);
    std::vector<float> decoded;
    for (size_t i = 0; i < r.n; ++i) {
      const std::vector<uint8_t> record = Write(code, r.row(i), r.row(0), decoded);
      uint16_t brain;
      std::memcpy(&brain, record.data() + PlaneBytes(kDim, code.spec().bits), 2);
      for (uint32_t j = 0; j < kDim; ++j) {
        EXPECT_NEAR(decoded[j], r.row(i)[j], FromBrain(brain) * 0.501) << text;
      }
    }
  }
}

TEST(RecordCode, StaticOnesAreClampedOutsideTheirRange) {
  Rows r = GaussianRows(50, kDim, 1, 0.5f);
  const RecordCode code = CodeOf("SQ8S", Metric::kL2, r);
  r.data[3] = 1e9f;
  r.data[4] = -1e9f;
  std::vector<float> decoded;
  Write(code, r.row(0), r.row(1), decoded);
  EXPECT_EQ(decoded[3], code.ranges().low[3] + 255 * code.ranges().step[3]);
  EXPECT_EQ(decoded[4], code.ranges().low[4]);
}

TEST(RecordCode, BinaryScoresByTheAngleOfTheSigns) {
  const Rows rows = GaussianRows(3, kDim, 1);
  const float* r = rows.row(0);
  const float* c = rows.row(1);
  const float* y = rows.row(2);
  const RecordCode code(Spec("Binary").record, Metric::kL2, kDim, RecordUse::kScanned);
  std::vector<float> decoded;
  const std::vector<uint8_t> record = Write(code, r, c, decoded);
  RecordQuery query;
  code.Prepare(y, query);
  const double base = Distance(y, c, kDim);
  code.EnterList(c, query);
  uint32_t differing = 0;
  for (uint32_t j = 0; j < kDim; ++j) differing += (y[j] < c[j]) != (r[j] < 0);
  const double cosine = std::cos(3.14159265358979 * differing / kDim);
  const double n = Norm(r, kDim);
  const double expected = base + n * n - 2 * std::sqrt(base) * n * cosine;
  EXPECT_NEAR(code.Score(query, static_cast<float>(base), record.data()), expected, 0.02 * n * n);
}

// What a row has beside the dimensions of its record is a number in it, of every kind.
TEST(RecordCode, TheTailAddsToTheEstimate) {
  const Rows rows = GaussianRows(50, kDim, 1);
  for (const char* text : {"SQ8", "SQ4S", "RaBitQ3", "FP16", "Binary"}) {
    const RecordCode code = CodeOf(text, Metric::kL2, rows, RecordUse::kScannedPart);
    EXPECT_FALSE(code.has_slack());
    RecordQuery query;
    std::vector<float> decoded;
    code.Prepare(rows.row(2), query);
    code.EnterList(rows.row(1), query);
    const auto without = Write(code, rows.row(0), rows.row(1), decoded);
    const auto with = Write(code, rows.row(0), rows.row(1), decoded, 48.0f);
    EXPECT_NEAR(code.Score(query, 3, with.data()) - code.Score(query, 3, without.data()), 48, 1e-3) << text;
    EXPECT_TRUE(std::equal(with.begin(), with.begin() + code.decoded_bytes(), without.begin())) << text;
  }
}

TEST(RecordCode, SlackCoversTheErrors) {
  const Rows r = GaussianRows(2000, 64, 1), c = GaussianRows(1, 64, 2),
             y = GaussianRows(1, 64, 3, 2);
  for (const char* text : {"RaBitQ1", "RaBitQ3", "RaBitQ6"}) {
    const RecordCode code = CodeOf(text, Metric::kL2, r);
    ASSERT_TRUE(code.has_slack());
    RecordQuery query;
    code.Prepare(y.row(0), query);
    const double base = Distance(y.row(0), c.row(0), 64);
    double squares = 0;
    int beyond = 0;
    std::vector<float> decoded, x(64);
    for (size_t i = 0; i < r.n; ++i) {
      const std::vector<uint8_t> record = Write(code, r.row(i), c.row(0), decoded);
      for (size_t j = 0; j < 64; ++j) x[j] = c.row(0)[j] + r.row(i)[j];
      const double error = code.Score(query, static_cast<float>(base), record.data()) -
                           Distance(y.row(0), x.data(), 64);
      const double relative = error / (double{code.Slack(record.data())} * std::sqrt(base));
      squares += relative * relative;
      beyond += std::fabs(relative) > 3;
    }
    EXPECT_NEAR(squares / static_cast<double>(r.n), 1.0, 0.15) << text;
    EXPECT_LE(beyond, 16) << text;  // of 2,000
  }
  EXPECT_FALSE(CodeOf("RaBitQ4", Metric::kL2, r, RecordUse::kRefine).has_slack());
  EXPECT_FALSE(CodeOf("SQ8", Metric::kL2, r).has_slack());
}

}  // namespace
}  // namespace tessera::quant
