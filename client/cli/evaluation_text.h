// A table of measured quantizers as people and as programs read it.
#pragma once

#include <string>

#include "client/client_types.h"
#include "client/cli/text.h"

namespace tessera::cli {

// Two tables, recall and cost, with what their columns mean; specs that failed are listed below.
std::string DescribeEvaluation(const client::EvaluateResult& result);
// A line for each quantizer and nprobe, with a header.
std::string EvaluationCsv(const client::EvaluateResult& result);
void WriteEvaluation(const client::EvaluateResult& result, JsonWriter& json);

}  // namespace tessera::cli
