// A batch as sorted files that the database takes in as one change. Private to this folder.
#pragma once

#include <rocksdb/db.h>

#include <string>

#include "index/status.h"
#include "index/store/batch.h"
#include "index/store/ingested_files.h"

namespace tessera::store {

// Where the files stand until they are taken in; a crash may leave some, which belong to nobody.
std::string StagingDirectory(const std::string& database);
Status ClearStaging(rocksdb::Env* env, const std::string& database);

// Writes the changes of `batch` as one sorted and synced file a family and takes them all in by one
// synced change of the manifest: durable, whole and visible when it returns. The log is synced
// before, so that nothing committed earlier can be lost while this stays. `files`: of the database. Thread-safe.
// After an error the batch may be in force or not.
Status IngestBatch(rocksdb::DB& db, IngestedFiles& files, RocksBatch& batch);

}  // namespace tessera::store
