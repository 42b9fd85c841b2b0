#include "server/config.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <vector>

#include "index/collection.h"

namespace tessera::server {

const char* const kVersion = TESSERA_VERSION;

namespace {

constexpr int kUsageError = 2;

// The flags of `app` write into `config`, sizes through the MiB fields.
struct Flags {
  Config config;
  std::string config_file;
  uint32_t block_cache_mib = 64;
  uint32_t write_buffer_mib = 32;
  uint32_t disk_reserve_mib = 64;
  uint32_t upkeep_write_mib = 0;
  uint32_t memory_limit_mib = 0;
  uint32_t message_mib = 64;
  uint32_t in_flight_mib = 256;

  void Declare(CLI::App& app);
  Config Result() const;

 private:
  void DeclarePlaces(CLI::App& app);
  void DeclareSizes(CLI::App& app);
  void DeclareLimits(CLI::App& app);
};

void Flags::DeclarePlaces(CLI::App& app) {
  app.add_option("--data", config.data,
                 "Data directory; created if missing, its parent must exist");
  app.add_option("--listen", config.listen,
                 "Address to serve on, host:port; port 0 takes a free one");
  app.add_option("--metrics-listen", config.metrics_listen,
                 "Address to serve Prometheus metrics on (GET /metrics), host:port; port 0 takes a "
                 "free one; empty serves none");
  app.add_option("--port-file", config.port_file,
                 "File to write the address to once ready, for scripts that wait");
  app.add_option("--config", config_file, "TOML file with these flags as keys, without the dashes")
      ->configurable(false);
  app.add_option("--log-level", config.log_level, "Log level")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}));
  app.add_option("--slow-query-ms", config.slow_query_ms,
                 "Log each request that takes longer, milliseconds; 0 logs none");
  app.add_option("--shutdown-grace-ms", config.shutdown_grace_ms,
                 "Time that requests under way get at shutdown, milliseconds")
      ->check(CLI::Range(0, 600000));
}

void Flags::DeclareSizes(CLI::App& app) {
  app.add_option("--threads", config.threads, "Threads that encode and search; 0 is one a core")
      ->check(CLI::Range(0, 1024));
  app.add_option("--io-threads", config.io_threads,
                 "Threads that commit and train in the background")
      ->check(CLI::Range(2, 256));
  app.add_option("--block-cache-mib", block_cache_mib, "RocksDB block cache, all collections, MiB")
      ->check(CLI::Range(1, 1 << 20));
  app.add_option("--write-buffer-mib", write_buffer_mib, "RocksDB memtables, all collections, MiB")
      ->check(CLI::Range(1, 1 << 16));
  app.add_option("--disk-reserve-mib", disk_reserve_mib, "Writes are refused while the disk has less free, MiB")
      ->check(CLI::Range(0, 1 << 20));
  app.add_option("--upkeep-cpu-share", config.upkeep.cpu_share,
                 "Share of a processor for each thread of background work while queries come, above 0 to 1")
      ->check(CLI::Range(0.01, 1.0));
  app.add_option("--upkeep-write-mib", upkeep_write_mib,
                 "Written a second by flushes, compactions and backups, MiB; 0 sets no limit")
      ->check(CLI::Range(0, 1 << 20));
}

void Flags::DeclareLimits(CLI::App& app) {
  app.add_option("--memory-limit-mib", memory_limit_mib,
                 "Most memory of collections, caches, queues and trainings; what would not fit is refused, MiB; 0 is none")
      ->check(CLI::Range(0, 1 << 24));
  app.add_option("--max-message-mib", message_mib, "Largest request or reply, MiB")
      ->check(CLI::Range(1, 1024));
  app.add_option("--max-limit", config.limits.limit, "Largest limit + offset of a query")
      ->check(CLI::Range(uint32_t{1}, kMaxLimit));
  app.add_option("--max-batch-rows", config.limits.batch_rows,
                 "Most points, ids or queries in one request")
      ->check(CLI::Range(1, 1 << 24));
  app.add_option("--max-in-flight", config.limits.in_flight, "Most requests at once")
      ->check(CLI::Range(1, 1 << 20));
  app.add_option("--max-in-flight-mib", in_flight_mib, "Most bytes of requests at once, MiB")
      ->check(CLI::Range(1, 1 << 20));
  app.add_option("--query-join-wait-us", config.query_join_wait_us,
                 "Time that a single query waits for others to run with it as a batch, "
                 "microseconds; 0 joins none")
      ->check(CLI::Range(0, 100000));
  app.add_option("--query-join-max", config.query_join_max, "Most queries of such a batch")
      ->check(CLI::Range(2, 65536));
  app.add_option("--max-trainings", config.limits.trainings, "Most trainings at once")
      ->check(CLI::Range(1, 64));
}

