// The -vecs formats (TEXMEX): rows of u32 dim followed by dim items, no header.
#pragma once

#include <memory>

#include "client/formats/byte_source.h"
#include "client/formats/row_appender.h"
#include "client/formats/vector_reader.h"
#include "index/status.h"

namespace tessera::formats {

// Items are f32 (fvecs), u8 (bvecs) or i32 (ivecs). The first row sets the dim; a later row of
// another possible dim is a bad row, of an impossible one (0, above kMaxDim) DataLoss, since
// nothing tells where the next row begins.
StatusOr<std::unique_ptr<VectorReader>> OpenVecs(std::unique_ptr<ByteSource> source, ItemType item,
                                                 size_t expected_dim);

}  // namespace tessera::formats
