// Archives of backups on their way out and in: streams of messages.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "server/services.h"
#include "tessera/v1/backups.grpc.pb.h"

namespace tessera::server {

// Admitted calls run on the pool of backups, two archives at a time; others are refused. Reactors delete themselves;
// request and response live until then. A slow client holds up its own call and no more memory than one message.
grpc::ServerWriteReactor<v1::DownloadBackupResponse>* StartDownload(ServiceState& state,
                                                                    grpc::CallbackServerContext* context,
                                                                    const v1::DownloadBackupRequest* request);
grpc::ServerReadReactor<v1::UploadBackupRequest>* StartUpload(ServiceState& state,
                                                              grpc::CallbackServerContext* context,
                                                              v1::RestoreResult* response);

}  // namespace tessera::server
