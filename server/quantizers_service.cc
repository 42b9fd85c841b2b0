#include "server/call.h"
#include "server/convert.h"
#include "server/services.h"
#include "tessera/v1/quantizers.grpc.pb.h"

namespace tessera::server {
namespace {

class QuantizersService final : public v1::Quantizers::CallbackService {
 public:
  explicit QuantizersService(ServiceState& state) : state_(state), limits_(state.config.limits) {}

  grpc::ServerUnaryReactor* Encode(grpc::CallbackServerContext* context,
                                   const v1::EncodeRequest* request,
                                   v1::EncodeResponse* response) override {
    return Run(context, "Quantizers.Encode", *request,
               [=, this] { return EncodeVectors(*request, response); });
  }

  grpc::ServerUnaryReactor* Decode(grpc::CallbackServerContext* context,
                                   const v1::DecodeRequest* request,
                                   v1::DecodeResponse* response) override {
    return Run(context, "Quantizers.Decode", *request,
               [=, this] { return DecodeCodes(*request, response); });
  }

 private:
  template <typename Request, typename Work>
  Call* Run(grpc::CallbackServerContext* context, const char* method, const Request& request,
            Work work) {
    return Call::Start(state_, context, {method, request.ByteSizeLong(), {}},
                       state_.runtime.compute(), [work](Call&) { return work(); });
  }

  Status EncodeVectors(const v1::EncodeRequest& request, v1::EncodeResponse* response) const {
    TESSERA_ASSIGN_OR_RETURN(const auto collection, state_.Find(request.collection()));
    const uint32_t dim = collection->spec().dim;
    TESSERA_ASSIGN_OR_RETURN(
        const VectorBytes bytes,
        Rows(request.vectors(), {dim, request.collection()}, "vectors", limits_.batch_rows));
    TESSERA_ASSIGN_OR_RETURN(EncodedVectors encoded,
                             collection->Encode(FloatRows(bytes, dim).view()));
    response->set_generation(encoded.generation.value);
    response->set_code_bytes(encoded.code_bytes);
    response->mutable_lists()->Add(encoded.lists.begin(), encoded.lists.end());
    response->set_codes(std::move(encoded.codes));
    return OkStatus();
  }

  Status DecodeCodes(const v1::DecodeRequest& request, v1::DecodeResponse* response) const {
    TESSERA_ASSIGN_OR_RETURN(const auto collection, state_.Find(request.collection()));
    const uint64_t row_bytes = uint64_t{collection->spec().dim} * sizeof(float);
    const size_t rows = request.lists_size();
    TESSERA_RETURN_IF_ERROR(CheckRows(rows, limits_.message_bytes / row_bytes, "lists"));
    TESSERA_RETURN_IF_ERROR(CheckGeneration(*collection, request.generation()));
    const std::vector<uint32_t> lists(request.lists().begin(), request.lists().end());
    std::vector<float> decoded(rows * collection->spec().dim);
    TESSERA_RETURN_IF_ERROR(collection->Decode(lists, request.codes(), decoded.data()));
    // Again: a training may have switched in between, and the codes met another model.
    TESSERA_RETURN_IF_ERROR(CheckGeneration(*collection, request.generation()));
    response->set_vectors_f32_le(decoded.data(), rows * row_bytes);
    return OkStatus();
  }

  static Status CheckGeneration(const Collection& collection, uint32_t asked) {
    const uint32_t in_force = collection.Stats().generation.value;
    if (asked == in_force) return OkStatus();
    return FailedPrecondition("generation is " + std::to_string(asked) + ", the one in force is " +
                              std::to_string(in_force));
  }

  ServiceState& state_;
  const Limits& limits_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeQuantizersService(ServiceState& state) {
  return std::make_unique<QuantizersService>(state);
}

}  // namespace tessera::server
