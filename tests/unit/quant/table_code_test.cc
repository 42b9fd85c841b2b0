#include "index/quant/table_code.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {
namespace {

// A code with random codebooks; what it computes must follow from the layout alone.
TableCode RandomCode(const std::string& spec, uint32_t dim) {
  TableLayout layout = LayoutOf(Spec(spec), dim);
  const size_t floats = layout.floats();
  return TableCode(std::move(layout), GaussianRows(1, floats, 7).data);
}

float CodewordAt(const TableCode& code, size_t p, uint32_t k, uint32_t j) {
  return code.codebook(p)[size_t{j} * code.part(p).entries() + k];
}

struct Case {
  const char* spec;
  uint32_t dim, bytes, scan_codes, scan_tables;
};
class TableCodes : public testing::TestWithParam<Case> {
 protected:
  TableCodes() : code_(RandomCode(GetParam().spec, GetParam().dim)), rows_(GaussianRows(400, code_.dim(), 3)) {
    codes_.resize(rows_.n * code_.code_bytes());
    code_.Encode(rows_, codes_.data());
  }
  std::vector<uint32_t> Indices(size_t i) const {
    std::vector<uint8_t> scan(code_.scan_codes());
    code_.ReadScanCodes(codes_.data() + i * code_.code_bytes(), scan.data());
    std::vector<uint32_t> indices;
    for (size_t p = 0; p < code_.parts(); ++p) indices.push_back(code_.PartIndex(scan.data(), p));
    return indices;
  }

