// Backups on the wire. Pure functions.
#pragma once

#include "index/backup.h"
#include "server/operations.h"
#include "tessera/v1/backup.pb.h"

namespace tessera::server {

void ToProto(const BackupInfo& info, v1::Backup* out);
void ToProto(const RestoreOutcome& restored, v1::RestoreResult* out);

}  // namespace tessera::server
