#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <optional>
#include <utility>

#include "server/call.h"
#include "server/convert_evaluation.h"
#include "server/grpc_status.h"
#include "server/page.h"
#include "server/services.h"
#include "tessera/v1/training.grpc.pb.h"

namespace tessera::server {
namespace {

using Steady = StopToken::Clock;
constexpr const char* kPageKind = "operations";
constexpr double kMaxWaitSeconds = 3600;

google::protobuf::Timestamp ToProto(std::chrono::system_clock::time_point time) {
  return google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(
      std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count());
}

void ToProto(const OperationInfo& info, v1::Operation* out) {
  out->set_name(info.name());
  out->set_collection(info.collection);
  out->set_kind(info.kind);
  out->set_done(info.done);
  out->set_progress(info.progress);
  out->set_stage(info.stage);
  *out->mutable_start_time() = ToProto(info.start);
  if (!info.done) return;
  *out->mutable_end_time() = ToProto(info.end);
  out->set_error_code(static_cast<int>(info.status.code()));
  out->set_error_message(MessageOf(info.status));
  if (!info.status.ok()) return;
  if (info.evaluation) return ToProto(*info.evaluation, out->mutable_evaluate_result());
  v1::TrainResult* result = out->mutable_train_result();
  result->set_generation(info.outcome.generation);
  result->set_quantizer(info.outcome.quantizer);
  result->set_trained_rows(info.outcome.trained_rows);
  result->set_training_error(info.outcome.training_error);
}

using ProgressFn = std::function<void(double fraction, const char* stage)>;

// What an operation does, and what it leaves.
struct JobResult {
  TrainOutcome training;
  std::shared_ptr<const EvaluateResult> evaluation;
};
using JobWork = std::function<StatusOr<JobResult>(const ProgressFn& progress)>;

// One operation on the jobs pool. The call is answered by the first progress after the start, or by
// a failure before it: what cannot even start is the caller's error, not an operation to be polled
// for.
class JobRun : public std::enable_shared_from_this<JobRun> {
 public:
  JobRun(ServiceState& state, uint64_t id, JobWork work, Call& call, v1::Operation* response)
      : state_(state), id_(id), work_(std::move(work)), call_(&call), response_(response) {}

  void Post() {
    state_.runtime.jobs().Post([self = shared_from_this()] { self->Run(); });
  }

 private:
  void Run() {
    const ProgressFn progress = [this](double fraction, const char* stage) {
      state_.operations.Progress(id_, fraction, stage);
      // The first report only says that the engine took it up; it checks the rows after that.
      if (std::exchange(taken_up_, true)) Answer(OkStatus());
    };
    JobResult result;
    const Status status = Guarded([&]() -> Status {
      TESSERA_ASSIGN_OR_RETURN(result, work_(progress));
      return OkStatus();
    });
    work_ = nullptr;  // it holds the collection
    state_.operations.Finish(id_, status, result.training, result.evaluation);
    Answer(status);
  }

  // Only the first answer counts: the call is gone after it. Called on the thread of the work.
  void Answer(const Status& status) {
    if (call_ == nullptr) return;
    const auto info = state_.operations.Get("operations/" + std::to_string(id_));
    if (status.ok() && info.ok()) ToProto(*info, response_);
    std::exchange(call_, nullptr)->Complete(status);
  }

  ServiceState& state_;
  const uint64_t id_;
  JobWork work_;
  Call* call_;
  v1::Operation* const response_;
  bool taken_up_ = false;
};

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
    return StartJob(context, "Training.Train", *request,
                    [=, this](Call& call) { return MakeTraining(*request, call, response); });
  }

  grpc::ServerUnaryReactor* Evaluate(grpc::CallbackServerContext* context,
                                     const v1::EvaluateRequest* request,
                                     v1::Operation* response) override {
    return StartJob(context, "Training.Evaluate", *request,
                    [=, this](Call& call) { return MakeEvaluation(*request, call, response); });
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

  template <typename Request, typename Make>
  Call* StartJob(grpc::CallbackServerContext* context, const char* method, const Request& request,
                 Make make) {
    return Call::StartAsync(state_, context, {method, request.ByteSizeLong(), {}},
                            state_.runtime.io(), [make](Call& call) {
                              StatusOr<std::shared_ptr<JobRun>> run = make(call);
                              if (!run.ok()) return call.Complete(run.status());
                              (*run)->Post();
                            });
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
      return JobResult{{stats.generation.value, stats.quantizer, stats.trained_rows,
                        stats.training_error},
                       nullptr};
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
      return JobResult{{}, std::make_shared<const EvaluateResult>(std::move(result))};
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
