// Keys of every column family and the names of the families themselves: the one place that knows
// them. Integers are big-endian, so that byte order is numeric order and a list is one contiguous
// range.
//
// Pure functions, thread-safe. Parsers treat their input as hostile and return false on any other
// length or tag than the builder makes.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "index/types.h"

namespace tessera::store {

inline constexpr char kIdsFamily[] = "ids";
inline constexpr char kRowsFamily[] = "rows";
inline constexpr char kVectorsFamily[] = "vectors";
inline constexpr char kPayloadFamily[] = "payload";
inline constexpr char kRequestsFamily[] = "requests";
inline constexpr char kCentroidsPrefix[] = "centroids-";
inline constexpr char kAssignPrefix[] = "assign-";
inline constexpr char kPostingsPrefix[] = "postings-";

// "postings-" and generation 7 give "postings-7".
std::string GenerationFamily(const char* prefix, Generation g);
// The generation of a name made by GenerationFamily with this prefix; nullopt for anything else,
// other spellings of the number ("07", "+7") included.
std::optional<Generation> ParseGenerationFamily(const char* prefix, std::string_view name);

using Key32 = std::array<char, 4>;
using Key64 = std::array<char, 8>;

Key32 RowKey(RowId row);
Key32 ListKey(ListId list);
Key64 PostingKey(ListId list, RowId row);

bool ParseRowKey(std::string_view key, RowId& row);
bool ParseListKey(std::string_view key, ListId& list);
bool ParsePostingKey(std::string_view key, ListId& list, RowId& row);

// An external id: 0 and 8 bytes for a number, 1 and the bytes for a string.
inline constexpr char kNumberTag = 0;
inline constexpr char kStringTag = 1;
// False, with nothing appended, if the id is a string that is empty or longer than
// kMaxPointKeyBytes.
bool AppendIdKey(const PointId& id, std::string& out);
bool ParseIdKey(std::string_view key, PointId& id);

// Family `requests`: 0 and the request's id, and 1 and its place in the order of requests.
inline constexpr char kRequestIdTag = 0;
inline constexpr char kRequestPlaceTag = 1;
std::string RequestIdKey(std::string_view id);
std::array<char, 9> RequestPlaceKey(uint64_t sequence);
bool ParseRequestPlaceKey(std::string_view key, uint64_t& sequence);

template <size_t N>
std::string_view View(const std::array<char, N>& key) {
  return {key.data(), N};
}

}  // namespace tessera::store
