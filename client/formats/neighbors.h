// Ground truth: for each query the row numbers of its true nearest neighbours, nearest first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "client/formats/format.h"
#include "index/status.h"

namespace tessera::formats {

struct NeighborTable {
  size_t rows = 0;            // queries
  size_t k = 0;               // neighbours of each
  std::vector<int32_t> data;  // rows x k, row-major; as the file has it, e.g. -1 for "none"

  const int32_t* row(size_t query) const { return data.data() + query * k; }
};

// Reads a whole file of 32-bit integers: ivecs, npy (<i4), or HDF5 (ann-benchmarks' /neighbors),
// .gz too. Any damage is an error, as is a row of another length: a part of a ground truth is none.
// Errors as OpenVectors has them.
StatusOr<NeighborTable> ReadNeighbors(const std::string& path, Format format = Format::kAuto,
                                      const std::string& dataset = "neighbors");

}  // namespace tessera::formats
