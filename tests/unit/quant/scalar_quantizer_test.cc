#include "index/scalar_quantizer.h"

#include <gtest/gtest.h>

#include <cfloat>
#include <cmath>
#include <limits>
#include <vector>

#include "index/quant/random.h"

namespace tessera {
namespace {

constexpr ScalarType kI8{8, true}, kU8{8, false}, kI6{6, true}, kU6{6, false}, kI4{4, true},
    kU4{4, false};
constexpr ScalarType kTypes[] = {kI8, kU8, kI6, kU6, kI4, kU4};
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

std::vector<int> Quantized(const std::vector<float>& x, ScalarParams params, ScalarType type) {
  std::vector<uint8_t> q(x.size());
  QuantizeLinear(x.data(), x.size(), params, type, q.data());
  std::vector<int> out;
  for (const uint8_t byte : q) out.push_back(type.is_signed ? static_cast<int8_t>(byte) : byte);
  return out;
}

std::vector<float> Dequantized(const std::vector<int>& q, ScalarParams params, ScalarType type) {
  std::vector<uint8_t> bytes(q.begin(), q.end());
  std::vector<float> x(q.size());
  DequantizeLinear(bytes.data(), bytes.size(), params, type, x.data());
  return x;
}

// The examples of the ONNX standard.
TEST(ScalarQuantizer, ExamplesOfQuantizeLinear) {
  EXPECT_EQ(Quantized({0, 2, 3, 1000, -254, -1000}, {2, 128}, kU8),
            (std::vector<int>{128, 129, 130, 255, 1, 0}));
  const float x[18] = {-162, 10, -100, 232, -20,  -50,  -76,  0,    0,
                       252,  32, -44,  245, -485, -960, -270, -375, -470};
  const ScalarParams params[3] = {{2, 84}, {4, 24}, {5, 196}};
  std::vector<uint8_t> q(18);
  QuantizeLinear(x, {1, 3, 6}, params, kU8, q.data());
  EXPECT_EQ(q, (std::vector<uint8_t>{3, 89, 34, 200, 74, 59, 5, 24, 24, 87, 32, 13, 245, 99, 4, 142,
                                     121, 102}));
  std::vector<float> back(18);
  DequantizeLinear(q.data(), {1, 3, 6}, params, kU8, back.data());
  EXPECT_EQ(back, (std::vector<float>{-162, 10, -100, 232, -20, -50, -76, 0, 0, 252, 32, -44, 245,
                                      -485, -960, -270, -375, -470}));
  EXPECT_EQ(Dequantized({0, 3, 128, 255}, {2, 128}, kU8), (std::vector<float>{-256, -250, 0, 254}));
}

TEST(ScalarQuantizer, ExamplesOfDynamicQuantizeLinear) {
  const auto dynamic = [](const std::vector<float>& x, float scale, int zero_point,
                          const std::vector<uint8_t>& expected) {
    std::vector<uint8_t> q(x.size());
    const ScalarParams params = DynamicQuantizeLinear(x.data(), x.size(), kU8, q.data());
    EXPECT_EQ(params, (ScalarParams{scale, zero_point}));
    EXPECT_EQ(q, expected);
  };
  dynamic({0, 2, -3, -2.5f, 1.34f, 0.5f}, 5.0f / 255, 153, {153, 255, 0, 26, 221, 179});
  dynamic({-1, -2.1f, -1.3f, -2.5f, -3.34f, -4}, 4.0f / 255, 255, {191, 121, 172, 96, 42, 0});
  dynamic({1, 2.1f, 1.3f, 2.5f, 3.34f, 4, 1.5f, 2.6f, 3.9f, 4, 3, 2.345f}, 4.0f / 255, 0,
          {64, 134, 83, 159, 213, 255, 96, 166, 249, 255, 191, 149});
  dynamic({0, -0.0f, 0}, 1, 0, {0, 0, 0});
  dynamic({}, 1, 0, {});
}

TEST(ScalarQuantizer, HalvesGoToEvenAndLimitsHold) {
  EXPECT_EQ(Quantized({-2.5f, -1.5f, -0.5f, -0.0f, 0.5f, 1.5f, 2.5f, 3.5f}, {1, 0}, kI8),
            (std::vector<int>{-2, -2, 0, 0, 0, 2, 2, 4}));
  // Before the zero point is added, so an odd one makes odd integers of halves.
  EXPECT_EQ(Quantized({0.5f, 1.5f, 2.5f}, {1, 7}, kU8), (std::vector<int>{7, 9, 9}));
  for (const ScalarType type : kTypes) {
    const int low = type.lowest(), high = type.highest();
    EXPECT_EQ(Quantized({-kInfinity, -FLT_MAX, kInfinity, FLT_MAX, kNaN}, {0.25f, low + 1}, type),
              (std::vector<int>{low, low, high, high, low}))
        << type.Name();
    EXPECT_EQ(Quantized({-1e30f, 1e30f, 0, 1}, {0, low + 2}, type),
              (std::vector<int>{low, high, low, high}));
    EXPECT_EQ(Quantized({FLT_TRUE_MIN, 3 * FLT_TRUE_MIN, -FLT_MAX}, {FLT_TRUE_MIN, low}, type),
              (std::vector<int>{low + 1, low + 3, low}));
    EXPECT_EQ(Quantized({FLT_MAX, 1e-30f}, {kInfinity, high}, type),
              (std::vector<int>{high, high}));
  }
}

// Against round, then saturate, in double and by the library's rounding.
TEST(ScalarQuantizer, EqualsTheDefinition) {
  quant::Random random(5, 0);
  for (const ScalarType type : kTypes) {
    for (int i = 0; i < 20000; ++i) {
      const auto span = static_cast<uint32_t>(type.levels());
      const ScalarParams params{0.001f + static_cast<float>(random.Below(1000)) / 256,
                                type.lowest() + static_cast<int>(random.Below(span))};
      const float x = params.scale * (static_cast<float>(random.Below(1200)) / 2 - 300);
      const double whole =
          std::nearbyint(static_cast<double>(x / params.scale)) + params.zero_point;
      const int expected =
          static_cast<int>(std::fmin(std::fmax(whole, type.lowest()), type.highest()));
      ASSERT_EQ(Quantized({x}, params, type)[0], expected) << x << " / " << params.scale;
      ASSERT_EQ(Dequantized({expected}, params, type)[0],
                static_cast<float>(expected - params.zero_point) * params.scale);
    }
  }
}

TEST(ScalarQuantizer, DynamicParamsAtTheEdges) {
  const auto params = [](const std::vector<float>& x) {
    return DynamicParams(x.data(), x.size(), kU8);
  };
  EXPECT_EQ(params({FLT_TRUE_MIN}), (ScalarParams{0, 255}));  // 0 / 0
  EXPECT_EQ(params({-FLT_TRUE_MIN}), (ScalarParams{0, 255}));
  EXPECT_EQ(params({-FLT_MAX, FLT_MAX}), (ScalarParams{kInfinity, 0}));
  EXPECT_EQ(params({kInfinity}), (ScalarParams{kInfinity, 0}));
  EXPECT_EQ(params({-kInfinity}), (ScalarParams{kInfinity, 255}));  // infinity / infinity
  EXPECT_EQ(params({-255}), (ScalarParams{1, 255}));
  // -min / scale = 127.5 goes to the even neighbour.
  EXPECT_EQ(params({-127.5f, 127.5f}), (ScalarParams{1, 128}));
  EXPECT_EQ(params({-126.5f, 128.5f}), (ScalarParams{1, 126}));
  const float bytes[] = {-127.5f, 127.5f}, nibbles[] = {-7.5f, 7.5f};
  EXPECT_EQ(DynamicParams(bytes, 2, kI8), (ScalarParams{1, 0}));    // -0.5
  EXPECT_EQ(DynamicParams(nibbles, 2, kU4), (ScalarParams{1, 8}));  // 7.5
}

TEST(ScalarQuantizer, PackingComesBack) {
  for (const ScalarType type : kTypes) {
    for (size_t n = 0; n < 20; ++n) {
      std::vector<uint8_t> q(n), back(n);
      for (size_t i = 0; i < n; ++i)
        q[i] = static_cast<uint8_t>(type.lowest() + static_cast<int>(i * 7 % type.levels()));
      std::vector<uint8_t> packed(PackedBytes(n, type.bits) + 1, 0xee);
      PackIntegers(q.data(), n, type.bits, packed.data());
      EXPECT_EQ(packed.back(), 0xee);
      UnpackIntegers(packed.data(), n, type, back.data());
      EXPECT_EQ(back, q) << type.Name() << ' ' << n;
    }
  }
  EXPECT_EQ(PackedBytes(5, 6), 4u);
  const uint8_t nibbles[] = {1, 0xff, 7};
  std::vector<uint8_t> packed(2);
  PackIntegers(nibbles, 3, 4, packed.data());
  EXPECT_EQ(packed, (std::vector<uint8_t>{0xf1, 0x07}));
  const uint8_t sixes[] = {1, 2, 3, 4};
  packed.resize(3);
  PackIntegers(sixes, 4, 6, packed.data());
  EXPECT_EQ(packed, (std::vector<uint8_t>{0x81, 0x30, 0x10}));
}

std::vector<float> Normals(size_t n, uint64_t seed) {
  quant::Random random(seed, 0);
  std::vector<float> out(n);
  for (float& v : out) v = static_cast<float>(random.Gaussian());
  return out;
}

TEST(ScalarQuantizer, RowsComeBackWithinHalfAStep) {
  constexpr size_t kRows = 40, kDim = 13;
  const std::vector<float> data = Normals(kRows * kDim, 3);
  const MatrixView<const float> rows(data.data(), kRows, kDim);
  for (const ScalarType type : kTypes) {
    for (const bool symmetric : {false, true}) {
      for (const int mode : {0, 1, 2}) {  // per tensor, per dimension, dynamic
        ScalarQuantizerOptions options{
            .type = type, .dynamic = mode == 2, .per_dimension = mode == 1};
        options.calibration.symmetric = symmetric;
        const auto quantizer = ScalarQuantizer::Train(rows, options);
        ASSERT_TRUE(quantizer.ok()) << quantizer.status();
        EXPECT_EQ(quantizer->params().size(), mode == 0 ? 1u : mode == 1 ? kDim : 0u);
        EXPECT_EQ(quantizer->code_bytes(), PackedBytes(kDim, type.bits) + (mode == 2 ? 5 : 0));
        std::vector<uint8_t> codes(kRows * quantizer->code_bytes());
        ASSERT_TRUE(quantizer->Encode(rows, codes.data()).ok());
        std::vector<float> back(data.size());
        ASSERT_TRUE(quantizer->Decode(codes.data(), kRows, back.data()).ok());
        double sum = 0;
        for (size_t i = 0; i < data.size(); ++i) {
          // The values lie within 5 of zero; a rounded zero point may clip half a step more.
          EXPECT_LE(std::abs(back[i] - data[i]),
                    10.0f / static_cast<float>(type.levels() - 2) + 1e-5f);
          sum += std::pow(static_cast<double>(back[i]) - data[i], 2);
        }
        EXPECT_GT(sum, 0);
        EXPECT_NEAR(*quantizer->QuantizationError(rows), sum / kRows, 1e-9);
      }
    }
  }
}

TEST(ScalarQuantizer, FinerParametersLoseLess) {
  std::vector<float> data = Normals(200 * 8, 4);
  for (size_t i = 0; i < data.size(); ++i) data[i] *= static_cast<float>(1 << (i % 8));
  const MatrixView<const float> rows(data.data(), 200, 8);
  const auto error = [&rows](uint8_t bits, bool per_dimension) {
    return *ScalarQuantizer::Train(rows, {.type = {bits, true}, .per_dimension = per_dimension})
                ->QuantizationError(rows);
  };
  EXPECT_LT(error(8, false), error(6, false) / 8);
  EXPECT_LT(error(6, false), error(4, false) / 8);
  EXPECT_LT(error(4, true), error(4, false) / 2);
}

TEST(ScalarQuantizer, RefusesByName) {
  const float good[] = {1, 2, 3, 4};
  const float bad[] = {1, 2, 3, kNaN};
  const float huge[] = {-FLT_MAX, FLT_MAX};
  const auto says = [](const Status& status, const std::string& text) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(MessageOf(status).find(text), std::string::npos) << status;
  };
  says(ScalarQuantizer::Train({bad, 2, 2}, {}).status(), "rows[1][1] is NaN");
  says(ScalarQuantizer::Train({good, 0, 2}, {}).status(), "rows is empty");
  says(ScalarQuantizer::Train({good, 2, 0}, {}).status(), "rows have 0 dimensions");
  says(ScalarQuantizer::Train({huge, 1, 2}, {}).status(), "overflows a float");
  says(ScalarQuantizer::Train({huge, 2, 1}, {.per_dimension = true}).status(), "dimension 0: ");
  says(ScalarQuantizer::Train({good, 2, 2}, {.type = {7, true}}).status(), "type.bits is 7");
  says(ScalarQuantizer::Train({good, 2, 2}, {.dynamic = true, .per_dimension = true}).status(),
       "per_dimension");
  says(ScalarQuantizer::Train({good, 2, 2},
                              {.calibration = {.kind = CalibrationKind::kMse}, .dynamic = true})
           .status(),
       "calibration.kind");

