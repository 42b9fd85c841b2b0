// A sample of the rows of a file in bounded memory.
#pragma once

#include <cstdint>
#include <vector>

#include "client/formats/vector_reader.h"
#include "index/status.h"
#include "index/types.h"

namespace tessera::cli {

struct RowSample {
  size_t dim = 0;
  size_t rows = 0;
  std::vector<float> data;  // rows x dim
  uint64_t rows_read = 0;   // of the file, bad ones included
  uint64_t bad = 0;         // left out: unreadable, NaN, infinity; under cosine a zero vector
  std::string first_bad;    // the first of them, and why
};

// Reads all of `reader`. Every good row has the same chance (Vitter's reservoir sampling, algorithm
// R), the same `seed` draws the same rows. At most `max_rows` (> 0) of them, in no order.
StatusOr<RowSample> SampleRows(formats::VectorReader& reader, size_t max_rows, Metric metric,
                               uint64_t seed);

}  // namespace tessera::cli
