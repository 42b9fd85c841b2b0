// Reads the packed row-major matrix behind a header: fbin, u8bin, i8bin, npy, IDX.
#pragma once

#include <memory>

#include "client/formats/matrix_header.h"
#include "client/formats/vector_reader.h"

namespace tessera::formats {

// `source` stands behind the header. Fewer bytes than the header promises, and bytes behind the
// last row, are DataLoss after the whole rows.
std::unique_ptr<VectorReader> MakeMatrixReader(std::unique_ptr<ByteSource> source,
                                               const MatrixHeader& header);

}  // namespace tessera::formats
