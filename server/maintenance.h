// What tesserad does with a data directory that no server has open: `tesserad verify` and `tesserad repair`.
#pragma once

#include <optional>

namespace tessera::server {

// The exit code, if the first argument is one of the two. 0: clean, or repaired without a loss; 1: findings, losses, or an
// error, which stands on standard error; 2: usage.
std::optional<int> RunMaintenance(int argc, char** argv);

}  // namespace tessera::server
