// Pages of lists: sizes and opaque tokens.
#pragma once

#include <cstdint>
#include <string>

#include "index/status.h"

namespace tessera::server {

inline constexpr int32_t kDefaultPageSize = 100;
inline constexpr int32_t kMaxPageSize = 1000;

// 0 is the default, larger than the maximum the maximum. InvalidArgument if negative.
StatusOr<size_t> PageSize(int32_t asked);

// A token for the page after `last` of the list `kind`, which a client can only hand back.
std::string PageToken(const std::string& kind, const std::string& last);
// `last` of a token of the same kind; empty for the empty token (the first page). InvalidArgument
// if it is none of ours.
StatusOr<std::string> ParsePageToken(const std::string& kind, const std::string& token);

}  // namespace tessera::server
