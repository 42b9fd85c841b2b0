#include "index/quant/blas.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {
namespace {

TEST(Blas, ProductsOfRowsWithStrides) {
  const size_t m = 5, n = 7, k = 3, lda = 4, ldb = 6, ldc = 9;
  const Rows a = GaussianRows(m, lda, 1);
  const Rows b = GaussianRows(n, ldb, 2);
  std::vector<float> c(m * ldc, -7.0f);
  MultiplyTransposed(m, n, k, a.data.data(), lda, b.data.data(), ldb, c.data(), ldc);
  for (size_t i = 0; i < m; ++i) {
    for (size_t j = 0; j < n; ++j)
      EXPECT_NEAR(c[i * ldc + j], Product(a.row(i), b.row(j), k), 1e-5);
    EXPECT_EQ(c[i * ldc + n], -7.0f) << "wrote past the row";
  }
}

TEST(Blas, NoRowsIsNothing) {
  float c = 3;
  MultiplyTransposed(0, 1, 4, nullptr, 4, nullptr, 4, &c, 1);
  MultiplyTransposed(1, 0, 4, nullptr, 4, nullptr, 4, &c, 1);
  EXPECT_EQ(c, 3);
}

TEST(Blas, OrthonormalRows) {
  const size_t n = 67;
  Rows q = GaussianRows(n, n, 5);
  ASSERT_TRUE(OrthonormalizeRows(q.data.data(), n));
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) EXPECT_NEAR(Product(q.row(i), q.row(j), n), i == j, 1e-5);
  }
}

TEST(Blas, ProductsOfColumnsWithStrides) {
  const size_t m = 5, n = 7, k = 11, lda = 6, ldb = 8, ldc = 9;
  const Rows a = GaussianRows(k, lda, 1);
  const Rows b = GaussianRows(k, ldb, 2);
  std::vector<float> c(m * ldc, -7.0f);
  MultiplyColumns(m, n, k, a.data.data(), lda, b.data.data(), ldb, c.data(), ldc);
  for (size_t i = 0; i < m; ++i) {
    for (size_t j = 0; j < n; ++j) {
      double sum = 0;
      for (size_t l = 0; l < k; ++l) sum += double{a.row(l)[i]} * double{b.row(l)[j]};
      EXPECT_NEAR(c[i * ldc + j], sum, 1e-5);
    }
    EXPECT_EQ(c[i * ldc + n], -7.0f) << "wrote past the row";
  }
}

TEST(Blas, MultipliesRowsByColumns) {
  const size_t m = 5, n = 7, k = 11;
  const Rows a = GaussianRows(m, k + 2, 1), b = GaussianRows(k, n + 3, 2);
  std::vector<float> c(m * (n + 1), -7.0f);
  Multiply(m, n, k, a.data.data(), k + 2, b.data.data(), n + 3, c.data(), n + 1);
  for (size_t i = 0; i < m; ++i) {
    for (size_t j = 0; j < n; ++j) {
      double sum = 0;
      for (size_t l = 0; l < k; ++l) sum += double{a.row(i)[l]} * double{b.row(l)[j]};
      EXPECT_NEAR(c[i * (n + 1) + j], sum, 1e-5);
    }
    EXPECT_EQ(c[i * (n + 1) + n], -7.0f) << "wrote past the row";
  }
}

TEST(Blas, EigenvectorsAreRowsInAscendingOrder) {
  const size_t n = 23;
  const Rows x = GaussianRows(50, n, 3);
  std::vector<float> matrix(n * n);
  MultiplyColumns(n, n, x.n, x.data.data(), n, x.data.data(), n, matrix.data(), n);
  Rows vectors{n, n, matrix};
  std::vector<float> values(n);
  ASSERT_TRUE(EigenvectorRows(vectors.data.data(), n, values.data()));
  EXPECT_TRUE(std::is_sorted(values.begin(), values.end()));
  for (size_t v = 0; v < n; ++v) {
    for (size_t i = 0; i < n; ++i) {
      EXPECT_NEAR(Product(matrix.data() + i * n, vectors.row(v), n), values[v] * vectors.row(v)[i],
                  1e-3);
    }
  }
}

// R is found again from rows and what it made of them, not its transpose.
TEST(Blas, AligningRotationTakesRowsToTheirImages) {
  const size_t n = 31;
  Rows rotation = GaussianRows(n, n, 5);
  ASSERT_TRUE(OrthonormalizeRows(rotation.data.data(), n));
  const Rows x = GaussianRows(200, n, 6);
  Rows y = x;
  MultiplyTransposed(x.n, n, n, x.data.data(), n, rotation.data.data(), n, y.data.data(), n);
  std::vector<float> found(n * n);
  MultiplyColumns(n, n, x.n, x.data.data(), n, y.data.data(), n, found.data(), n);
  ASSERT_TRUE(AligningRotation(found.data(), n));
  for (size_t i = 0; i < n * n; ++i) EXPECT_NEAR(found[i], rotation.data[i], 1e-4) << i;
}

// A matrix without full rank still gives a whole rotation.
TEST(Blas, AligningRotationOfLowRankIsOrthogonal) {
  const size_t n = 16;
  const Rows x = GaussianRows(3, n, 7);
  Rows matrix{n, n, std::vector<float>(n * n)};
  MultiplyColumns(n, n, 3, x.data.data(), n, x.data.data(), n, matrix.data.data(), n);
  ASSERT_TRUE(AligningRotation(matrix.data.data(), n));
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) {
      EXPECT_NEAR(Product(matrix.row(i), matrix.row(j), n), i == j, 1e-5);
    }
  }
}

TEST(Blas, SolvesPositiveSystems) {
  constexpr size_t n = 5;
  const Rows factor = GaussianRows(n, n, 4);
  std::vector<float> matrix(n * n), b(2 * n);
  MultiplyTransposed(n, n, n, factor.row(0), n, factor.row(0), n, matrix.data(), n);
  for (size_t i = 0; i < n; ++i) matrix[i * n + i] += 1;
  const Rows x = GaussianRows(2, n, 9);
  for (size_t c = 0; c < 2; ++c) {
    for (size_t i = 0; i < n; ++i) b[c * n + i] = static_cast<float>(Product(&matrix[i * n], x.row(c), n));
  }
  std::vector<float> lower = matrix;  // all that is read
  for (size_t i = 0; i < n; ++i) std::fill(&lower[i * n] + i + 1, &lower[i * n] + n, 1e9f);
  ASSERT_TRUE(SolvePositive(lower.data(), n, b.data(), 2));
  for (size_t i = 0; i < 2 * n; ++i) EXPECT_NEAR(b[i], x.data[i], 1e-3);
  std::vector<float> negative = {1, 2, 2, 1};
  EXPECT_FALSE(SolvePositive(negative.data(), 2, b.data(), 1));
}

}  // namespace
}  // namespace tessera::quant
