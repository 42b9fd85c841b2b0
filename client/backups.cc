// The calls of Client that concern backups.
#include "client/client.h"
#include "client/connection.h"
#include "client/convert.h"

namespace tessera::client {
namespace {

constexpr CallOptions kNotRepeatable{.repeatable = false};

}  // namespace

StatusOr<Operation> Client::CreateBackup(const std::string& collection, uint64_t bytes_per_second) {
  v1::CreateBackupRequest request;
  request.set_collection(collection);
  request.set_bytes_per_second(bytes_per_second);
  TESSERA_ASSIGN_OR_RETURN(
      v1::Operation operation,
      connection_->Call(connection_->backups(), &v1::Backups::Stub::Create, request, kNotRepeatable));
  return FromProto(operation);
}

StatusOr<std::vector<BackupInfo>> Client::ListBackups(const std::string& collection) {
  v1::ListBackupsRequest request;
  request.set_collection(collection);
  TESSERA_ASSIGN_OR_RETURN(v1::ListBackupsResponse response,
                           connection_->Call(connection_->backups(), &v1::Backups::Stub::List, request));
  std::vector<BackupInfo> all;
  for (const v1::Backup& backup : response.backups()) all.push_back(FromProto(backup));
  return all;
}

StatusOr<Operation> Client::VerifyBackup(const std::string& collection, uint32_t id) {
  v1::VerifyBackupRequest request;
  request.set_collection(collection);
  request.set_id(id);
  TESSERA_ASSIGN_OR_RETURN(
      v1::Operation operation,
      connection_->Call(connection_->backups(), &v1::Backups::Stub::Verify, request, kNotRepeatable));
  return FromProto(operation);
}

Status Client::DeleteBackup(const std::string& collection, uint32_t id) {
  v1::DeleteBackupRequest request;
  request.set_collection(collection);
  request.set_id(id);
  return connection_->Call(connection_->backups(), &v1::Backups::Stub::Delete, request, kNotRepeatable)
      .status();
}

StatusOr<Operation> Client::RestoreBackup(const std::string& collection, uint32_t id, const std::string& name,
                                          uint64_t bytes_per_second) {
  v1::RestoreBackupRequest request;
  request.set_collection(collection);
  request.set_id(id);
  request.set_name(name);
  request.set_bytes_per_second(bytes_per_second);
  TESSERA_ASSIGN_OR_RETURN(
      v1::Operation operation,
      connection_->Call(connection_->backups(), &v1::Backups::Stub::Restore, request, kNotRepeatable));
  return FromProto(operation);
}

Status Client::DownloadBackup(const std::string& collection, uint32_t id, const ArchiveVisitor& take) {
  v1::DownloadBackupRequest request;
  request.set_collection(collection);
  request.set_id(id);
  grpc::ClientContext context;
  const auto reader = connection_->backups().Download(&context, request);
  uint64_t total = 0;
  Status stopped;
  for (v1::DownloadBackupResponse message; reader->Read(&message);) {
    if (message.total_bytes() > 0) total = message.total_bytes();
    if (!stopped.ok()) continue;
    stopped = take(message.data(), total);
    if (!stopped.ok()) context.TryCancel();
  }
  const grpc::Status status = reader->Finish();
  TESSERA_RETURN_IF_ERROR(stopped);
  return status.ok() ? OkStatus() : connection_->FromGrpc(status, context);
}

StatusOr<RestoreResult> Client::UploadBackup(const std::string& name,
                                             const std::function<StatusOr<std::string_view>()>& next) {
  grpc::ClientContext context;
  v1::RestoreResult response;
  const auto writer = connection_->backups().Upload(&context, &response);
  v1::UploadBackupRequest message;
  message.set_name(name);
  Status stopped;
  // A write fails when the server has answered already: what it says is then to be read.
  for (bool open = writer->Write(message); open && stopped.ok();) {
    const StatusOr<std::string_view> bytes = next();
    stopped = bytes.status();
    if (!stopped.ok() || bytes->empty()) break;
    message.clear_name();
    message.set_data(bytes->data(), bytes->size());
    open = writer->Write(message);
  }
  if (stopped.ok()) {
    writer->WritesDone();
  } else {
    context.TryCancel();
  }
  const grpc::Status status = writer->Finish();
  TESSERA_RETURN_IF_ERROR(stopped);
  if (!status.ok()) return connection_->FromGrpc(status, context);
  return FromProto(response);
}

}  // namespace tessera::client
