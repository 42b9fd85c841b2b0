#include "server/range_call.h"

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "server/call.h"
#include "server/convert_filter.h"
#include "server/convert_points.h"
#include "server/convert_searches.h"
#include "server/grpc_status.h"
#include "server/guarded.h"

namespace tessera::server {
namespace {

class RangeCall final : public grpc::ServerWriteReactor<v1::QueryRangeResponse> {
 public:
  RangeCall(ServiceState& state, grpc::CallbackServerContext* context, const v1::QueryRangeRequest& request)
      : state_(state), request_(request), bytes_(request.ByteSizeLong()), stop_(DeadlineOf(*context), cancelled_) {}

  void Start() {
    if (const Status admitted = state_.admission.Admit(bytes_); !admitted.ok()) return Finish(ToGrpc(admitted));
    state_.runtime.streams().Post([this] {
      const Status status = Guarded([this] { return Run(); });
      state_.admission.Release(bytes_);
      Finish(ToGrpc(status));
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

 private:
  ~RangeCall() override = default;

  Status Run() {
    TESSERA_RETURN_IF_ERROR(stop_.Check());
    TESSERA_ASSIGN_OR_RETURN(const auto collection, state_.Find(request_.collection()));
    const CollectionSpec spec = collection->spec();
    TESSERA_ASSIGN_OR_RETURN(const Examples query, ExamplesOf(request_, {spec.dim, request_.collection()}));
    RangeParams params;
    params.radius = request_.radius();
    params.with_vector = request_.with_vector();
    params.with_payload = request_.with_payload();
    params.stop = stop_;
    if (request_.has_filter()) {
      TESSERA_ASSIGN_OR_RETURN(params.filter, FromProto(request_.filter(), spec.payload));
    }
    const StatusOr<RangeResult> result = collection->QueryRange(
        query, params, [this](std::vector<Hit>& hits) { return Send(hits); });
    if (!result.ok()) return NameExamples(result.status(), request_);
    message_.Clear();
    message_.set_total_hits(result->hits);
    message_.set_rows_compared(result->rows_compared);
    message_.set_commit(result->commit);
    return Write();
  }

  Status Send(std::vector<Hit>& hits) {
    message_.Clear();
    uint64_t bytes = 0;
    for (Hit& hit : hits) {
      bytes += hit.vector.size() + hit.payload.size();
      ToProto(std::move(hit), request_.with_vector(), request_.with_payload(), message_.add_hits());
      // Vectors and payloads may come to more than a message.
      if (bytes < kMessageBytes) continue;
      TESSERA_RETURN_IF_ERROR(Write());
      message_.Clear();
      bytes = 0;
    }
    return message_.hits_size() > 0 ? Write() : OkStatus();
  }

  // Returns when the message is on its way.
  Status Write() {
    std::unique_lock lock(mutex_);
    writing_ = true;
    lock.unlock();
    StartWrite(&message_);
    lock.lock();
    written_.wait(lock, [this] { return !writing_; });
    if (!broken_) return OkStatus();
    const Status stopped = stop_.Check();
    return stopped.ok() ? Cancelled("the client has gone") : stopped;
  }

  static constexpr uint64_t kMessageBytes = 1 << 20;

  ServiceState& state_;
  const v1::QueryRangeRequest& request_;
  const size_t bytes_;
  const std::shared_ptr<std::atomic<bool>> cancelled_ = std::make_shared<std::atomic<bool>>(false);
  const StopToken stop_;
  v1::QueryRangeResponse message_;
  std::mutex mutex_;
  std::condition_variable written_;
  bool writing_ = false;
  bool broken_ = false;
};

}  // namespace

grpc::ServerWriteReactor<v1::QueryRangeResponse>* StartRangeCall(ServiceState& state,
                                                                 grpc::CallbackServerContext* context,
                                                                 const v1::QueryRangeRequest* request) {
  auto* call = new RangeCall(state, context, *request);
  call->Start();
  return call;
}

}  // namespace tessera::server
