// The small records, and the files beneath everything.
#pragma once

#include <string>

#include "index/engine/verify_run.h"
#include "index/status.h"

namespace tessera::engine {

Status VerifyFiles(VerifyRun& run);
// Each decodes; codebooks are the bytes that their table says. FailedPrecondition: a newer version wrote one.
Status VerifyRecords(VerifyRun& run);
// One of them, by its name: whether it can be decoded. A name that is not known is OK.
Status CheckRecord(const std::string& name, const std::string& bytes);
// The lists' centroids and scales are what the state has in memory.
Status VerifyCentroids(VerifyRun& run);

}  // namespace tessera::engine
