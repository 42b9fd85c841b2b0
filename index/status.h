// Status of operations that can be expected to fail. absl::Status underneath; errors are made only
// through the functions here, so that no absl::string_view stands in the public API.
#pragma once

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace tessera {

using Status = absl::Status;
template <typename T>
using StatusOr = absl::StatusOr<T>;

inline Status OkStatus() { return Status(); }
Status InvalidArgument(const std::string& message);
Status NotFound(const std::string& message);
Status AlreadyExists(const std::string& message);
Status FailedPrecondition(const std::string& message);
Status ResourceExhausted(const std::string& message);
Status Aborted(const std::string& message);
Status DeadlineExceeded(const std::string& message);
Status Cancelled(const std::string& message);
Status Unavailable(const std::string& message);
Status DataLoss(const std::string& message);
Status Internal(const std::string& message);
Status Unimplemented(const std::string& message);

// The message without its code, as a std::string.
std::string MessageOf(const Status& status);
// The same code with `prefix` put before the message; OK stays OK.
Status Annotate(const Status& status, const std::string& prefix);

}  // namespace tessera

// Returns the status of `expr` from the enclosing function unless it is OK.
#define TESSERA_RETURN_IF_ERROR(expr) \
  TESSERA_RETURN_IF_ERROR_IMPL_(TESSERA_CONCAT_(tessera_status_, __LINE__), expr)
// The name is unique by line, so that a lambda inside `expr` may use the macro too.
#define TESSERA_RETURN_IF_ERROR_IMPL_(var, expr) \
  do {                                           \
    if (auto var = (expr); !var.ok()) return var; \
  } while (false)

#define TESSERA_CONCAT_INNER_(a, b) a##b
#define TESSERA_CONCAT_(a, b) TESSERA_CONCAT_INNER_(a, b)
// TESSERA_ASSIGN_OR_RETURN(auto x, F()): x = value of F(), or returns its status.
#define TESSERA_ASSIGN_OR_RETURN(lhs, expr) \
  TESSERA_ASSIGN_OR_RETURN_IMPL_(TESSERA_CONCAT_(tessera_statusor_, __LINE__), lhs, expr)
#define TESSERA_ASSIGN_OR_RETURN_IMPL_(var, lhs, expr) \
  auto var = (expr);                                   \
  if (!var.ok()) return std::move(var).status();       \
  lhs = std::move(var).value()
