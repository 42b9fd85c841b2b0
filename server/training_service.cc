#include <algorithm>
#include <cmath>
#include <mutex>
#include <optional>
#include <utility>

#include "server/call.h"
#include "server/convert_evaluation.h"
#include "server/convert_points.h"
#include "server/convert_verification.h"
#include "server/grpc_status.h"
#include "server/job_run.h"
#include "server/page.h"
#include "server/services.h"
#include "tessera/v1/training.grpc.pb.h"

namespace tessera::server {
namespace {

using Steady = StopToken::Clock;
constexpr const char* kPageKind = "operations";
constexpr double kMaxWaitSeconds = 3600;

// A call that waits for an operation without holding a thread: finished by the operation's end, the
// timer or the client, whichever is first.
class WaitCall final : public grpc::ServerUnaryReactor {
 public:
  WaitCall(ServiceState& state, std::string name, v1::Operation* response)
      : state_(state), name_(std::move(name)), response_(response) {}

  // Call once, before this is handed to gRPC.
  void Begin(std::chrono::nanoseconds timeout) {
    // The reference keeps callbacks that come late, from the registry or the timer, off a deleted
    // call.
    self_ = std::shared_ptr<WaitCall>(this);
    const auto number = state_.operations.Wait(
        name_, [self = self_](StatusOr<OperationInfo> info) { self->End(std::move(info)); });
    if (!number.ok()) return End(number.status());
    std::lock_guard lock(mutex_);
    number_ = *number;
    if (ended_) return;
    timer_ = state_.runtime.After(
        timeout, [self = self_] { self->End(self->state_.operations.Get(self->name_)); });
  }

  void OnCancel() override { End(Cancelled("cancelled by the client")); }

  void OnDone() override {
    std::shared_ptr<WaitCall> self = std::move(self_);
    // The registry's copy of the reference goes here, or went when it called.
    state_.operations.Forget(number_);
    std::lock_guard lock(mutex_);
    timer_.reset();
  }

 private:
  void End(StatusOr<OperationInfo> info) {
    {
      std::lock_guard lock(mutex_);
      if (ended_) return;
      ended_ = true;
    }
    if (info.ok()) ToProto(*info, response_);
    Finish(ToGrpc(info.status()));
  }

  ServiceState& state_;
  const std::string name_;
  v1::Operation* const response_;
  std::shared_ptr<WaitCall> self_;
  std::mutex mutex_;
  bool ended_ = false;
  uint64_t number_ = 0;
  std::unique_ptr<Runtime::Timer> timer_;
};

class TrainingService final : public v1::Training::CallbackService {
 public:
  explicit TrainingService(ServiceState& state) : state_(state) {}

  grpc::ServerUnaryReactor* Train(grpc::CallbackServerContext* context,
                                  const v1::TrainRequest* request,
                                  v1::Operation* response) override {
    return StartJob(state_, context, "Training.Train", *request,
                    [=, this](Call& call) { return MakeTraining(*request, call, response); });
  }

  grpc::ServerUnaryReactor* Evaluate(grpc::CallbackServerContext* context,
                                     const v1::EvaluateRequest* request,
                                     v1::Operation* response) override {
    return StartJob(state_, context, "Training.Evaluate", *request,
                    [=, this](Call& call) { return MakeEvaluation(*request, call, response); });
  }

  grpc::ServerUnaryReactor* Tune(grpc::CallbackServerContext* context,
                                 const v1::TuneRequest* request,
                                 v1::Operation* response) override {
    return StartJob(state_, context, "Training.Tune", *request,
                    [=, this](Call& call) { return MakeTuning(*request, call, response); });
  }

  grpc::ServerUnaryReactor* Verify(grpc::CallbackServerContext* context,
                                   const v1::VerifyRequest* request,
                                   v1::Operation* response) override {
    return StartJob(state_, context, "Training.Verify", *request,
                    [=, this](Call& call) { return MakeVerification(*request, call, response); });
  }

  grpc::ServerUnaryReactor* GetOperation(grpc::CallbackServerContext* context,
                                         const v1::GetOperationRequest* request,
                                         v1::Operation* response) override {
    return Run(context, "Training.GetOperation", *request,
               [=, this] { return Fill(state_.operations.Get(request->name()), response); });
  }

