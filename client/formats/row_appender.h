// Turns rows as files hold them into rows as batches hold them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "client/formats/vector_batch.h"
#include "index/types.h"

namespace tessera::formats {

// How a file holds one number. Little-endian but for kF32Big.
enum class ItemType : uint8_t { kF32, kF32Big, kF64, kF16, kBf16, kI8, kU8, kI32 };

size_t ItemSize(ItemType type);
// What it becomes: f32, f16, bf16, i8 and u8 stay, all else is f32. f64 is rounded to the nearest f32.
ElementType ElementOf(ItemType type);
// How a little-endian file holds components of this type.
ItemType ItemOf(ElementType type);

// `count` rows of `dim` items, row i at data + i * stride bytes (no alignment needed).
struct ItemRows {
  ItemType type = ItemType::kF32;
  const uint8_t* data = nullptr;
  size_t stride = 0;
  size_t count = 0;
  size_t dim = 0;
};

// Appends the rows to `out`, whose dim and type must be theirs; row i is the file's row
// first_row + i. An i32 that no f32 equals makes its row a bad one, since ids and counts taken for
// vectors would change silently. Grows out.data, never shrinks it: see TrimBatch.
void AppendRows(const ItemRows& rows, uint64_t first_row, const std::string& file,
                VectorBatch& out);

// Starts a batch; keeps the size of out.data, so that reuse writes no zeros.
void StartBatch(ElementType type, size_t dim, uint64_t first_row, VectorBatch& out);
// Ends it: cuts out.data down to the rows in it.
void TrimBatch(VectorBatch& out);

// "base.fvecs row 17: "
std::string RowName(const std::string& file, uint64_t row);

}  // namespace tessera::formats
