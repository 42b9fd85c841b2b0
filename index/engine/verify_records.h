// The small records, and the files beneath everything.
#pragma once

#include "index/engine/verify_run.h"
#include "index/status.h"

namespace tessera::engine {

Status VerifyFiles(VerifyRun& run);
// Each decodes; codebooks are the bytes that their table says.
Status VerifyRecords(VerifyRun& run);
// The lists' centroids and scales are what the state has in memory.
Status VerifyCentroids(VerifyRun& run);

}  // namespace tessera::engine
