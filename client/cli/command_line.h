// The `tessera` command from its words to its exit code.
#pragma once

namespace tessera::cli {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitInterrupted = 130;  // as a shell reports SIGINT

// Parses, runs, reports: results on standard output, all else on standard error, an error as one
// line `tessera: ...`.
int RunCommandLine(int argc, const char* const* argv);

}  // namespace tessera::cli
