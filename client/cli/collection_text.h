// A collection and what it costs, for people and for programs.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "client/cli/text.h"
#include "client/client.h"

namespace tessera::cli {

// Name and bytes of each component, in order, without the total.
std::vector<std::pair<std::string, uint64_t>> MemoryComponents(const client::MemoryUsage& memory);

// One line.
std::string DescribeLive(const client::LiveRecall& live);
// Several lines.
std::string DescribeCollection(const client::CollectionInfo& info,
                               const client::CollectionStats& stats);
// Bytes a vector by component beside the raw vector's, several lines; empty without rows.
std::string DescribeMemory(const client::CollectionStats& stats, uint32_t dim);

void WriteCollection(const client::CollectionInfo& info, JsonWriter& json);
void WriteStats(const client::CollectionStats& stats, JsonWriter& json);

}  // namespace tessera::cli