  grpc::ServerUnaryReactor* CancelOperation(grpc::CallbackServerContext* context,
                                            const v1::CancelOperationRequest* request,
                                            v1::Operation* response) override {
    return Run(context, "Training.CancelOperation", *request,
               [=, this] { return Fill(state_.operations.Cancel(request->name()), response); });
  }

  grpc::ServerUnaryReactor* ListOperations(grpc::CallbackServerContext* context,
                                           const v1::ListOperationsRequest* request,
                                           v1::ListOperationsResponse* response) override {
    return Run(context, "Training.ListOperations", *request,
               [=, this] { return ListPage(*request, response); });
  }

  grpc::ServerUnaryReactor* WaitOperation(grpc::CallbackServerContext* context,
                                          const v1::WaitOperationRequest* request,
                                          v1::Operation* response) override {
    const double seconds = request->timeout_seconds();
    if (!(seconds >= 0 && seconds <= kMaxWaitSeconds)) {
      grpc::ServerUnaryReactor* refused = context->DefaultReactor();
      refused->Finish(ToGrpc(InvalidArgument("timeout_seconds is " + std::to_string(seconds) +
                                             ", expected 0 to 3600")));
      return refused;
    }
    auto* call = new WaitCall(state_, request->name(), response);
    call->Begin(Timeout(seconds, DeadlineOf(*context)));
    return call;
  }

 private:
  template <typename Request, typename Work>
  Call* Run(grpc::CallbackServerContext* context, const char* method, const Request& request,
            Work work) {
    return Call::Start(state_, context, {method, request.ByteSizeLong(), {}},
                       state_.runtime.compute(), [work](Call&) { return work(); });
  }

  static Status Fill(const StatusOr<OperationInfo>& info, v1::Operation* response) {
    if (info.ok()) ToProto(*info, response);
    return info.status();
  }

  StatusOr<std::shared_ptr<JobRun>> MakeTraining(const v1::TrainRequest& request, Call& call,
                                                 v1::Operation* response) const {
    TESSERA_ASSIGN_OR_RETURN(auto collection, state_.Find(request.collection()));
    TrainOptions options;
    if (!request.quantizer().empty()) {
      StatusOr<QuantizerSpec> spec = QuantizerSpec::Parse(request.quantizer());
      if (!spec.ok()) return Annotate(spec.status(), "quantizer: ");
      options.quantizer = *spec;
    }
    options.sample_rows = request.sample_rows();
    if (request.has_seed()) options.context.seed = request.seed();
    TESSERA_ASSIGN_OR_RETURN(const Operations::Begun begun,
                             state_.operations.Begin(request.collection()));
    options.context.stop = StopToken(Steady::time_point::max(), begun.cancelled);
    const JobWork work = [collection, options](const ProgressFn& progress) mutable
        -> StatusOr<JobResult> {
      options.context.progress = progress;
      TESSERA_RETURN_IF_ERROR(collection->Train(options));
      const CollectionStats stats = collection->Stats();
      JobResult result;
      result.training = {stats.generation.value, stats.quantizer, stats.trained_rows,
                         stats.training_error};
      return result;
    };
    return std::make_shared<JobRun>(state_, begun.id, work, call, response);
  }

  StatusOr<std::shared_ptr<JobRun>> MakeEvaluation(const v1::EvaluateRequest& request, Call& call,
                                                   v1::Operation* response) const {
    TESSERA_ASSIGN_OR_RETURN(auto collection, state_.Find(request.collection()));
    const auto options = std::make_shared<EvaluationOptions>();
    TESSERA_RETURN_IF_ERROR(options->Read(request, collection->spec().dim));
    TESSERA_ASSIGN_OR_RETURN(const Operations::Begun begun,
                             state_.operations.Begin(request.collection(), "evaluate"));
    options->get().context.stop = StopToken(Steady::time_point::max(), begun.cancelled);
    const JobWork work = [collection, options](const ProgressFn& progress) -> StatusOr<JobResult> {
      options->get().context.progress = progress;
      TESSERA_ASSIGN_OR_RETURN(EvaluateResult result, collection->Evaluate(options->get()));
      JobResult measured;
      measured.evaluation = std::make_shared<const EvaluateResult>(std::move(result));
      return measured;
    };
    return std::make_shared<JobRun>(state_, begun.id, work, call, response);
  }

