// A stream of messages to a client, written by one thread that waits for each to be on its way.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "index/deadline.h"
#include "index/status.h"
#include "server/call.h"
#include "server/grpc_status.h"
#include "server/guarded.h"
#include "server/services.h"

namespace tessera::server {

// Admitted and run on a pool; deletes itself when gRPC is done with it. A slow reader holds up its own thread and no more
// memory than one message.
template <typename Message>
class BlockingWriter : public grpc::ServerWriteReactor<Message> {
 public:
  // `bytes`: of the request, for admission.
  BlockingWriter(ServiceState& state, grpc::CallbackServerContext* context, size_t bytes)
      : state_(state), bytes_(bytes), stop_(DeadlineOf(*context), cancelled_) {}

  // Last in the life of a call that its maker knows of: it may be gone when this returns.
  void Start(Executor& executor) {
    if (const Status admitted = state_.admission.Admit(bytes_); !admitted.ok()) {
      return this->Finish(ToGrpc(admitted));
    }
    executor.Post([this] {
      const Status status = Guarded([this]() -> Status {
        TESSERA_RETURN_IF_ERROR(stop_.Check());
        return Run();
      });
      state_.admission.Release(bytes_);
      this->Finish(ToGrpc(status));
    });
  }

  void OnWriteDone(bool ok) override {
    std::lock_guard lock(mutex_);
    writing_ = false;
    broken_ |= !ok;
    written_.notify_one();
  }
  void OnCancel() override { cancelled_->store(true, std::memory_order_relaxed); }
  void OnDone() override { delete this; }

 protected:
  ~BlockingWriter() override = default;

  virtual Status Run() = 0;
  // Returns when the message, which it borrows, is on its way.
  Status Write(const Message& message) {
    std::unique_lock lock(mutex_);
    writing_ = true;
    lock.unlock();
    this->StartWrite(&message);
    lock.lock();
    written_.wait(lock, [this] { return !writing_; });
    if (!broken_) return OkStatus();
    const Status stopped = stop_.Check();
    return stopped.ok() ? Cancelled("the client has gone") : stopped;
  }
  ServiceState& state() { return state_; }
  const StopToken& stop() const { return stop_; }

 private:
  ServiceState& state_;
  const size_t bytes_;
  const std::shared_ptr<std::atomic<bool>> cancelled_ = std::make_shared<std::atomic<bool>>(false);
  const StopToken stop_;
  std::mutex mutex_;
  std::condition_variable written_;
  bool writing_ = false;  // guarded by mutex_
  bool broken_ = false;   // guarded by mutex_
};

}  // namespace tessera::server
