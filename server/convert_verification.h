// What a verification found, on the wire.
#pragma once

#include "index/repair.h"
#include "index/verification.h"
#include "tessera/v1/verification.pb.h"

namespace tessera::server {

// InvalidArgument names the field.
StatusOr<VerifyOptions> FromProto(const v1::VerifyRequest& request);
void ToProto(const VerifyReport& report, v1::VerifyResult* out);
void ToProto(const RepairReport& report, v1::RepairResult* out);

}  // namespace tessera::server
