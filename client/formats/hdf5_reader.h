// Vectors of an HDF5 file, in the layout of ann-benchmarks (/train, /test) or any two-dimensional
// data set.
#pragma once

#include <memory>

#include "client/formats/vector_reader.h"
#include "index/status.h"

namespace tessera::formats {

// Reads options.dataset of the file options.path. A damaged block is DataLoss after the rows before
// it.
StatusOr<std::unique_ptr<VectorReader>> OpenHdf5(const OpenOptions& options);

}  // namespace tessera::formats
