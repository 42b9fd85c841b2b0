// The vectors of a file as floats. Whoever includes it links tessera_formats.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "client/formats/vector_reader.h"
#include "index/status.h"

namespace tessera::bench {

struct FileRows {
  size_t dim = 0;
  std::vector<float> data;
  size_t count() const { return dim == 0 ? 0 : data.size() / dim; }
  const float* row(size_t i) const { return data.data() + i * dim; }
};

// At most `limit` rows.
inline StatusOr<FileRows> ReadRows(const std::string& path, size_t limit) {
  formats::OpenOptions open;
  open.path = path;
  TESSERA_ASSIGN_OR_RETURN(auto reader, formats::OpenVectors(open));
  FileRows rows;
  formats::VectorBatch batch;
  while (rows.count() < limit) {
    TESSERA_ASSIGN_OR_RETURN(const bool more, reader->Next(std::min<size_t>(4096, limit - rows.count()), batch));
    if (!more) break;
    rows.dim = batch.dim;
    formats::AppendFloats(batch, rows.data);
  }
  return rows;
}

}  // namespace tessera::bench
