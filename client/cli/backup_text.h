// Backups in words and tables.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "client/cli/text.h"
#include "client/client.h"

namespace tessera::cli {

// "backup 3 of words: 12,345 rows at commit 17, 12.3 MiB, 1.2 MiB of it new".
std::string BackupLine(const client::BackupInfo& info);
// "words-2: 12,345 rows at commit 17".
std::string RestoreLine(const client::RestoreResult& restored);
// `now`: seconds since 1970, for ages.
std::string BackupTable(const std::vector<client::BackupInfo>& all, int64_t now);
void WriteBackup(const client::BackupInfo& info, JsonWriter& json);
void WriteRestore(const client::RestoreResult& restored, JsonWriter& json);

}  // namespace tessera::cli
