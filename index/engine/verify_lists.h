// The families of the generation in force against the rows and each other, and the lists in memory against them.
#pragma once

#include "index/engine/verify_run.h"
#include "index/status.h"

namespace tessera::engine {

// After VerifyRows. As those of verify_rows.h.
Status VerifyAssignments(VerifyRun& run);
// List by list: postings against assignments, memory against postings; with VerifyOptions::deep codes against vectors.
Status VerifyPostings(VerifyRun& run);

}  // namespace tessera::engine
