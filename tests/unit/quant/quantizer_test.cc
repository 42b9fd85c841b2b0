#include "index/quantizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "index/base/bytes.h"
#include "index/thread_pool.h"
#include "tests/unit/quant/sample_rows.h"

namespace tessera {
namespace {

using quant::ClusteredRows;
using quant::Distance;
using quant::Product;
using quant::Rows;
using quant::Spec;

std::unique_ptr<Quantizer> Train(const std::string& spec, Metric metric, const Rows& rows) {
  return Quantizer::Train(Spec(spec), metric, rows, {}).value();
}

std::string WithCrc(std::string bytes) {
  bytes.resize(bytes.size() - 4);
  ByteWriter(bytes).Put(Crc32c(bytes));
  return bytes;
}

struct Case {
  const char* spec;
  uint32_t code_bytes;
};

class QuantizerKinds : public testing::TestWithParam<Case> {};

TEST_P(QuantizerKinds, RoundTripsThroughItsBytes) {
  const Rows rows = ClusteredRows(900, 10, 20, 1, 3);
  for (const Metric metric : {Metric::kL2, Metric::kInnerProduct, Metric::kCosine}) {
    const auto quantizer = Train(GetParam().spec, metric, rows);
    EXPECT_EQ(quantizer->code_bytes(), GetParam().code_bytes);
    EXPECT_EQ(quantizer->dim(), 10u);
    EXPECT_EQ(quantizer->metric(), metric);
    const auto back = Quantizer::Parse(quantizer->Serialize()).value();
    EXPECT_EQ(back->spec(), quantizer->spec());
    EXPECT_EQ(back->metric(), metric);
    EXPECT_EQ(back->Serialize(), quantizer->Serialize());

    std::vector<uint8_t> codes(rows.n * quantizer->code_bytes()), again(codes.size());
    ThreadPoolExecutor pool(2);
    ASSERT_TRUE(quantizer->Encode(rows, codes.data(), nullptr).ok());
    ASSERT_TRUE(back->Encode(rows, again.data(), &pool).ok());
    EXPECT_EQ(codes, again);
    std::vector<float> decoded(rows.data.size());
    ASSERT_TRUE(back->Decode(codes.data(), rows.n, decoded.data()).ok());
    double error = 0;
    for (size_t i = 0; i < rows.n; ++i) {
      std::vector<float> x(rows.row(i), rows.row(i) + 10);
      const double norm = std::sqrt(Product(x.data(), x.data(), 10));
      if (metric == Metric::kCosine)
        for (float& v : x) v = static_cast<float>(v / norm);
      error += Distance(x.data(), &decoded[i * 10], 10);
    }
    EXPECT_NEAR(quantizer->QuantizationError(rows, &pool).value(), error / 900, 1e-4);
    EXPECT_LT(error / 900, metric == Metric::kCosine ? 0.05 : 4.0);
  }
}

TEST_P(QuantizerKinds, NamesTheRowOfBadInput) {
  const Rows rows = ClusteredRows(900, 10, 20, 1, 3);
  const auto quantizer = Train(GetParam().spec, Metric::kCosine, rows);
  Rows bad = rows;
  std::vector<uint8_t> codes(rows.n * quantizer->code_bytes());
  bad.data[10 * 8 + 3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(MessageOf(quantizer->Encode(bad, codes.data(), nullptr)), "rows[8][3] is NaN");
  EXPECT_FALSE(quantizer->QuantizationError(bad, nullptr).ok());
  std::fill_n(bad.data.begin() + 80, 10, 0.0f);
  EXPECT_EQ(MessageOf(quantizer->Encode(bad, codes.data(), nullptr)),
            "rows[8] is zero, which has no cosine");
  const MatrixView<const float> narrow(rows.data.data(), 5, 9, 10);
  EXPECT_EQ(MessageOf(quantizer->Encode(narrow, codes.data(), nullptr)),
            "rows have 9 dimensions, the quantizer 10");
  EXPECT_EQ(Quantizer::Train(Spec(GetParam().spec), Metric::kCosine, bad, {}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_P(QuantizerKinds, HostileBytes) {
  const Rows rows = ClusteredRows(300, 2, 20, 1, 3);
  std::string spec = GetParam().spec;
  if (const size_t m = spec.find("PQ5"); m != std::string::npos) spec.replace(m, 5, "PQ1x4");
  if (spec == "VQ300") spec = "VQ20";
  if (spec == "PQ3x4+4") spec = "PQ1x4+4";
  if (spec == "OPQ,MPQ4") spec = "OPQ,MPQ1";
  if (spec == "VQ20x15") spec = "VQ4x3";
  if (spec.starts_with("PCA8") || spec.starts_with("MRL8")) spec[3] = '1';
  if (const size_t m = spec.find("PQ4x8"); m != std::string::npos) spec.replace(m, 5, "PQ1x4");
  const std::string bytes = Train(spec, Metric::kL2, rows)->Serialize();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(Quantizer::Parse(bytes.substr(0, size)).status().code(), absl::StatusCode::kDataLoss);
    if (size < 12) continue;
    EXPECT_EQ(Quantizer::Parse(WithCrc(bytes.substr(0, size))).status().code(),
              absl::StatusCode::kDataLoss);
  }
  for (size_t at = 0; at + 4 < bytes.size(); ++at) {
    std::string bad = bytes;
    bad[at] = static_cast<char>(bad[at] ^ 0x80);
    EXPECT_EQ(Quantizer::Parse(bad).status().code(), absl::StatusCode::kDataLoss) << at;
    for (const char value : {'\0', '\x7f', '\xff'}) {
      bad[at] = value;
      bad = WithCrc(bad);
      const auto parsed = Quantizer::Parse(bad);
      if (parsed.ok()) {
        EXPECT_EQ((*parsed)->Serialize(), bad) << at;
      } else if (at != 4 || value == 0) {  // else a version that is to come
        EXPECT_EQ(parsed.status().code(), absl::StatusCode::kDataLoss) << at;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, QuantizerKinds,
                         testing::Values(Case{"IVF8,PQ5x8", 9}, Case{"PQ5x4", 3}, Case{"PQ5x6", 4},
                                         Case{"PQ5x2", 2}, Case{"PQ3x4+4", 3}, Case{"IVF8,RQ3x4", 6},
                                         Case{"OPQ,PRQ2x2x4", 2}, Case{"OPQ,MPQ4", 4},
                                         Case{"IVF8,MPQ2", 6},
                                         Case{"RR,IVF8,PQ5x4,Refine(SQ8S)", 7}, Case{"VQ20", 1},
                                         Case{"VQ5x4", 1}, Case{"VQ20x15", 2},
                                         Case{"VQ300", 2}, Case{"IVF8,SQ8", 16}, Case{"SQ6A", 13},
                                         Case{"SQ4St", 5}, Case{"RaBitQ2,Refine(SQ8)", 6},
                                         Case{"RaBitQ6", 13}, Case{"FP16", 20}, Case{"BF16", 20}, Case{"PCA8,IVF8,PQ4x8", 8},
                                         Case{"MRL8,OPQ,PQ4x8,Refine(SQ8S)", 4}, Case{"MRL8,FP16", 16}));

TEST(Quantizer, NamesImpossibleCodes) {
  const Rows rows = ClusteredRows(900, 10, 20, 1);
  float out[30];
  const auto lists = Train("IVF8,PQ5x8", Metric::kL2, rows);
  std::vector<uint8_t> codes(3 * lists->code_bytes());
  const uint32_t list = 8;
  std::memcpy(codes.data() + 2 * lists->code_bytes(), &list, 4);
  EXPECT_EQ(MessageOf(lists->Decode(codes.data(), 3, out)),
            "codes[2]: list 8, the quantizer has 8");
  const auto vector = Train("VQ20", Metric::kL2, rows);
  const uint8_t wrong[3] = {0, 20, 0};
  EXPECT_EQ(MessageOf(vector->Decode(wrong, 3, out)),
            "codes[1] is 20, the codebook has 20 centroids");
}

TEST(Quantizer, SaysHowManyRowsItNeeds) {
  const Rows rows = ClusteredRows(100, 10, 20, 1);
  EXPECT_EQ(MessageOf(Quantizer::Train(Spec("IVF8,PQ5x8"), Metric::kL2, rows, {}).status()),
            "training IVF8,PQ5x8 needs at least 256 rows, got 100");
  EXPECT_EQ(MessageOf(Quantizer::Train(Spec("VQ101"), Metric::kL2, rows, {}).status()),
            "k-means of k = 101 needs at least 101 rows, got 100");
}

// The format of a quantizer file, byte by byte, where no training can change it: a codebook of the
// rows themselves.
TEST(Quantizer, GoldenBytesOfAVectorQuantizer) {
  const Rows rows{1, 2, {1.0f, -2.0f}};
  const std::string bytes = Train("VQ1", Metric::kInnerProduct, rows)->Serialize();
  std::string expected("TSQQ\2\0\0\0\1", 9);  // magic, version, kind
  expected += std::string("\3\0\0\0VQ1", 7);   // spec
  expected += std::string("\1\2\0\0\0", 5);                          // metric, dim
  expected += std::string("\2\0\0\0\0\0\0\0\0\0\x80\x3f\0\0\0\xc0", 16);  // two floats
  ByteWriter(expected).Put(Crc32c(expected));
  EXPECT_EQ(bytes, expected);
}

}  // namespace
}  // namespace tessera
