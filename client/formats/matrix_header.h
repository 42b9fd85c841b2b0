// Headers of the formats that are one header and one packed row-major matrix.
#pragma once

#include <cstdint>
#include <optional>

#include "client/formats/byte_source.h"
#include "client/formats/row_appender.h"
#include "index/status.h"

namespace tessera::formats {

// As the header says; not yet compared with the bytes behind it.
struct MatrixHeader {
  ItemType item = ItemType::kF32;
  uint64_t rows = 0;
  uint64_t dim = 0;
  bool open_ended = false;  // `rows` only bounds them: the file ends where it ends
};

// Each consumes the header from `source`, at its beginning, and returns a header whose dim is 1 to
// kMaxDim and whose rows x dim x ItemSize does not overflow. InvalidArgument if it is not of the
// format or not supported, DataLoss if it is cut off.
StatusOr<MatrixHeader> ReadBinHeader(ByteSource& source, ItemType item);  // u32 rows, u32 dim
// `type` tells what items of 16 bits without a meaning (numpy's <V2, |V2, <u2) are: f16 or bf16.
StatusOr<MatrixHeader> ReadNpyHeader(ByteSource& source, std::optional<ElementType> type = std::nullopt);
StatusOr<MatrixHeader> ReadIdxHeader(ByteSource& source);

// Of data without one. InvalidArgument if a file's size is no whole number of rows.
StatusOr<MatrixHeader> RawHeader(const ByteSource& source, ItemType item, uint64_t dim);

// The check that all of them make.
Status CheckShape(const MatrixHeader& header, const std::string& file);

}  // namespace tessera::formats
