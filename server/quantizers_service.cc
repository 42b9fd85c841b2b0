#include "server/call.h"
#include "server/convert.h"
#include "server/convert_codebooks.h"
#include "server/convert_evaluation.h"
#include "server/job_run.h"
#include "server/services.h"
#include "tessera/v1/quantizers.grpc.pb.h"

namespace tessera::server {
namespace {

constexpr uint32_t kExportBytes = 4u << 20;
constexpr uint32_t kMaxExportBytes = 32u << 20;

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

  grpc::ServerUnaryReactor* ListCodebooks(grpc::CallbackServerContext* context,
                                          const v1::ListCodebooksRequest* request,
                                          v1::ListCodebooksResponse* response) override {
    return RunIo(context, "Quantizers.ListCodebooks", *request, [=](Collection& collection) -> Status {
      TESSERA_ASSIGN_OR_RETURN(const auto all, collection.codebooks().List());
      for (const CodebookInfo& info : all) ToProto(info, response->add_codebooks());
      return OkStatus();
    });
  }

  grpc::ServerUnaryReactor* GetCodebook(grpc::CallbackServerContext* context,
                                        const v1::GetCodebookRequest* request,
                                        v1::Codebook* response) override {
    return RunIo(context, "Quantizers.GetCodebook", *request, [=](Collection& collection) -> Status {
      TESSERA_ASSIGN_OR_RETURN(const CodebookInfo info,
                               collection.codebooks().Get(request->version()));
      ToProto(info, response);
      return OkStatus();
    });
  }

  grpc::ServerUnaryReactor* ExportCodebook(grpc::CallbackServerContext* context,
                                           const v1::ExportCodebookRequest* request,
                                           v1::ExportCodebookResponse* response) override {
    return RunIo(context, "Quantizers.ExportCodebook", *request,
                 [=](Collection& collection) { return Export(collection, *request, response); });
  }

  grpc::ServerUnaryReactor* ImportCodebook(grpc::CallbackServerContext* context,
                                           const v1::ImportCodebookRequest* request,
                                           v1::Codebook* response) override {
    return RunIo(context, "Quantizers.ImportCodebook", *request, [=](Collection& collection) -> Status {
      TESSERA_ASSIGN_OR_RETURN(const CodebookInfo info,
                               collection.codebooks().Import(request->file(), request->label()));
      ToProto(info, response);
      return OkStatus();
    });
  }

  grpc::ServerUnaryReactor* DeleteCodebook(grpc::CallbackServerContext* context,
                                           const v1::DeleteCodebookRequest* request,
                                           v1::DeleteCodebookResponse*) override {
    return RunIo(context, "Quantizers.DeleteCodebook", *request, [=](Collection& collection) {
      return collection.codebooks().Delete(request->version());
    });
  }

  grpc::ServerUnaryReactor* TrainCodebook(grpc::CallbackServerContext* context,
                                          const v1::TrainCodebookRequest* request,
                                          v1::Operation* response) override {
    return StartJob(state_, context, "Quantizers.TrainCodebook", *request, [=, this](Call& call) {
      return MakeTraining(*request, call, response);
    });
  }

  grpc::ServerUnaryReactor* EvaluateCodebook(grpc::CallbackServerContext* context,
                                             const v1::EvaluateCodebookRequest* request,
                                             v1::Operation* response) override {
    return StartJob(state_, context, "Quantizers.EvaluateCodebook", *request,
                    [=, this](Call& call) { return MakeEvaluation(*request, call, response); });
  }

  grpc::ServerUnaryReactor* ActivateCodebook(grpc::CallbackServerContext* context,
                                             const v1::ActivateCodebookRequest* request,
                                             v1::Operation* response) override {
    const uint32_t version = request->version();
    return StartJob(state_, context, "Quantizers.ActivateCodebook", *request, [=, this](Call& call) {
      return MakeSwitch(request->collection(), "activate codebook", call, response,
                        [version](Codebooks& codebooks, const TrainingContext& job) {
                          return codebooks.Activate(version, job);
                        });
    });
  }

  grpc::ServerUnaryReactor* RollBackCodebook(grpc::CallbackServerContext* context,
                                             const v1::RollBackCodebookRequest* request,
                                             v1::Operation* response) override {
    return StartJob(state_, context, "Quantizers.RollBackCodebook", *request, [=, this](Call& call) {
      return MakeSwitch(request->collection(), "roll back codebook", call, response,
                        [](Codebooks& codebooks, const TrainingContext& job) {
                          return codebooks.RollBack(job);
                        });
    });
  }

 private:
  template <typename Request, typename Work>
  Call* RunIo(grpc::CallbackServerContext* context, const char* method, const Request& request,
              Work work) {
    return Call::Start(state_, context, {method, request.ByteSizeLong(), {}}, state_.runtime.io(),
                       [this, &request, work](Call&) -> Status {
                         TESSERA_ASSIGN_OR_RETURN(const auto collection,
                                                  state_.Find(request.collection()));
                         return work(*collection);
                       });
  }

