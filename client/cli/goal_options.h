// The goals that a collection may be created with instead of a quantizer.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "client/client_types.h"

namespace tessera::cli {

// --quantizer, --bytes-per-vector, --memory-budget with --expected-rows, --target-recall: at most one
// of the four.
void AddQuantizerOptions(CLI::App* command, client::CollectionConfig& config,
                         const std::string& when);

bool HasGoal(const client::CollectionConfig& config);
// "quantizer IVF,PQ", "24 bytes a vector, quantizer to be measured", ...
std::string DescribeGoal(const client::CollectionConfig& config);

}  // namespace tessera::cli
