#include "index/store/rocks_status.h"

namespace tessera::store {

Status FromRocks(const rocksdb::Status& status, const std::string& doing) {
  if (status.ok()) return OkStatus();
  const std::string message = doing + ": " + status.ToString();
  if (status.IsNoSpace() || status.IsMemoryLimit()) return ResourceExhausted(message);
  if (status.IsNotFound() || status.IsPathNotFound()) return NotFound(message);
  if (status.IsCorruption()) return DataLoss(message);
  if (status.IsInvalidArgument()) return FailedPrecondition(message);
  if (status.IsAborted()) return Aborted(message);
  if (status.IsIOError() || status.IsBusy() || status.IsTryAgain() || status.IsTimedOut() ||
      status.IsShutdownInProgress() || status.IsIncomplete()) {
    return Unavailable(message);
  }
  if (status.IsNotSupported()) return Unimplemented(message);
  return Internal(message);
}

}  // namespace tessera::store
