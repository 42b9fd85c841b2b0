#include "index/quant/blas.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace tessera::quant