  static Status Export(Collection& collection, const v1::ExportCodebookRequest& request,
                       v1::ExportCodebookResponse* response) {
    if (request.max_bytes() > kMaxExportBytes) {
      return InvalidArgument("max_bytes is " + std::to_string(request.max_bytes()) + ", at most " +
                             std::to_string(kMaxExportBytes) + " are sent at a time");
    }
    TESSERA_ASSIGN_OR_RETURN(const std::string file,
                             collection.codebooks().Export(request.version()));
    if (request.offset() > file.size()) {
      return InvalidArgument("offset is " + std::to_string(request.offset()) + ", the file has " +
                             std::to_string(file.size()) + " bytes");
    }
    const size_t most = request.max_bytes() > 0 ? request.max_bytes() : kExportBytes;
    response->set_data(file.substr(request.offset(), most));
    response->set_file_bytes(file.size());
    return OkStatus();
  }

  static TrainingContext JobContext(const Operations::Begun& begun) {
    TrainingContext context;
    context.stop = StopToken(StopToken::Clock::time_point::max(), begun.cancelled);
    return context;
  }

  StatusOr<std::shared_ptr<JobRun>> MakeTraining(const v1::TrainCodebookRequest& request, Call& call,
                                                 v1::Operation* response) const {
    TESSERA_ASSIGN_OR_RETURN(auto collection, state_.Find(request.collection()));
    TrainOptions options;
    if (!request.quantizer().empty()) {
      StatusOr<QuantizerSpec> spec = QuantizerSpec::Parse(request.quantizer());
      if (!spec.ok()) return Annotate(spec.status(), "quantizer: ");
      options.quantizer = *spec;
    }
    options.sample_rows = request.sample_rows();
    TESSERA_ASSIGN_OR_RETURN(const Operations::Begun begun,
                             state_.operations.Begin(request.collection(), "train codebook"));
    options.context = JobContext(begun);
    if (request.has_seed()) options.context.seed = request.seed();
    const JobWork work = [collection, options, label = request.label()](
                             const ProgressFn& progress) mutable -> StatusOr<JobResult> {
      options.context.progress = progress;
      TESSERA_ASSIGN_OR_RETURN(CodebookInfo info, collection->codebooks().Train(options, label));
      JobResult result;
      result.codebook = std::make_shared<const CodebookInfo>(std::move(info));
      return result;
    };
    return std::make_shared<JobRun>(state_, begun.id, work, call, response);
  }

  StatusOr<std::shared_ptr<JobRun>> MakeEvaluation(const v1::EvaluateCodebookRequest& request,
                                                   Call& call, v1::Operation* response) const {
    const v1::EvaluateRequest& asked = request.options();
    TESSERA_ASSIGN_OR_RETURN(auto collection, state_.Find(asked.collection(), "options.collection"));
    if (asked.quantizers_size() > 0 || asked.min_bytes() != 0 || asked.max_bytes() != 0) {
      return InvalidArgument("options.quantizers and range of bytes must be left out: the codebook is evaluated");
    }
    const auto options = std::make_shared<EvaluationOptions>();
    TESSERA_RETURN_IF_ERROR(
        Annotate(options->Read(asked, collection->spec().dim), "options."));
    TESSERA_ASSIGN_OR_RETURN(const Operations::Begun begun,
                             state_.operations.Begin(asked.collection(), "evaluate"));
    options->get().context.stop = JobContext(begun).stop;
    const JobWork work = [collection, options, version = request.version()](
                             const ProgressFn& progress) -> StatusOr<JobResult> {
      options->get().context.progress = progress;
      TESSERA_ASSIGN_OR_RETURN(EvaluateResult measured,
                               collection->codebooks().Evaluate(version, options->get()));
      JobResult result;
      result.evaluation = std::make_shared<const EvaluateResult>(std::move(measured));
      return result;
    };
    return std::make_shared<JobRun>(state_, begun.id, work, call, response);
  }

  using Switch = std::function<Status(Codebooks&, const TrainingContext&)>;
  StatusOr<std::shared_ptr<JobRun>> MakeSwitch(const std::string& name, const char* kind, Call& call,
                                               v1::Operation* response, const Switch& run) const {
    TESSERA_ASSIGN_OR_RETURN(auto collection, state_.Find(name));
    TESSERA_ASSIGN_OR_RETURN(const Operations::Begun begun, state_.operations.Begin(name, kind));
    const JobWork work = [collection, context = JobContext(begun), run](
                             const ProgressFn& progress) mutable -> StatusOr<JobResult> {
      context.progress = progress;
      TESSERA_RETURN_IF_ERROR(run(collection->codebooks(), context));
      JobResult result;
      TESSERA_ASSIGN_OR_RETURN(const auto all, collection->codebooks().List());
      for (const CodebookInfo& info : all) {
        if (info.state != CodebookState::kActive) continue;
        result.codebook = std::make_shared<const CodebookInfo>(info);
      }
      return result;
    };
    return std::make_shared<JobRun>(state_, begun.id, work, call, response);
  }

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
