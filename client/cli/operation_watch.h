// Following an operation on the server until it is done.
#pragma once

#include <string>

#include "client/client.h"

namespace tessera::cli {

// Shows progress until the operation is done: 0 and a summary, or its error. After Ctrl-C it goes
// on in the server; says how to follow and how to stop it, and returns 130.
StatusOr<int> WatchOperation(client::Client& client, client::Operation operation);

// What Ctrl-C means: the operation goes on in the server, or it is cancelled and waited for.
enum class OnInterrupt { kLeave, kCancel };

// The same without the summary: the finished operation, or one that is not done after Ctrl-C. Its
// error is returned.
StatusOr<client::Operation> FollowOperation(client::Client& client, client::Operation operation,
                                            OnInterrupt on_interrupt = OnInterrupt::kLeave);

// The same for a training that began by itself, which has no operation: until the collection
// trains no more.
StatusOr<int> WatchTraining(client::Client& client, const std::string& collection);

// "operations/17" for "17" too.
std::string OperationName(const std::string& text);

}  // namespace tessera::cli
