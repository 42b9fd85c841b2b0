#include "server/transport.h"

#include <absl/synchronization/mutex.h>
#include <grpcpp/server_builder.h>

namespace tessera::server {

void ConfigureTransport(const Limits& limits, grpc::ServerBuilder& builder) {
  // Debian builds Abseil with its search for deadlocks among mutexes on, which every lock of gRPC
  // then pays for.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  // With it two servers share a port silently, and each sees half of the requests.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  const int message_bytes = static_cast<int>(limits.message_bytes);
  builder.SetMaxReceiveMessageSize(message_bytes);
  builder.SetMaxSendMessageSize(message_bytes);
}

}  // namespace tessera::server
