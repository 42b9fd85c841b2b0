// One range search: a reply of many messages.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "server/services.h"
#include "tessera/v1/points.grpc.pb.h"

namespace tessera::server {

// Admits the call and runs it on the pool of streams, or refuses it. The reactor deletes itself; the request lives until
// then. A message is made when the one before is written: a slow reader holds up its own search and no more memory than
// one message.
grpc::ServerWriteReactor<v1::QueryRangeResponse>* StartRangeCall(ServiceState& state,
                                                                 grpc::CallbackServerContext* context,
                                                                 const v1::QueryRangeRequest* request);

}  // namespace tessera::server
