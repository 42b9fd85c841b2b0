// How gRPC is set up: one place, for the server and for the echo that bench/load measures beside
// it.
#pragma once

#include "server/config.h"

namespace grpc {
class ServerBuilder;
}

namespace tessera::server {

// Message limits and channel arguments.
void ConfigureTransport(const Limits& limits, grpc::ServerBuilder& builder);

}  // namespace tessera::server
