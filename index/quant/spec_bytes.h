// What the two file formats of this folder (model, quantizer) share: the envelope and the spec.
// README.md describes the bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "index/base/bytes.h"
#include "index/quantizer_spec.h"
#include "index/status.h"

namespace tessera::quant {

// Checks magic, the crc32c at the end, and the version, which stand in the same place in all versions; returns what is
// between them. DataLoss names `name`; FailedPrecondition if a newer version wrote it.
StatusOr<std::string_view> CheckEnvelope(const std::string& bytes, uint32_t magic, uint32_t version,
                                         const char* name);

void WriteSpec(const QuantizerSpec& spec, ByteWriter& out);
// DataLoss on an unknown kind. Numbers are not checked here: see CheckResolved.
StatusOr<QuantizerSpec> ReadSpec(ByteReader& in, const char* name);
// DataLoss unless the spec is valid for `dim` and has no choices left.
Status CheckResolved(const QuantizerSpec& spec, uint32_t dim, const char* name);

}  // namespace tessera::quant
