#include "index/status.h"

namespace tessera {

Status InvalidArgument(const std::string& m) { return absl::InvalidArgumentError(m); }
Status NotFound(const std::string& m) { return absl::NotFoundError(m); }
Status AlreadyExists(const std::string& m) { return absl::AlreadyExistsError(m); }
Status FailedPrecondition(const std::string& m) { return absl::FailedPreconditionError(m); }
Status ResourceExhausted(const std::string& m) { return absl::ResourceExhaustedError(m); }
Status Aborted(const std::string& m) { return absl::AbortedError(m); }
Status DeadlineExceeded(const std::string& m) { return absl::DeadlineExceededError(m); }
Status Cancelled(const std::string& m) { return absl::CancelledError(m); }
Status Unavailable(const std::string& m) { return absl::UnavailableError(m); }
Status DataLoss(const std::string& m) { return absl::DataLossError(m); }
Status Internal(const std::string& m) { return absl::InternalError(m); }
Status Unimplemented(const std::string& m) { return absl::UnimplementedError(m); }

std::string MessageOf(const Status& status) {
  return std::string(status.message().data(), status.message().size());
}

Status Annotate(const Status& status, const std::string& prefix) {
  if (status.ok()) return status;
  return Status(status.code(), prefix + MessageOf(status));
}

}  // namespace tessera
