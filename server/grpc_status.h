// The one mapping of the engine's status to gRPC's.
#pragma once

#include <grpcpp/support/status.h>

#include "index/status.h"

namespace tessera::server {

// The codes are the same numbers by design of both; the message is cut where it would not fit into
// the trailers (gRPC refuses metadata above 8 KiB).
grpc::Status ToGrpc(const Status& status);

}  // namespace tessera::server
