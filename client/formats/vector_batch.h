// What a reader delivers: some rows of a file, and those it had to leave out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "index/status.h"
#include "index/types.h"

namespace tessera::formats {

// A row that was left out, and why. The reason names file, place and field and stands by itself:
// `base.jsonl line 17: vector[3] is a string, expected a number`.
struct BadRow {
  uint64_t row = 0;  // number in the file, from 0; of JSON lines: line number - 1
  Status reason;
};

// A value: owns all it holds. Reuse one batch over calls to Next, its memory is then reused too.
struct VectorBatch {
  ElementType type = ElementType::kF32;
  size_t dim = 0;          // 0 only while no good row was seen
  size_t rows = 0;         // good rows, those in `data`
  uint64_t first_row = 0;  // the batch covers rows [first_row, end_row) of the file: good, bad and
  uint64_t end_row = 0;    // (JSON lines) blank ones. Skip(end_row) resumes after this batch.
  std::vector<uint8_t> data;          // rows x dim elements, packed, row-major, little-endian
  std::vector<uint64_t> row_numbers;  // [rows] number of each good row in the file, ascending
  std::vector<PointId> ids;           // [rows]; or empty: the row numbers are the ids
  std::vector<std::string> payloads;  // [rows] JSON objects, an empty one is none; or empty: the file has none
  std::vector<BadRow> bad;            // ascending by row
  ScalarParams quantization{};        // of i8 and u8, as OpenOptions said
};

// Appends the rows x dim elements of `batch` to `out` as floats: integers as what they stand for.
void AppendFloats(const VectorBatch& batch, std::vector<float>& out);

}  // namespace tessera::formats
