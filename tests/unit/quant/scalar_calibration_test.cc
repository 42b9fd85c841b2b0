#include "index/scalar_calibration.h"

#include <gtest/gtest.h>

#include <cfloat>
#include <cmath>
#include <vector>

#include "index/quant/random.h"
#include "index/scalar_quantizer.h"

namespace tessera {
namespace {

constexpr ScalarType kI4{4, true}, kU8{8, false};

ValueRange Range(const std::vector<float>& values, const CalibrationOptions& options,
                 int32_t levels = 16) {
  return CalibrateRange({values.data(), values.size(), 1}, levels, options);
}

// Normal values with a few far ones.
std::vector<float> HeavyTailed(size_t n) {
  quant::Random random(9, 0);
  std::vector<float> out(n);
  for (size_t i = 0; i < n; ++i) {
    out[i] = static_cast<float>(random.Gaussian()) * (i % 500 == 0 ? 12.0f : 1.0f) + 0.5f;
  }
  return out;
}

double MeanError(const std::vector<float>& values, const ScalarParams& params, ScalarType type) {
  std::vector<uint8_t> q(values.size());
  std::vector<float> back(values.size());
  QuantizeLinear(values.data(), values.size(), params, type, q.data());
  DequantizeLinear(q.data(), q.size(), params, type, back.data());
  double sum = 0;
  for (size_t i = 0; i < values.size(); ++i)
    sum += std::pow(static_cast<double>(back[i]) - values[i], 2);
  return sum / static_cast<double>(values.size());
}

TEST(ScalarCalibration, MinMax) {
  const ValueRange affine = Range({3, -1, 2, 7}, {});
  EXPECT_EQ(affine.low, -1);
  EXPECT_EQ(affine.high, 7);
  const ValueRange symmetric = Range({3, -9, 2, 7}, {.symmetric = true});
  EXPECT_EQ(symmetric.low, -9);
  EXPECT_EQ(symmetric.high, 9);
  const float strided[] = {1, 100, 2, 100, 3, 100};
  EXPECT_EQ(CalibrateRange({strided, 3, 2}, 16, {}).high, 3);
}

TEST(ScalarCalibration, PercentileCutsBothEnds) {
  std::vector<float> values;
  for (int i = 0; i <= 1000; ++i) values.push_back(static_cast<float>((i * 8) % 1001));
  const ValueRange range = Range(values, {CalibrationKind::kPercentile, 99});
  EXPECT_NEAR(range.low, 5, 1);
  EXPECT_NEAR(range.high, 995, 1);
  const ValueRange symmetric = Range(values, {CalibrationKind::kPercentile, 99, true});
  EXPECT_NEAR(symmetric.high, 990, 1);
  EXPECT_EQ(symmetric.low, -symmetric.high);
  const ValueRange whole = Range(values, {CalibrationKind::kPercentile, 100});
  EXPECT_EQ(whole.low, 0);
  EXPECT_EQ(whole.high, 1000);
  EXPECT_EQ(Range({4}, {CalibrationKind::kPercentile, 50}).low, 4);
}

TEST(ScalarCalibration, LeastErrorBeatsTheOthers) {
  const std::vector<float> values = HeavyTailed(6000);
  const MatrixView<const float> rows(values.data(), values.size(), 1);
  for (const bool symmetric : {false, true}) {
    for (const uint8_t bits : {uint8_t{4}, uint8_t{6}, uint8_t{8}}) {
      const ScalarType type{bits, true};
      const auto error = [&](CalibrationKind kind) {
        return MeanError(values, *Calibrate(rows, type, {kind, 99.9, symmetric}), type);
      };
      const double least = error(CalibrationKind::kMse);
      EXPECT_LE(least, error(CalibrationKind::kMinMax));
      EXPECT_LE(least, error(CalibrationKind::kPercentile));
      if (bits == 4) {
        EXPECT_LT(least, 0.5 * error(CalibrationKind::kMinMax));
      }
    }
  }
}

// A grid over both ends finds nothing that is better by more than a hair.
TEST(ScalarCalibration, LeastErrorIsNearTheBestOfAGrid) {
  const std::vector<float> values = HeavyTailed(2000);
  const MatrixView<const float> rows(values.data(), values.size(), 1);
  const ValueRange widest = Range(values, {});
  double best = INFINITY;
  for (float low = widest.low; low < 0; low += 0.2f) {
    for (float high = widest.high; high > 0.5f; high -= 0.2f) {
      best = std::min(best, MeanError(values, *ParamsOfRange({low, high}, kI4, false), kI4));
    }
  }
  const double found = MeanError(values, *Calibrate(rows, kI4, {CalibrationKind::kMse}), kI4);
  EXPECT_LT(found, 1.05 * best);
}

TEST(ScalarCalibration, RangesFarFromZeroAreDrawnToTheirMiddle) {
  std::vector<float> values = HeavyTailed(3000);
  for (float& v : values) v += 1000;
  const ValueRange range = Range(values, {CalibrationKind::kMse});
  EXPECT_GT(range.low, 990);
  EXPECT_LT(range.high, 1011);
  EXPECT_LT(range.low, range.high);
}

TEST(ScalarCalibration, OneValueAlone) {
  for (const auto kind :
       {CalibrationKind::kMinMax, CalibrationKind::kPercentile, CalibrationKind::kMse}) {
    for (const float value : {0.0f, 3.0f, -2.5f}) {
      const std::vector<float> values(50, value);
      const ValueRange range = Range(values, {kind});
      EXPECT_EQ(range.low, value);
      EXPECT_EQ(range.high, value);
      const MatrixView<const float> rows(values.data(), 50, 1);
      const ScalarParams params = *Calibrate(rows, kU8, {kind});
      EXPECT_TRUE(CheckParams(params, kU8).ok());
      EXPECT_EQ(MeanError(values, params, kU8), 0);
    }
  }
}

TEST(ScalarCalibration, ParamsOfRanges) {
  EXPECT_EQ(*ParamsOfRange({-127.5f, 127.5f}, kU8, false), (ScalarParams{1, 128}));
  EXPECT_EQ(*ParamsOfRange({2, 4}, kU8, false), (ScalarParams{4.0f / 255, 0}));  // holds zero
  EXPECT_EQ(*ParamsOfRange({-4, -2}, kU8, false), (ScalarParams{4.0f / 255, 255}));
  EXPECT_EQ(*ParamsOfRange({-3, 7}, kI4, true), (ScalarParams{1, 0}));
  EXPECT_EQ(*ParamsOfRange({-14, 7}, kI4, true), (ScalarParams{2, 0}));
  EXPECT_EQ(*ParamsOfRange({-127, 3}, kU8, true), (ScalarParams{1, 128}));
  EXPECT_EQ(*ParamsOfRange({0, 0}, kI4, true), (ScalarParams{1, 0}));
  EXPECT_EQ(*ParamsOfRange({0, 0}, kU8, false), (ScalarParams{1, 0}));
  EXPECT_EQ(ParamsOfRange({0, FLT_TRUE_MIN}, kI4, true)->scale, FLT_MIN);
  EXPECT_EQ(ParamsOfRange({0, FLT_TRUE_MIN}, kI4, false)->scale, FLT_MIN);
  EXPECT_EQ(ParamsOfRange({-FLT_MAX, FLT_MAX}, kI4, false).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(ScalarCalibration, EachDimensionByItself) {
  const float rows[] = {-1, 10, 1, -30, 0.5f, 20};
  const auto params = CalibrateDimensions({rows, 3, 2}, kI4, {.symmetric = true});
  ASSERT_TRUE(params.ok());
  EXPECT_EQ(*params, (std::vector<ScalarParams>{{1.0f / 7, 0}, {30.0f / 7, 0}}));
}

TEST(ScalarCalibration, ValidationNamesTheField) {
  EXPECT_TRUE((CalibrationOptions{CalibrationKind::kPercentile, 100}.Validate().ok()));
  for (const double percent : {0.0, -1.0, 100.5, std::nan("")}) {
    const Status status = CalibrationOptions{CalibrationKind::kPercentile, percent}.Validate();
    EXPECT_NE(MessageOf(status).find("calibration.percentile"), std::string::npos);
  }
}

}  // namespace
}  // namespace tessera