  TableCode code_;
  Rows rows_;
  std::vector<uint8_t> codes_;
};

TEST_P(TableCodes, Sizes) {
  EXPECT_EQ(code_.code_bytes(), GetParam().bytes);
  EXPECT_EQ(code_.scan_codes(), GetParam().scan_codes);
  EXPECT_EQ(code_.scan_tables(), GetParam().scan_tables);
}

TEST_P(TableCodes, DecodedVectorsAreSumsOfCodewords) {
  std::vector<float> decoded(rows_.data.size());
  code_.Decode(codes_.data(), rows_.n, decoded.data());
  for (size_t i = 0; i < rows_.n; ++i) {
    std::vector<double> sum(code_.dim());
    const auto indices = Indices(i);
    for (size_t p = 0; p < code_.parts(); ++p) {
      for (uint32_t j = 0; j < code_.part(p).dims(); ++j) {
        sum[code_.part(p).begin + j] += double{CodewordAt(code_, p, indices[p], j)};
      }
    }
    for (size_t j = 0; j < sum.size(); ++j) EXPECT_NEAR(decoded[i * code_.dim() + j], sum[j], 1e-5);
  }
}

TEST_P(TableCodes, TablesGiveTheProductWithDecodedVectors) {
  std::vector<float> tables(code_.scan_codes() * code_.scan_entries(), 1e9f);
  code_.FillTables(rows_.row(0), tables.data());
  std::vector<float> decoded(rows_.data.size());
  code_.Decode(codes_.data(), rows_.n, decoded.data());
  std::vector<uint8_t> scan(code_.scan_codes());
  for (size_t i = 0; i < rows_.n; ++i) {
    code_.ReadScanCodes(codes_.data() + i * code_.code_bytes(), scan.data());
    double sum = 0;
    for (size_t s = 0; s < scan.size(); ++s) sum += double{tables[s * code_.scan_entries() + scan[s]]};
    EXPECT_NEAR(sum, Product(rows_.row(0), decoded.data() + i * code_.dim(), code_.dim()), 1e-3);
  }
}

double GroupError(const TableCode& code, const float* row, size_t first, const std::vector<uint32_t>& indices) {
  double sum = 0;
  for (uint32_t j = 0; j < code.part(first).dims(); ++j) {
    double d = double{row[code.part(first).begin + j]};
    for (size_t t = 0; t < indices.size(); ++t) d -= double{CodewordAt(code, first + t, indices[t], j)};
    sum += d * d;
  }
  return sum;
}

// Of parts that are alone in their range, and of all sums of pairs of 16.
TEST_P(TableCodes, SmallGroupsAreEncodedExactly) {
  for (size_t i = 0; i < 100; ++i) {
    const auto indices = Indices(i);
    for (size_t p = 0; p < code_.parts();) {
      const bool pair = p + 1 < code_.parts() && code_.part(p + 1).SameRange(code_.part(p));
      const uint32_t second = pair ? code_.part(p + 1).entries() : 1;
      double best = std::numeric_limits<double>::max();
      for (uint32_t k = 0; k < code_.part(p).entries() * second; ++k) {
        const std::vector<uint32_t> one =
            pair ? std::vector<uint32_t>{k / second, k % second} : std::vector<uint32_t>{k};
        best = std::min(best, GroupError(code_, rows_.row(i), p, one));
      }
      const std::vector<uint32_t> chosen(&indices[p], &indices[p] + (pair ? 2 : 1));
      EXPECT_NEAR(GroupError(code_, rows_.row(i), p, chosen), best, 1e-4);
      p += chosen.size();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, TableCodes,
                         testing::Values(Case{"PQ4x8", 16, 4, 4, 4}, Case{"PQ5x4", 13, 3, 5, 6},
                                         Case{"PQ6x6", 10, 5, 6, 6}, Case{"PQ3x6", 10, 3, 3, 4},
                                         Case{"PQ8x2", 16, 2, 4, 4}, Case{"PQ5x2", 13, 2, 3, 4},
                                         Case{"PQ3x4+4", 13, 3, 6, 6}, Case{"PRQ3x2x4", 13, 3, 6, 6},
                                         Case{"RQ2x4", 9, 1, 2, 2}));

class StagedCodes : public testing::TestWithParam<const char*> {};

double ErrorOf(const TableCode& code, const Rows& rows) {
  std::vector<uint8_t> codes(rows.n * code.code_bytes());
  std::vector<float> decoded(rows.data.size());
  code.Encode(rows, codes.data());
  code.Decode(codes.data(), rows.n, decoded.data());
  return Distance(rows.data.data(), decoded.data(), decoded.size());
}

TEST_P(StagedCodes, AWiderBeamLosesLess) {
  const Rows rows = GaussianRows(300, 12, 3);
  TableLayout layout = LayoutOf(Spec(GetParam()), 12);
  const std::vector<float> codebooks = GaussianRows(1, layout.floats(), 7, 0.5f).data;
  std::vector<double> errors;
  for (const uint32_t beam : {1u, 4u, 32u}) {
    layout.beam = beam;
    errors.push_back(ErrorOf(TableCode(layout, codebooks), rows));
  }
  EXPECT_LT(errors[1], errors[0]);
  EXPECT_LT(errors[2], errors[1]);
}

TEST_P(StagedCodes, TablesGiveTheProductWithDecodedVectors) {
  const TableCode code = RandomCode(GetParam(), 12);
  const Rows rows = GaussianRows(50, 12, 3);
  std::vector<uint8_t> codes(rows.n * code.code_bytes());
  code.Encode(rows, codes.data());
  std::vector<float> decoded(rows.data.size());
  code.Decode(codes.data(), rows.n, decoded.data());
  std::vector<float> tables(code.scan_codes() * code.scan_entries());
  code.FillTables(rows.row(0), tables.data());
  std::vector<uint8_t> scan(code.scan_codes());
  for (size_t i = 0; i < rows.n; ++i) {
    code.ReadScanCodes(&codes[i * code.code_bytes()], scan.data());
    double sum = 0;
    for (size_t s = 0; s < scan.size(); ++s) sum += double{tables[s * code.scan_entries() + scan[s]]};
    EXPECT_NEAR(sum, Product(rows.row(0), &decoded[i * 12], 12), 1e-3);
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, StagedCodes, testing::Values("RQ3x8", "PRQ2x3x4", "RQ4x4"));

TEST(TableCode, GoldenBytesOfTwoBits) {
  // One dimension a part, codeword k = k, so that a row is its own code.
  std::vector<float> codebooks;
  for (int p = 0; p < 5; ++p) {
    for (int k = 0; k < 4; ++k) codebooks.push_back(static_cast<float>(k));
  }
  const TableCode code(LayoutOf(Spec("PQ5x2"), 5), codebooks);
  const std::vector<float> row = {1, 2, 3, 0, 3};
  uint8_t bytes[2];
  code.Encode({row.data(), 1, 5}, bytes);
  EXPECT_EQ(bytes[0], 1 | 2 << 2 | 3 << 4);
  EXPECT_EQ(bytes[1], 3);
}

TEST(TableCode, BytesCountTheArrays) {
  const TableCode code = RandomCode("PQ4x8", 16);
  EXPECT_GE(code.bytes(), (16 * 256 + 4 * 256) * sizeof(float));
  EXPECT_LE(code.bytes(), (16 * 256 + 4 * 256) * sizeof(float) + 1024);
}

}  // namespace
}  // namespace tessera::quant