  StatusOr<std::shared_ptr<JobRun>> MakeTuning(const v1::TuneRequest& request, Call& call,
                                               v1::Operation* response) const {
    TESSERA_ASSIGN_OR_RETURN(auto collection, state_.Find(request.collection()));
    const uint32_t dim = collection->spec().dim;
    std::shared_ptr<const FloatRows> queries;
    // The request is gone before the work is done: its bytes are copied.
    auto bytes = std::make_shared<std::string>();
    if (request.has_queries()) {
      TESSERA_ASSIGN_OR_RETURN(
          const VectorBytes given,
          Rows(request.queries(), {dim, request.collection()}, "queries", kMaxQuerySample));
      bytes->assign(given.bytes);
      queries = std::make_shared<const FloatRows>(VectorBytes{given.type, *bytes}, dim);
    }
    TESSERA_ASSIGN_OR_RETURN(const Operations::Begun begun,
                             state_.operations.Begin(request.collection(), "tune"));
    TuneOptions options;
    if (queries) options.queries = queries->view();
    options.context.stop = StopToken(Steady::time_point::max(), begun.cancelled);
    const JobWork work = [collection, options, queries, bytes](const ProgressFn& progress) mutable
        -> StatusOr<JobResult> {
      options.context.progress = progress;
      TESSERA_ASSIGN_OR_RETURN(TuneResult result, collection->Tune(options));
      JobResult measured;
      measured.tuned = std::make_shared<const TuneResult>(std::move(result));
      return measured;
    };
    return std::make_shared<JobRun>(state_, begun.id, work, call, response);
  }

  StatusOr<std::shared_ptr<JobRun>> MakeVerification(const v1::VerifyRequest& request, Call& call,
                                                     v1::Operation* response) const {
    TESSERA_ASSIGN_OR_RETURN(auto collection, state_.Find(request.collection()));
    TESSERA_ASSIGN_OR_RETURN(VerifyOptions options, FromProto(request));
    TESSERA_ASSIGN_OR_RETURN(const Operations::Begun begun,
                             state_.operations.Begin(request.collection(), "verify"));
    options.stop = StopToken(Steady::time_point::max(), begun.cancelled);
    const JobWork work = [collection, options](const ProgressFn& progress) mutable
        -> StatusOr<JobResult> {
      options.progress = progress;
      TESSERA_ASSIGN_OR_RETURN(VerifyReport report, collection->Verify(options));
      JobResult result;
      result.verified = std::make_shared<const VerifyReport>(std::move(report));
      return result;
    };
    return std::make_shared<JobRun>(state_, begun.id, work, call, response);
  }

  Status ListPage(const v1::ListOperationsRequest& request,
                  v1::ListOperationsResponse* response) const {
    TESSERA_ASSIGN_OR_RETURN(const size_t size, PageSize(request.page_size()));
    TESSERA_ASSIGN_OR_RETURN(const std::string last,
                             ParsePageToken(kPageKind, request.page_token()));
    if (last.size() > 19 || last.find_first_not_of("0123456789") != std::string::npos) {
      return InvalidArgument("page_token is not a next_page_token of this method");
    }
    const uint64_t before = last.empty() ? UINT64_MAX : std::stoull(last);
    // One more than asked tells whether there is a next page.
    std::vector<OperationInfo> page = state_.operations.List(size + 1, before);
    const bool more = page.size() > size;
    if (more) page.pop_back();
    for (const OperationInfo& info : page) ToProto(info, response->add_operations());
    if (more) response->set_next_page_token(PageToken(kPageKind, std::to_string(page.back().id)));
    return OkStatus();
  }

  // 0 waits until just before the deadline of the call, so that the state still reaches the client.
  static std::chrono::nanoseconds Timeout(double seconds, Steady::time_point deadline) {
    std::chrono::nanoseconds timeout(
        static_cast<int64_t>((seconds > 0 ? seconds : kMaxWaitSeconds) * 1e9));
    if (deadline == Steady::time_point::max()) return timeout;
    const std::chrono::nanoseconds left = deadline - Steady::now();
    const std::chrono::nanoseconds margin =
        std::min<std::chrono::nanoseconds>(left / 5, std::chrono::milliseconds(100));
    return std::min(timeout, left - margin);
  }

  ServiceState& state_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeTrainingService(ServiceState& state) {
  return std::make_unique<TrainingService>(state);
}

}  // namespace tessera::server