std::string EnvironmentName(std::string flag) {
  std::replace(flag.begin(), flag.end(), '-', '_');
  std::transform(flag.begin(), flag.end(), flag.begin(),
                 [](unsigned char c) { return std::toupper(c); });
  return "TESSERA_" + flag;
}

void Flags::Declare(CLI::App& app) {
  app.option_defaults()->always_capture_default();
  DeclarePlaces(app);
  DeclareSizes(app);
  DeclareLimits(app);
  for (CLI::Option* option : app.get_options()) {
    const std::string flag = option->get_lnames().front();
    if (flag != "help") option->envname(EnvironmentName(flag));
  }
  app.set_version_flag("--version", std::string("tesserad ") + kVersion,
                       "Print the version and exit");
}

Config Flags::Result() const {
  Config result = config;
  result.block_cache_bytes = size_t{block_cache_mib} << 20;
  result.write_buffer_bytes = size_t{write_buffer_mib} << 20;
  result.disk_reserve_bytes = uint64_t{disk_reserve_mib} << 20;
  result.upkeep.bytes_per_second = uint64_t{upkeep_write_mib} << 20;
  result.memory_limit_bytes = uint64_t{memory_limit_mib} << 20;
  result.limits.message_bytes = size_t{message_mib} << 20;
  // A message that may be sent must be one that can be admitted.
  result.limits.in_flight_bytes = size_t{std::max(in_flight_mib, message_mib)} << 20;
  return result;
}

// CLI11's own set_config() lets the file win over the environment; here the file fills only what
// flags and environment left open.
void ApplyFile(CLI::App& app, const std::string& path) {
  if (path.empty()) return;
  if (CLI::detail::check_path(path.c_str()) != CLI::detail::path_type::file) {
    throw CLI::FileError::Missing(path);
  }
  for (const CLI::ConfigItem& item : CLI::ConfigTOML().from_file(path)) {
    if (!item.parents.empty()) {
      throw CLI::ConfigError(path + ": unknown section [" + item.parents.front() + ']');
    }
    CLI::Option* option = app.get_option_no_throw("--" + item.name);
    if (option == nullptr || !option->get_configurable() || option->get_expected_min() == 0) {
      throw CLI::ConfigError(path + ": unknown key \"" + item.name + '"');
    }
    if (option->count() > 0) continue;
    option->add_result(item.inputs);
    option->run_callback();
  }
}

}  // namespace

ParsedConfig ParseConfig(int argc, const char* const* argv) {
  CLI::App app("tesserad: the Tessera vector search server", "tesserad");
  app.footer(
      "Every flag may also be set in the environment (--io-threads as TESSERA_IO_THREADS) and in "
      "the\n"
      "file of --config; flags win over the environment, the environment wins over the file.\n"
      "TESSERA_ISA forces the instruction set: scalar, ssse3, avx2, avx512, avx512vbmi.");
  Flags flags;
  flags.Declare(app);
  ParsedConfig parsed;
  try {
    app.parse(argc, argv);
    ApplyFile(app, flags.config_file);
    parsed.config = flags.Result();
  } catch (const CLI::CallForHelp&) {
    parsed.text = app.help();
  } catch (const CLI::CallForVersion& version) {
    parsed.text = std::string(version.what()) + '\n';
  } catch (const CLI::Error& error) {
    parsed.exit_code = kUsageError;
    parsed.text = std::string("tesserad: ") + error.what() + "\nTry tesserad --help\n";
  }
  return parsed;
}

}  // namespace tessera::server
