// How far a load has come, kept in a small file so that it can go on after an interruption.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "index/status.h"
#include "index/types.h"

namespace tessera::cli {

// A place between two rows of the files of one load.
struct LoadPosition {
  uint64_t file = 0;  // number of the file, from 0
  uint64_t row = 0;   // of that file
  uint64_t base = 0;  // rows of the files before it

  uint64_t total() const { return base + row; }
  friend bool operator==(const LoadPosition&, const LoadPosition&) = default;
};

// Every row before `position` is acknowledged as durable, or was reported as bad.
struct LoadState {
  // What the position belongs to: server, collection, files with sizes and times, options. A state
  // of another identity is of no use.
  std::string identity;
  LoadPosition position;
  uint64_t loaded = 0;
  uint64_t rejected = 0;
  uint64_t commit = 0;             // highest that was acknowledged
  std::optional<PointId> last_id;  // of a row that was acknowledged
  friend bool operator==(const LoadState&, const LoadState&) = default;
};

std::string FormatLoadState(const LoadState& state);
// InvalidArgument if `text` is not what FormatLoadState wrote.
StatusOr<LoadState> ParseLoadState(const std::string& text);

// NotFound if there is none. FailedPrecondition with the system's reason.
StatusOr<LoadState> ReadLoadState(const std::string& path);
// Replaces the file by a rename, making its folder if needed. Not synced: a state that is lost or
// behind only makes rows be sent again, and sending a row again changes nothing.
Status WriteLoadState(const std::string& path, const LoadState& state);
void RemoveLoadState(const std::string& path);

// `what` lists server, collection and options. Empty if a file is no regular file: its bytes cannot
// be read again, so there is nothing to resume.
std::string LoadIdentity(const std::vector<std::string>& what,
                         const std::vector<std::string>& files);
// $XDG_STATE_HOME/tessera/load-<hash>, by default under ~/.local/state; empty without a home.
std::string DefaultLoadStatePath(const std::string& identity);

}  // namespace tessera::cli
