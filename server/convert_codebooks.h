// Codebooks and drift between the wire and the engine. Pure functions.
#pragma once

#include "index/codebook.h"
#include "index/drift.h"
#include "index/status.h"
#include "tessera/v1/codebooks.pb.h"
#include "tessera/v1/collections.pb.h"

namespace tessera::server {

void ToProto(const CodebookInfo& info, v1::Codebook* out);
void ToProto(const DriftReport& drift, v1::Drift* out);
// Unspecified is none. InvalidArgument for an unknown number.
StatusOr<DriftAction> FromProto(v1::DriftAction action);

}  // namespace tessera::server