  const auto dynamic = ScalarQuantizer::Train({good, 2, 2}, {.type = kI4, .dynamic = true});
  std::vector<uint8_t> codes(2 * dynamic->code_bytes());
  says(dynamic->Encode({bad, 2, 2}, codes.data()), "rows[1][1] is NaN");
  says(dynamic->Encode({huge, 1, 2}, codes.data()), "rows[0]: a range");
  says(dynamic->Encode({good, 1, 4}, codes.data()), "rows have 4 dimensions, the quantizer 2");
  ASSERT_TRUE(dynamic->Encode({good, 2, 2}, codes.data()).ok());
  float out[4];
  codes[dynamic->code_bytes() + 4] = 8;  // zero point of the second row
  says(dynamic->Decode(codes.data(), 2, out), "codes[1].zero_point is 8, expected -8 to 7 (i4)");
  codes[dynamic->code_bytes() + 3] = 0xff;  // its scale: negative
  says(dynamic->Decode(codes.data(), 2, out), "codes[1].scale is -");
}

TEST(ScalarQuantizer, DynamicRowsMayBeZeroOrTiny) {
  const float rows[] = {0, 0, FLT_TRUE_MIN, -FLT_TRUE_MIN};
  const auto dynamic = ScalarQuantizer::Train({rows, 2, 2}, {.dynamic = true});
  std::vector<uint8_t> codes(2 * dynamic->code_bytes());
  ASSERT_TRUE(dynamic->Encode({rows, 2, 2}, codes.data()).ok());
  float out[4];
  ASSERT_TRUE(dynamic->Decode(codes.data(), 2, out).ok());
  for (const float v : out) EXPECT_EQ(v, 0);
}

}  // namespace
}  // namespace tessera
