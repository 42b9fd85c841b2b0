#include <algorithm>

#include "server/archive_calls.h"
#include "server/call.h"
#include "server/convert_backups.h"
#include "server/job_run.h"
#include "server/services.h"
#include "tessera/v1/backups.grpc.pb.h"

namespace tessera::server {
namespace {

BackupContext ContextOf(const Operations::Begun& begun, const ProgressFn& progress, uint64_t bytes_per_second) {
  BackupContext context;
  context.stop = StopToken(StopToken::Clock::time_point::max(), begun.cancelled);
  context.progress = progress;
  context.bytes_per_second = bytes_per_second;
  return context;
}

JobResult Made(BackupInfo info) {
  JobResult result;
  result.backup = std::make_shared<const BackupInfo>(std::move(info));
  return result;
}

class BackupsService final : public v1::Backups::CallbackService {
 public:
  explicit BackupsService(ServiceState& state) : state_(state) {}

  grpc::ServerUnaryReactor* Create(grpc::CallbackServerContext* context,
                                   const v1::CreateBackupRequest* request,
                                   v1::Operation* response) override {
    return Run(context, "Backups.Create", *request, "backup", response,
               [request = *request](Backups& backups, const BackupContext& job) -> StatusOr<JobResult> {
                 TESSERA_ASSIGN_OR_RETURN(BackupInfo info, backups.Create(request.collection(), job));
                 return Made(std::move(info));
               });
  }

  grpc::ServerUnaryReactor* List(grpc::CallbackServerContext* context,
                                 const v1::ListBackupsRequest* request,
                                 v1::ListBackupsResponse* response) override {
    return RunIo(context, "Backups.List", *request, [=](Backups& backups) -> Status {
      TESSERA_ASSIGN_OR_RETURN(const auto all, backups.List(request->collection()));
      for (const BackupInfo& info : all) ToProto(info, response->add_backups());
      return OkStatus();
    });
  }

  grpc::ServerUnaryReactor* Verify(grpc::CallbackServerContext* context,
                                   const v1::VerifyBackupRequest* request,
                                   v1::Operation* response) override {
    return Run(context, "Backups.Verify", *request, "verify backup", response,
               [request = *request](Backups& backups, const BackupContext& job) -> StatusOr<JobResult> {
                 TESSERA_RETURN_IF_ERROR(backups.Verify(request.collection(), request.id(), job));
                 TESSERA_ASSIGN_OR_RETURN(auto all, backups.List(request.collection()));
                 const auto it = std::ranges::find(all, request.id(), &BackupInfo::id);
                 if (it == all.end()) return NotFound("it was deleted meanwhile");
                 return Made(std::move(*it));
               });
  }

  grpc::ServerUnaryReactor* Delete(grpc::CallbackServerContext* context,
                                   const v1::DeleteBackupRequest* request,
                                   v1::DeleteBackupResponse*) override {
    return RunIo(context, "Backups.Delete", *request, [=](Backups& backups) {
      return backups.Delete(request->collection(), request->id());
    });
  }

  grpc::ServerUnaryReactor* Restore(grpc::CallbackServerContext* context,
                                    const v1::RestoreBackupRequest* request,
                                    v1::Operation* response) override {
    return Run(context, "Backups.Restore", *request, "restore backup", response,
               [request = *request](Backups& backups, const BackupContext& job) -> StatusOr<JobResult> {
                 TESSERA_ASSIGN_OR_RETURN(
                     const auto made, backups.Restore(request.collection(), request.id(), request.name(), job));
                 JobResult result;
                 result.restored = std::make_shared<const RestoreOutcome>(
                     RestoreOutcome{made->name(), made->Stats().commit, made->Count()});
                 return result;
               });
  }

  grpc::ServerWriteReactor<v1::DownloadBackupResponse>* Download(
      grpc::CallbackServerContext* context, const v1::DownloadBackupRequest* request) override {
    return StartDownload(state_, context, request);
  }

  grpc::ServerReadReactor<v1::UploadBackupRequest>* Upload(grpc::CallbackServerContext* context,
                                                           v1::RestoreResult* response) override {
    return StartUpload(state_, context, response);
  }

 private:
  // Long work as an operation.
  template <typename Request, typename Work>
  Call* Run(grpc::CallbackServerContext* context, const char* method, const Request& request, const char* kind,
            v1::Operation* response, Work work) {
    return Call::StartAsync(
        state_, context, {method, request.ByteSizeLong(), {}}, state_.runtime.io(),
        [=, this, &request](Call& call) {
          StatusOr<std::shared_ptr<JobRun>> run = Make(request, kind, call, response, work);
          if (!run.ok()) return call.Complete(run.status());
          (*run)->Post(state_.runtime.backups());
        });
  }

  template <typename Request, typename Work>
  StatusOr<std::shared_ptr<JobRun>> Make(const Request& request, const char* kind, Call& call,
                                         v1::Operation* response, const Work& work) {
    if (request.collection().empty()) return InvalidArgument("collection is missing");
    TESSERA_ASSIGN_OR_RETURN(Catalog * catalog, state_.OpenedCatalog());
    TESSERA_ASSIGN_OR_RETURN(const Operations::Begun begun,
                             state_.operations.Begin(request.collection(), kind, Lane::kBackup));
    uint64_t rate = 0;
    if constexpr (requires { request.bytes_per_second(); }) rate = request.bytes_per_second();
    const JobWork job = [=](const ProgressFn& progress) {
      return work(catalog->backups(), ContextOf(begun, progress, rate));
    };
    return std::make_shared<JobRun>(state_, begun.id, job, call, response);
  }

  template <typename Request, typename Work>
  Call* RunIo(grpc::CallbackServerContext* context, const char* method, const Request& request, Work work) {
    return Call::Start(state_, context, {method, request.ByteSizeLong(), {}}, state_.runtime.io(),
                       [this, work](Call&) -> Status {
                         TESSERA_ASSIGN_OR_RETURN(Catalog * catalog, state_.OpenedCatalog());
                         return work(catalog->backups());
                       });
  }

  ServiceState& state_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeBackupsService(ServiceState& state) {
  return std::make_unique<BackupsService>(state);
}

}  // namespace tessera::server
