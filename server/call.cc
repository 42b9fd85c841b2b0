#include "server/call.h"

#include <utility>

#include "index/busy.h"
#include "server/grpc_status.h"
#include "server/log.h"

namespace tessera::server {
namespace {

// When to try again after RESOURCE_EXHAUSTED: some commits or a hundred queries later.
constexpr const char* kRetryAfterMs = "50";

double Microseconds(StopToken::Clock::duration d) {
  return std::chrono::duration<double, std::micro>(d).count();
}

}  // namespace

StopToken::Clock::time_point DeadlineOf(const grpc::CallbackServerContext& context) {
  using Steady = StopToken::Clock;
  const auto deadline = context.deadline();
  if (deadline == std::chrono::system_clock::time_point::max()) return Steady::time_point::max();
  // gRPC's deadline is on the wall clock; a year is for ever, and keeps the sum from overflowing.
  const auto left = deadline - std::chrono::system_clock::now();
  if (left > std::chrono::hours(24 * 365)) return Steady::time_point::max();
  return Steady::now() + std::chrono::duration_cast<Steady::duration>(left);
}

Call::Call(ServiceState& state, grpc::CallbackServerContext* context, Info info)
    : state_(state), context_(context), info_(std::move(info)), deadline_(DeadlineOf(*context)) {}

bool Call::Admit() {
  const Status admitted = state_.admission.Admit(info_.request_bytes);
  admitted_ = admitted.ok();
  if (!admitted_) Complete(admitted);
  return admitted.ok();
}

Call* Call::StartHere(ServiceState& state, grpc::CallbackServerContext* context, Info info,
                      absl::FunctionRef<void(Call&)> work) {
  Call* call = new Call(state, context, std::move(info));
  if (!call->Admit()) return call;
  call->queue_us_ = Microseconds(Clock::now() - call->arrived_);
  work(*call);
  return call;
}

Call* Call::StartAsync(ServiceState& state, grpc::CallbackServerContext* context, Info info,
                       Executor& executor, std::function<void(Call&)> work) {
  Call* call = new Call(state, context, std::move(info));
  if (!call->Admit()) return call;
  executor.Post([call, work = std::move(work)] {
    call->queue_us_ = Microseconds(Clock::now() - call->arrived_);
    // Nobody waits any more for what expired in the queue.
    const Status wanted = call->stop().Check();
    if (wanted.ok()) {
      work(*call);
    } else {
      call->Complete(wanted);
    }
  });
  return call;
}

Call* Call::Start(ServiceState& state, grpc::CallbackServerContext* context, Info info,
                  Executor& executor, std::function<Status(Call&)> work) {
  return StartAsync(
      state, context, std::move(info), executor,
      [work = std::move(work)](Call& call) { call.Complete(Guarded([&] { return work(call); })); });
}

void Call::Complete(const Status& status) {
  LogIfSlow(status);
  if (IsBusy(status)) {
    context_->AddTrailingMetadata("grpc-retry-pushback-ms", kRetryAfterMs);
  }
  // Before the reply leaves: who sends the next request after it must find the place free.
  if (admitted_) state_.admission.Release(info_.request_bytes);
  Finish(ToGrpc(status));
}

void Call::LogIfSlow(const Status& status) const {
  const double total_us = Microseconds(Clock::now() - arrived_);
  if (state_.config.slow_query_ms == 0 || total_us < state_.config.slow_query_ms * 1e3) return;
  LogWarning("slow call " + std::string(info_.method) + (info_.detail ? ' ' + info_.detail() : "") +
             " ms=" + std::to_string(static_cast<uint64_t>(total_us / 1e3)) +
             " queue_ms=" + std::to_string(static_cast<uint64_t>(queue_us_ / 1e3)) +
             " status=" + absl::StatusCodeToString(status.code()));
}

}  // namespace tessera::server
