// The options --filter and --field.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "client/client.h"
#include "index/payload.h"
#include "index/status.h"

namespace tessera::cli {

// For footers: what --filter takes.
inline constexpr const char* kFilterHelp =
    "Filters, on payloads and ids (of several values of a field, any may do):\n"
    "  category = \"shoes\" and (price < 50 or not in_stock = true)\n"
    "  = != < <= > >= with a value; 1 < price <= 5; price between 1 and 5\n"
    "  color in (\"red\", \"blue\"); color not in (\"red\"); id in (1, \"a\")\n"
    "  exists(f), missing(f), prefix(f, \"x\"), true, false\n"
    "  geo_radius(f, lat, lon, metres), geo_box(f, south, west, north, east)\n"
    "  a field is a path as in offers.price; in backquotes if it has other than letters, digits, _\n";

CLI::Option* AddFilterOption(CLI::App* command, std::string& filter, const std::string& help);

// "price:float", "tenant:keyword:partition", "note:keyword:noindex".
StatusOr<PayloadField> ParsePayloadField(const std::string& text);
std::string DescribeField(const PayloadField& field);  // in that notation
// --field of commands that create a collection; `when` begins its help.
void AddFieldOption(CLI::App* command, client::CollectionConfig& config, const std::string& when);

}  // namespace tessera::cli
