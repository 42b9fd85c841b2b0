// A call that starts long work on the jobs pool, and the operation that stands for it.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "index/status.h"
#include "server/call.h"
#include "server/operations.h"
#include "server/services.h"
#include "tessera/v1/training.pb.h"

namespace tessera::server {

void ToProto(const OperationInfo& info, v1::Operation* out);

using ProgressFn = std::function<void(double fraction, const char* stage)>;
using JobWork = std::function<StatusOr<JobResult>(const ProgressFn& progress)>;

// One operation on a pool, of jobs as a rule. The call is answered by the first progress after the start, or by
// a failure before it: what cannot even start is the caller's error, not an operation to be polled
// for.
class JobRun : public std::enable_shared_from_this<JobRun> {
 public:
  // `id`: begun in state.operations, ended here.
  JobRun(ServiceState& state, uint64_t id, JobWork work, Call& call, v1::Operation* response)
      : state_(state), id_(id), work_(std::move(work)), call_(&call), response_(response) {}

  void Post() { Post(state_.runtime.jobs()); }
  void Post(Executor& executor);

 private:
  void Run();
  // Only the first answer counts: the call is gone after it. Called on the thread of the work.
  void Answer(const Status& status);

  ServiceState& state_;
  const uint64_t id_;
  JobWork work_;
  Call* call_;
  v1::Operation* const response_;
  bool taken_up_ = false;
};

// Starts the run that `make` makes for the call (StatusOr<std::shared_ptr<JobRun>>), or fails the
// call.
template <typename Request, typename Make>
Call* StartJob(ServiceState& state, grpc::CallbackServerContext* context, const char* method,
               const Request& request, Make make) {
  return Call::StartAsync(state, context, {method, request.ByteSizeLong(), {}},
                          state.runtime.io(), [make](Call& call) {
                            StatusOr<std::shared_ptr<JobRun>> run = make(call);
                            if (!run.ok()) return call.Complete(run.status());
                            (*run)->Post();
                          });
}

}  // namespace tessera::server
