#include "bench/peers/rival.h"

#include <algorithm>
#include <cmath>

namespace tessera::bench {

void Normalize(float* vectors, size_t rows, size_t dim) {
  for (size_t i = 0; i < rows; ++i) {
    float* row = vectors + i * dim;
    double squares = 0;
    for (size_t d = 0; d < dim; ++d) squares += double(row[d]) * double(row[d]);
    if (squares == 0) continue;
    const float scale = static_cast<float>(1 / std::sqrt(squares));
    for (size_t d = 0; d < dim; ++d) row[d] *= scale;
  }
}

double SumBytes(const Row& row) {
  double sum = 0;
  for (const double bytes : {row.bytes_codes, row.bytes_corrections, row.bytes_refine,
                             row.bytes_row_ids, row.bytes_external_ids, row.bytes_padding,
                             row.bytes_headers, row.bytes_centroids, row.bytes_model}) {
    sum += std::max(0.0, bytes);
  }
  return sum;
}

}  // namespace tessera::bench
