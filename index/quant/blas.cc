#include "index/quant/blas.h"

#include <cblas.h>

#include <vector>

// LAPACK's Fortran routines; OpenBLAS brings them without C wrappers.
extern "C" {
void sgeqrf_(const int* m, const int* n, float* a, const int* lda, float* tau, float* work,
             const int* lwork, int* info);
void sorgqr_(const int* m, const int* n, const int* k, float* a, const int* lda, const float* tau,
             float* work, const int* lwork, int* info);
}

namespace tessera::quant {

void MultiplyTransposed(size_t m, size_t n, size_t k, const float* a, size_t lda, const float* b,
                        size_t ldb, float* c, size_t ldc) {
  if (m == 0 || n == 0) return;
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, static_cast<blasint>(m),
              static_cast<blasint>(n), static_cast<blasint>(k), 1.0f, a, static_cast<blasint>(lda),
              b, static_cast<blasint>(ldb), 0.0f, c, static_cast<blasint>(ldc));
}

bool OrthonormalizeRows(float* matrix, size_t n) {
  // Fortran reads row-major rows as columns, and it is the columns that QR makes orthonormal.
  const int size = static_cast<int>(n);
  const int work_size = size * 64;  // 64: a block size that lets LAPACK run as matrix products
  int info = 0;
  std::vector<float> tau(n);
  std::vector<float> work(static_cast<size_t>(work_size));
  sgeqrf_(&size, &size, matrix, &size, tau.data(), work.data(), &work_size, &info);
  if (info != 0) return false;
  sorgqr_(&size, &size, &size, matrix, &size, tau.data(), work.data(), &work_size, &info);
  return info == 0;
}

}  // namespace tessera::quant
