// The only door to BLAS and LAPACK. Matrices are row-major floats.
//
// How many threads BLAS uses is the process's business: this library never sets it. Inside an
// executor it should be one (openblas_set_num_threads(1) or OPENBLAS_NUM_THREADS=1), else every
// task starts a second pool of threads. Thread-safe.
#pragma once

#include <cstddef>

namespace tessera::quant {

// c[i][j] = sum_l a[i][l] * b[j][l], i < m, j < n, l < k: products of the rows of a (m x k, row
// stride lda) with the rows of b (n x k, ldb). c: m x n, row stride ldc, overwritten.
void MultiplyTransposed(size_t m, size_t n, size_t k, const float* a, size_t lda, const float* b,
                        size_t ldb, float* c, size_t ldc);

// c[i][j] = sum_l a[l][i] * b[l][j], i < m, j < n, l < k: products of the columns of a (k x m, row
// stride lda) with the columns of b (k x n, ldb). c: m x n, row stride ldc, overwritten.
void MultiplyColumns(size_t m, size_t n, size_t k, const float* a, size_t lda, const float* b,
                     size_t ldb, float* c, size_t ldc);

// c[i][j] = sum_l a[i][l] * b[l][j], i < m, j < n, l < k: the product of a (m x k, row stride lda) and b (k x n, ldb).
// c: m x n, row stride ldc, overwritten.
void Multiply(size_t m, size_t n, size_t k, const float* a, size_t lda, const float* b, size_t ldb, float* c,
              size_t ldc);

// Makes the rows of `matrix` (n x n, of full rank) orthonormal, by a QR factorisation. False if
// LAPACK refuses.
bool OrthonormalizeRows(float* matrix, size_t n);

// Replaces the symmetric `matrix` (n x n) by its eigenvectors, one a row, in ascending order of
// their eigenvalues, which go to values[n]. False if LAPACK fails.
bool EigenvectorRows(float* matrix, size_t n, float* values);

// Replaces `matrix` M (n x n) by the orthogonal R of the greatest trace(R M): R = V U^T for the
// singular value decomposition M = U S V^T (Schoenemann 1966). With M = sum_i x_i y_i^T it is the R
// of the least sum_i |R x_i - y_i|^2. False if LAPACK fails.
bool AligningRotation(float* matrix, size_t n);

// Replaces each of the `columns` right sides, rows of b (columns x n), by the solution x of A x = b. matrix: A,
// symmetric and positive definite, n x n, the lower triangle is read; overwritten by its Cholesky factor. False if it is not.
bool SolvePositive(float* matrix, size_t n, float* b, size_t columns);

}  // namespace tessera::quant
