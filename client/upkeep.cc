// The calls of Client that concern background work.
#include "client/client.h"
#include "client/connection.h"

namespace tessera::client {

StatusOr<UpkeepState> Client::SetUpkeep(const UpkeepChanges& changes) {
  v1::SetUpkeepRequest request;
  if (changes.cpu_share) request.set_cpu_share(*changes.cpu_share);
  if (changes.bytes_per_second) request.set_bytes_per_second(*changes.bytes_per_second);
  if (changes.paused) request.set_paused(*changes.paused);
  TESSERA_ASSIGN_OR_RETURN(const v1::UpkeepState state,
                           connection_->Call(connection_->upkeep(), &v1::Upkeep::Stub::Set, request));
  return UpkeepState{state.cpu_share(), state.bytes_per_second(), state.paused()};
}

}  // namespace tessera::client
