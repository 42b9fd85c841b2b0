// One unary call: admitted on gRPC's thread, run on a pool, finished from anywhere.
#pragma once

#include <absl/functional/function_ref.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "index/deadline.h"
#include "index/executor.h"
#include "index/status.h"
#include "server/guarded.h"
#include "server/services.h"

namespace tessera::server {

// Deletes itself when gRPC is done with it; request and response live until then.
class Call final : public grpc::ServerUnaryReactor {
 public:
  struct Info {
    const char* method = "";   // "Points.Query", for the log
    size_t request_bytes = 0;  // for admission
    std::function<std::string()>
        detail;  // what was asked, for the line of a slow call; may be empty
  };

  // Refuses, or posts `work`, which calls Complete() once, on any thread, at any time.
  static Call* StartAsync(ServiceState& state, grpc::CallbackServerContext* context, Info info,
                          Executor& executor, std::function<void(Call&)> work);
  // The same for work that is done when it returns. What it throws becomes INTERNAL, out of memory
  // RESOURCE_EXHAUSTED.
  static Call* Start(ServiceState& state, grpc::CallbackServerContext* context, Info info,
                     Executor& executor, std::function<Status(Call&)> work);

  // Admits and calls `work` before it returns: for work of microseconds, or that goes on elsewhere.
  // `work` must not throw; it or what it starts calls Complete() once.
  static Call* StartHere(ServiceState& state, grpc::CallbackServerContext* context, Info info,
                         absl::FunctionRef<void(Call&)> work);

  // The last thing done with a call: it may be gone when this returns.
  void Complete(const Status& status);

  // Deadline and cancellation of the client.
  StopToken stop() const { return StopToken(deadline_, cancelled_); }
  double queue_us() const { return queue_us_; }  // from arrival to start

  void OnCancel() override { cancelled_->store(true, std::memory_order_relaxed); }
  void OnDone() override { delete this; }
  // Else gRPC takes OnDone and OnCancel to a thread of its own, lest it waits for what is done
  // there: next to nothing. Not its API; where it is gone, this line does not compile.
  bool InternalInlineable() override { return true; }

 private:
  using Clock = StopToken::Clock;

  Call(ServiceState& state, grpc::CallbackServerContext* context, Info info);
  ~Call() override = default;
  // False: refused, and completed so.
  bool Admit();
  void LogIfSlow(const Status& status) const;

  ServiceState& state_;
  grpc::CallbackServerContext* const context_;
  const Info info_;
  const Clock::time_point arrived_ = Clock::now();
  const Clock::time_point deadline_;
  const std::shared_ptr<std::atomic<bool>> cancelled_ = std::make_shared<std::atomic<bool>>(false);
  double queue_us_ = 0;
  bool admitted_ = false;
};

// The deadline of a call on the clock of StopToken; max() if it has none.
StopToken::Clock::time_point DeadlineOf(const grpc::CallbackServerContext& context);

}  // namespace tessera::server
