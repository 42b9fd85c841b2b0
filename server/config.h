// What tesserad is told: command line, environment, TOML file, defaults, in that order of
// precedence.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "index/upkeep.h"

namespace tessera::server {

// Past these a request gets a clear error instead of memory it may not have.
struct Limits {
  size_t message_bytes = 64u << 20;     // one request or reply on the wire
  uint32_t limit = 16384;               // limit + offset of a query, at most kMaxLimit
  uint32_t batch_rows = 65536;          // points, ids or queries in one request
  size_t in_flight = 1024;              // requests admitted at once, all connections together
  size_t in_flight_bytes = 256u << 20;  // and the bytes of their messages
  size_t trainings = 2;                 // trainings asked for by clients, at once
};

struct Config {
  std::string data = "tessera-data";      // data directory
  std::string listen = "127.0.0.1:7700";  // host:port (port 0: a free one), or unix:/path
  std::string metrics_listen;  // host:port of GET /metrics; empty: none
  std::string port_file;  // where to write the chosen address once ready; empty: nowhere
  size_t threads = 0;     // compute pool; 0 = one a core
  size_t io_threads = 4;  // commits, collections, background training
  size_t block_cache_bytes = 64u << 20;
  size_t write_buffer_bytes = 32u << 20;
  uint64_t disk_reserve_bytes = 64u << 20;
  UpkeepLimits upkeep{0.5, 0};
  uint64_t memory_limit_bytes = 0;  // of all collections and caches (CatalogOptions); 0 = none
  Limits limits;
  uint32_t query_join_wait_us = 0;     // that a single query waits for others to join; 0 = none
  uint32_t query_join_max = 64;        // queries of such a group
  uint32_t slow_query_ms = 1000;       // log requests that take longer; 0 = none
  uint32_t shutdown_grace_ms = 10000;  // for requests under way at shutdown
  std::string log_level = "info";      // trace, debug, info, warn, error, off
};

struct ParsedConfig {
  std::optional<Config> config;  // absent: print `text` and exit with `exit_code`
  int exit_code = 0;             // 0: help or version, for stdout; 2: usage error, for stderr
  std::string text;
};

// Reads argv, then for what it leaves open the environment (--io-threads is TESSERA_IO_THREADS),
// then the TOML file named by --config or TESSERA_CONFIG (keys are the flags without dashes in
// front), then the defaults. A key of the file that is no flag is an error.
ParsedConfig ParseConfig(int argc, const char* const* argv);

extern const char* const kVersion;  // "0.1.0"

}  // namespace tessera::server
