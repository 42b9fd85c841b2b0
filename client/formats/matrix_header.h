// Headers of the formats that are one header and one packed row-major matrix.
#pragma once

#include <cstdint>

#include "client/formats/byte_source.h"
#include "client/formats/row_appender.h"
#include "index/status.h"

namespace tessera::formats {

// As the header says; not yet compared with the bytes behind it.
struct MatrixHeader {
  ItemType item = ItemType::kF32;
  uint64_t rows = 0;
  uint64_t dim = 0;
};

// Each consumes the header from `source`, at its beginning, and returns a header whose dim is 1 to
// kMaxDim and whose rows x dim x ItemSize does not overflow. InvalidArgument if it is not of the
// format or not supported, DataLoss if it is cut off.
StatusOr<MatrixHeader> ReadBinHeader(ByteSource& source, ItemType item);  // u32 rows, u32 dim
StatusOr<MatrixHeader> ReadNpyHeader(ByteSource& source);
StatusOr<MatrixHeader> ReadIdxHeader(ByteSource& source);

// The check that all of them make.
Status CheckShape(const MatrixHeader& header, const std::string& file);

}  // namespace tessera::formats
