// Codebooks and drift as people and as programs read them.
#pragma once

#include <string>
#include <vector>

#include "client/client_types.h"
#include "client/cli/text.h"

namespace tessera::cli {

// "codebook 3 of words is active: IVF,PQ25x8, ..."
std::string CodebookLine(const std::string& collection, const client::CodebookInfo& info);
// A line a version. now: seconds since 1970, for ages.
std::string CodebookTable(const std::vector<client::CodebookInfo>& all, int64_t now);
std::string DescribeCodebook(const client::CodebookInfo& info, int64_t now);
void WriteCodebook(const client::CodebookInfo& info, JsonWriter& json);

// "retrain: the error of ..."
std::string DescribeDrift(const client::Drift& drift);
void WriteDrift(const client::Drift& drift, JsonWriter& json);

}  // namespace tessera::cli
