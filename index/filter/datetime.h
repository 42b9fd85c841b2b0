// RFC 3339 date-times as microseconds since 1970-01-01T00:00:00Z.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tessera::filter {

// None if `text` is no date-time, or a date alone (midnight UTC). Years 0000 to 9999, digits beyond
// microseconds are cut off, a leap second (23:59:60 in UTC) is the second after it.
std::optional<int64_t> ParseDatetime(std::string_view text);
// In UTC, as few digits as it needs: "2024-01-01T00:00:00Z", "...00.25Z". For what ParseDatetime
// gives.
std::string FormatDatetime(int64_t microseconds);

}  // namespace tessera::filter
