#include "server/call.h"
#include "server/services.h"
#include "tessera/v1/upkeep.grpc.pb.h"

namespace tessera::server {
namespace {

void ToProto(const Upkeep& upkeep, v1::UpkeepState* out) {
  const UpkeepLimits limits = upkeep.limits();
  out->set_cpu_share(limits.cpu_share);
  out->set_bytes_per_second(limits.bytes_per_second);
  out->set_paused(upkeep.paused());
}

Status Change(const v1::SetUpkeepRequest& request, Upkeep& upkeep) {
  UpkeepLimits limits = upkeep.limits();
  if (request.has_cpu_share()) limits.cpu_share = request.cpu_share();
  if (request.has_bytes_per_second()) limits.bytes_per_second = request.bytes_per_second();
  TESSERA_RETURN_IF_ERROR(upkeep.SetLimits(limits));
  if (request.has_paused()) request.paused() ? upkeep.Pause() : upkeep.Resume();
  return OkStatus();
}

class UpkeepService final : public v1::Upkeep::CallbackService {
 public:
  explicit UpkeepService(ServiceState& state) : state_(state) {}

  grpc::ServerUnaryReactor* Get(grpc::CallbackServerContext* context, const v1::GetUpkeepRequest* request,
                                v1::UpkeepState* response) override {
    return Run(context, "Upkeep.Get", *request, response, [](Upkeep&) { return OkStatus(); });
  }

  grpc::ServerUnaryReactor* Set(grpc::CallbackServerContext* context, const v1::SetUpkeepRequest* request,
                                v1::UpkeepState* response) override {
    return Run(context, "Upkeep.Set", *request, response,
               [request](Upkeep& upkeep) { return Change(*request, upkeep); });
  }

 private:
  // `work`, then the state as it is.
  template <typename Request, typename Work>
  Call* Run(grpc::CallbackServerContext* context, const char* method, const Request& request,
            v1::UpkeepState* response, Work work) {
    return Call::Start(state_, context, {method, request.ByteSizeLong(), {}}, state_.runtime.io(),
                       [=, this](Call&) -> Status {
                         TESSERA_ASSIGN_OR_RETURN(Catalog * catalog, state_.OpenedCatalog());
                         TESSERA_RETURN_IF_ERROR(work(catalog->upkeep()));
                         ToProto(catalog->upkeep(), response);
                         return OkStatus();
                       });
  }

  ServiceState& state_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeUpkeepService(ServiceState& state) {
  return std::make_unique<UpkeepService>(state);
}

}  // namespace tessera::server
