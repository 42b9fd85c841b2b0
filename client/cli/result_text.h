// Answers of a search, for people and for programs.
#pragma once

#include <string>

#include "client/cli/text.h"
#include "client/client.h"

namespace tessera::cli {

// A table of the hits; with explain, what the search did.
std::string DescribeResult(const client::QueryResult& result);
void WriteResult(const client::QueryResult& result, JsonWriter& json);

void WritePointId(const PointId& id, JsonWriter& json);
void WriteVector(const client::StoredVector& vector, JsonWriter& json);
void WriteParams(const client::SearchParams& params, JsonWriter& json);

}  // namespace tessera::cli
