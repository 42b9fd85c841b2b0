// A directory that is a FileSink: what is written into it goes there, file by file. Private to this folder.
#pragma once

#include <rocksdb/env.h>

#include <memory>

#include "index/store/backup.h"

namespace tessera::store {

// For BackupEngine's restore alone: new files, one at a time, and their renaming; the directory is always empty. A
// file that is renamed when all are there (CURRENT) is given its last name from the start. `cause` is what the
// sink said first, if it failed; both outlive the environment.
std::unique_ptr<rocksdb::Env> SinkEnv(FileSink& sink, Status& cause);

}  // namespace tessera::store
