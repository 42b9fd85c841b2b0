// The families that belong to no generation, against each other: rows, ids, vectors, payloads, requests.
#pragma once

#include "index/engine/verify_run.h"
#include "index/status.h"

namespace tessera::engine {

// Fills run.rows. Findings are in the run; an error is one of reading that is no damage, or the run's stop.
Status VerifyRows(VerifyRun& run);
Status VerifyIds(VerifyRun& run);
// Untrained collections have their vectors in memory: these are compared too.
Status VerifyVectors(VerifyRun& run);
Status VerifyPayloads(VerifyRun& run);
Status VerifyRequests(VerifyRun& run);

}  // namespace tessera::engine
