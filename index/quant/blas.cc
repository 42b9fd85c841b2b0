#include "index/quant/blas.h"

#include <cblas.h>

#include <vector>

// LAPACK's Fortran routines; OpenBLAS brings them without C wrappers.
extern "C" {
void sgeqrf_(const int* m, const int* n, float* a, const int* lda, float* tau, float* work,
             const int* lwork, int* info);
void sorgqr_(const int* m, const int* n, const int* k, float* a, const int* lda, const float* tau,
             float* work, const int* lwork, int* info);
void ssyevd_(const char* job, const char* triangle, const int* n, float* a, const int* lda,
             float* w, float* work, const int* lwork, int* iwork, const int* liwork, int* info);
void sgesdd_(const char* job, const int* m, const int* n, float* a, const int* lda, float* s,
             float* u, const int* ldu, float* vt, const int* ldvt, float* work, const int* lwork,
             int* iwork, int* info);
void sposv_(const char* triangle, const int* n, const int* columns, float* a, const int* lda,
            float* b, const int* ldb, int* info);
}

namespace tessera::quant {

void MultiplyTransposed(size_t m, size_t n, size_t k, const float* a, size_t lda, const float* b,
                        size_t ldb, float* c, size_t ldc) {
  if (m == 0 || n == 0) return;
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, static_cast<blasint>(m),
              static_cast<blasint>(n), static_cast<blasint>(k), 1.0f, a, static_cast<blasint>(lda),
              b, static_cast<blasint>(ldb), 0.0f, c, static_cast<blasint>(ldc));
}

void MultiplyColumns(size_t m, size_t n, size_t k, const float* a, size_t lda, const float* b,
                     size_t ldb, float* c, size_t ldc) {
  if (m == 0 || n == 0) return;
  cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, static_cast<blasint>(m),
              static_cast<blasint>(n), static_cast<blasint>(k), 1.0f, a, static_cast<blasint>(lda),
              b, static_cast<blasint>(ldb), 0.0f, c, static_cast<blasint>(ldc));
}

void Multiply(size_t m, size_t n, size_t k, const float* a, size_t lda, const float* b, size_t ldb, float* c,
              size_t ldc) {
  if (m == 0 || n == 0) return;
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, static_cast<blasint>(m),
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

bool EigenvectorRows(float* matrix, size_t n, float* values) {
  // A symmetric matrix reads the same in Fortran; its columns of eigenvectors are rows here.
  const int size = static_cast<int>(n);
  const int work_size = 1 + 6 * size + 2 * size * size;
  const int integer_work_size = 3 + 5 * size;
  int info = 0;
  std::vector<float> work(static_cast<size_t>(work_size));
  std::vector<int> integer_work(static_cast<size_t>(integer_work_size));
  ssyevd_("V", "U", &size, matrix, &size, values, work.data(), &work_size, integer_work.data(),
          &integer_work_size, &info);
  return info == 0;
}

bool AligningRotation(float* matrix, size_t n) {
  // Fortran reads M^T = V S U^T: what it calls u is V, what it calls vt is U^T. Their product
  // V U^T = R in its order of columns is R^T in rows, so the transposed product is asked for.
  const int size = static_cast<int>(n);
  const int work_size = 4 * size * size + 7 * size + 64 * size;  // 64: blocks, as above
  int info = 0;
  std::vector<float> values(n);
  std::vector<float> u(n * n);
  std::vector<float> vt(n * n);
  std::vector<float> work(static_cast<size_t>(work_size));
  std::vector<int> integer_work(8 * n);
  sgesdd_("A", &size, &size, matrix, &size, values.data(), u.data(), &size, vt.data(), &size,
          work.data(), &work_size, integer_work.data(), &info);
  if (info != 0) return false;
  cblas_sgemm(CblasColMajor, CblasTrans, CblasTrans, size, size, size, 1.0f, vt.data(), size,
              u.data(), size, 0.0f, matrix, size);
  return true;
}

bool SolvePositive(float* matrix, size_t n, float* b, size_t columns) {
  // A symmetric matrix reads the same in Fortran, and rows of b are its columns.
  const int size = static_cast<int>(n);
  const int count = static_cast<int>(columns);
  int info = 0;
  sposv_("U", &size, &count, matrix, &size, b, &size, &info);
  return info == 0;
}

}  // namespace tessera::quant
