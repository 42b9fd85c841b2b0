#include "server/archive_calls.h"

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>

#include "index/busy.h"
#include "server/blocking_writer.h"
#include "server/convert_backups.h"

namespace tessera::server {
namespace {

constexpr size_t kMaxArchives = 2;

// One of the places for archives, while it lives.
class Place {
 public:
  explicit Place(std::atomic<size_t>& taken) : taken_(taken), number_(taken.fetch_add(1)) {}
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() { taken_.fetch_sub(1); }
  Status status() const {
    if (number_ < kMaxArchives) return OkStatus();
    return Busy(std::to_string(kMaxArchives) + " archives are under way, the server's limit");
  }

 private:
  std::atomic<size_t>& taken_;
  const size_t number_;
};

class Download final : public BlockingWriter<v1::DownloadBackupResponse> {
 public:
  Download(ServiceState& state, grpc::CallbackServerContext* context, const v1::DownloadBackupRequest& request)
      : BlockingWriter(state, context, request.ByteSizeLong()), request_(request) {}

 private:
  Status Run() override {
    const Place place(state().archives);
    TESSERA_RETURN_IF_ERROR(place.status());
    TESSERA_ASSIGN_OR_RETURN(Catalog * catalog, state().OpenedCatalog());
    TESSERA_ASSIGN_OR_RETURN(const auto all, catalog->backups().List(request_.collection()));
    for (const BackupInfo& info : all) {
      if (info.id == request_.id()) message_.set_total_bytes(info.bytes);
    }
    BackupContext context;
    context.stop = stop();
    return catalog->backups().Download(
        request_.collection(), request_.id(),
        [this](std::string_view bytes) {
          message_.set_data(bytes.data(), bytes.size());
          const Status written = Write(message_);
          message_.Clear();
          return written;
        },
        context);
  }

  const v1::DownloadBackupRequest& request_;
  v1::DownloadBackupResponse message_;
};

class UploadCall final : public grpc::ServerReadReactor<v1::UploadBackupRequest> {
 public:
  UploadCall(ServiceState& state, grpc::CallbackServerContext* context, v1::RestoreResult* response)
      : state_(state), response_(response), stop_(DeadlineOf(*context), cancelled_) {}

  void Start() {
    if (const Status admitted = state_.admission.Admit(0); !admitted.ok()) return Finish(ToGrpc(admitted));
    state_.runtime.backups().Post([this] {
      const Status status = Guarded([this] { return Run(); });
      state_.admission.Release(0);
      Finish(ToGrpc(status));
    });
  }

  void OnReadDone(bool ok) override {
    std::lock_guard lock(mutex_);
    reading_ = false;
    got_ = ok;
    read_.notify_one();
  }
  void OnCancel() override { cancelled_->store(true, std::memory_order_relaxed); }
  void OnDone() override { delete this; }

 private:
  ~UploadCall() override = default;

  Status Run() {
    const Place place(state_.archives);
    TESSERA_RETURN_IF_ERROR(place.status());
    TESSERA_ASSIGN_OR_RETURN(Catalog * catalog, state_.OpenedCatalog());
    if (!Read()) return InvalidArgument("the upload has no message: the first one names the collection");
    if (message_.name().empty()) return InvalidArgument("name is missing");
    TESSERA_ASSIGN_OR_RETURN(const auto upload, catalog->backups().Upload(message_.name()));
    do {
      TESSERA_RETURN_IF_ERROR(upload->Append(message_.data()));
    } while (Read());
    // The stream ends in the same way whether the client closed it or has gone.
    TESSERA_RETURN_IF_ERROR(stop_.Check());
    TESSERA_ASSIGN_OR_RETURN(const auto collection, upload->Finish());
    ToProto(RestoreOutcome{collection->name(), collection->Stats().commit, collection->Count()}, response_);
    return OkStatus();
  }

  // The next message, or false: there is none.
  bool Read() {
    std::unique_lock lock(mutex_);
    reading_ = true;
    lock.unlock();
    StartRead(&message_);
    lock.lock();
    read_.wait(lock, [this] { return !reading_; });
    return got_;
  }

  ServiceState& state_;
  v1::RestoreResult* const response_;
  const std::shared_ptr<std::atomic<bool>> cancelled_ = std::make_shared<std::atomic<bool>>(false);
  const StopToken stop_;
  v1::UploadBackupRequest message_;
  std::mutex mutex_;
  std::condition_variable read_;
  bool reading_ = false;  // guarded by mutex_
  bool got_ = false;      // guarded by mutex_
};

}  // namespace

grpc::ServerWriteReactor<v1::DownloadBackupResponse>* StartDownload(ServiceState& state,
                                                                    grpc::CallbackServerContext* context,
                                                                    const v1::DownloadBackupRequest* request) {
  auto* call = new Download(state, context, *request);
  call->Start(state.runtime.backups());
  return call;
}

grpc::ServerReadReactor<v1::UploadBackupRequest>* StartUpload(ServiceState& state,
                                                              grpc::CallbackServerContext* context,
                                                              v1::RestoreResult* response) {
  auto* call = new UploadCall(state, context, response);
  call->Start();
  return call;
}

}  // namespace tessera::server
