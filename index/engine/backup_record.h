// What a backup says of itself.
#pragma once

#include <string>
#include <string_view>

#include "index/backup.h"
#include "index/status.h"

namespace tessera::engine {

// Bytes are described in index/engine/README.md. Encoded: format, collection, commit, rows, time, dim, metric and
// quantizer; the rest of `info` is not touched by decoding. Of a newer format only that is decoded, and it is OK.
// DataLoss.
std::string EncodeBackup(const BackupInfo& info);
Status DecodeBackup(std::string_view bytes, BackupInfo& info);

// FailedPrecondition with advice if a newer version wrote it.
Status CheckBackupFormat(uint32_t format);

}  // namespace tessera::engine
