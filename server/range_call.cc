#include "server/range_call.h"

#include <utility>
#include <vector>

#include "server/blocking_writer.h"
#include "server/convert_filter.h"
#include "server/convert_points.h"
#include "server/convert_searches.h"

namespace tessera::server {
namespace {

class RangeCall final : public BlockingWriter<v1::QueryRangeResponse> {
 public:
  RangeCall(ServiceState& state, grpc::CallbackServerContext* context, const v1::QueryRangeRequest& request)
      : BlockingWriter(state, context, request.ByteSizeLong()), request_(request) {}

 private:
  Status Run() override {
    TESSERA_ASSIGN_OR_RETURN(const auto collection, state().Find(request_.collection()));
    const CollectionSpec spec = collection->spec();
    TESSERA_ASSIGN_OR_RETURN(const Examples query, ExamplesOf(request_, {spec.dim, request_.collection()}));
    RangeParams params;
    params.radius = request_.radius();
    params.with_vector = request_.with_vector();
    params.with_payload = request_.with_payload();
    params.stop = stop();
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
    return Write(message_);
  }

  Status Send(std::vector<Hit>& hits) {
    message_.Clear();
    uint64_t bytes = 0;
    for (Hit& hit : hits) {
      bytes += hit.vector.size() + hit.payload.size();
      ToProto(std::move(hit), request_.with_vector(), request_.with_payload(), message_.add_hits());
      // Vectors and payloads may come to more than a message.
      if (bytes < kMessageBytes) continue;
      TESSERA_RETURN_IF_ERROR(Write(message_));
      message_.Clear();
      bytes = 0;
    }
    return message_.hits_size() > 0 ? Write(message_) : OkStatus();
  }

  static constexpr uint64_t kMessageBytes = 1 << 20;

  const v1::QueryRangeRequest& request_;
  v1::QueryRangeResponse message_;
};

}  // namespace

grpc::ServerWriteReactor<v1::QueryRangeResponse>* StartRangeCall(ServiceState& state,
                                                                 grpc::CallbackServerContext* context,
                                                                 const v1::QueryRangeRequest* request) {
  auto* call = new RangeCall(state, context, *request);
  call->Start(state.runtime.streams());
  return call;
}

}  // namespace tessera::server
