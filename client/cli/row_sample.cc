#include "client/cli/row_sample.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <string>

#include "client/cli/interrupt.h"

namespace tessera::cli {
namespace {

constexpr size_t kBlockRows = 1024;

// Why a quantizer cannot learn from this row; empty if it can.
std::string Complaint(const float* row, size_t dim, Metric metric) {
  bool zero = true;
  for (size_t i = 0; i < dim; ++i) {
    if (!std::isfinite(row[i])) {
      return "vector[" + std::to_string(i) + "] is " + (std::isnan(row[i]) ? "NaN" : "infinite");
    }
    zero = zero && row[i] == 0;
  }
  return zero && metric == Metric::kCosine ? "a zero vector has no direction" : "";
}

}  // namespace

StatusOr<RowSample> SampleRows(formats::VectorReader& reader, size_t max_rows, Metric metric,
                               uint64_t seed) {
  RowSample sample;
  std::mt19937_64 random(seed);
  formats::VectorBatch batch;
  std::vector<float> floats;
  uint64_t good = 0;
  const auto note_bad = [&](const std::string& why) {
    if (sample.bad++ == 0) sample.first_bad = why;
  };
  for (;;) {
    if (InterruptRequested()) return Cancelled("interrupted");
    TESSERA_ASSIGN_OR_RETURN(bool more, reader.Next(kBlockRows, batch));
    if (!more) return sample;
    sample.rows_read = batch.end_row;
    for (const formats::BadRow& row : batch.bad) note_bad(MessageOf(row.reason));
    sample.dim = std::max(sample.dim, batch.dim);
    floats.clear();
    formats::AppendFloats(batch, floats);
    for (size_t i = 0; i < batch.rows; ++i) {
      const float* row = floats.data() + i * batch.dim;
      if (const std::string why = Complaint(row, batch.dim, metric); !why.empty()) {
        note_bad("row " + std::to_string(batch.row_numbers[i]) + ": " + why);
        continue;
      }
      ++good;
      if (sample.rows < max_rows) {
        sample.data.insert(sample.data.end(), row, row + batch.dim);
        ++sample.rows;
      } else if (const uint64_t slot = random() % good; slot < max_rows) {
        std::copy_n(row, batch.dim, sample.data.data() + slot * batch.dim);
      }
    }
  }
}

}  // namespace tessera::cli
