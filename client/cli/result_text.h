// Answers of a search, for people and for programs.
#pragma once

#include <string>

#include "client/cli/text.h"
#include "client/client.h"

namespace tessera::cli {

// A table of the hits; with explain, what the search did.
std::string DescribeResult(const client::QueryResult& result);
void WriteResult(const client::QueryResult& result, JsonWriter& json);
void WriteHit(const client::Hit& hit, JsonWriter& json);
// One table, value by value of `field`.
std::string DescribeGroups(const client::GroupResult& result, const std::string& field);
void WriteGroups(const client::GroupResult& result, JsonWriter& json);

std::string ValueText(const PayloadValue& value);
void WriteValue(const PayloadValue& value, JsonWriter& json);

void WritePointId(const PointId& id, JsonWriter& json);
void WriteFloats(const std::vector<float>& values, JsonWriter& json);
// As keys of the open object: "vector", what its components stand for; where they are not f32, "dtype"; of a
// quantized one "scale", "zero_point" and, as they are stored, "integers".
void WriteVector(const client::StoredVector& vector, JsonWriter& json);
void WriteEstimate(const client::RecallEstimate& estimate, JsonWriter& json);
void WriteParams(const client::SearchParams& params, JsonWriter& json);

}  // namespace tessera::cli
