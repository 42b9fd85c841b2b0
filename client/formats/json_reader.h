// JSON lines: one object a line, {"id": 17, "vector": [0.5, -1]}; other fields are passed over, or are the
// payload.
#pragma once

#include <memory>

#include "client/formats/byte_source.h"
#include "client/formats/vector_reader.h"
#include "index/status.h"

namespace tessera::formats {

// A longer line is a bad row: it bounds memory, and the widest vector needs less than half of it.
inline constexpr size_t kMaxJsonLineBytes = size_t{4} << 20;

// Vectors become f32. An id is an unsigned 64-bit integer or a string of 1 to kMaxPointKeyBytes
// bytes. The first good line decides the dim (unless options.expected_dim did) and whether lines
// carry ids; a line that differs is a bad row, since numbers given by position could meet the ids
// of others. Any line at fault is a bad row, and the rest is unaffected.
StatusOr<std::unique_ptr<VectorReader>> OpenJsonLines(std::unique_ptr<ByteSource> source,
                                                      const OpenOptions& options);

}  // namespace tessera::formats
