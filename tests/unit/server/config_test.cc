#include "server/config.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <string>
#include <vector>

namespace tessera::server {
namespace {

// Sets an environment variable for one test.
class ScopedEnv {
 public:
  ScopedEnv(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
  ~ScopedEnv() { unsetenv(name_); }

 private:
  const char* name_;
};

ParsedConfig Parse(std::vector<const char*> args) {
  args.insert(args.begin(), "tesserad");
  return ParseConfig(static_cast<int>(args.size()), args.data());
}

std::string WriteFile(const std::string& text) {
  const std::string path = testing::TempDir() + "config_test.toml";
  std::ofstream(path) << text;
  return path;
}

TEST(ConfigTest, DefaultsAreThoseOfTheStruct) {
  const ParsedConfig parsed = Parse({});
  ASSERT_TRUE(parsed.config) << parsed.text;
  const Config defaults;
  EXPECT_EQ(parsed.config->data, defaults.data);
  EXPECT_EQ(parsed.config->listen, "127.0.0.1:7700");
  EXPECT_EQ(parsed.config->io_threads, defaults.io_threads);
  EXPECT_EQ(parsed.config->block_cache_bytes, defaults.block_cache_bytes);
  EXPECT_EQ(parsed.config->write_buffer_bytes, defaults.write_buffer_bytes);
  EXPECT_EQ(parsed.config->disk_reserve_bytes, defaults.disk_reserve_bytes);
  EXPECT_EQ(parsed.config->memory_limit_bytes, defaults.memory_limit_bytes);
  EXPECT_EQ(Parse({"--memory-limit-mib", "4096"}).config->memory_limit_bytes, uint64_t{4} << 30);
  EXPECT_EQ(parsed.config->limits.message_bytes, size_t{64} << 20);
  EXPECT_EQ(parsed.config->limits.in_flight_bytes, defaults.limits.in_flight_bytes);
  EXPECT_EQ(parsed.config->limits.in_flight, defaults.limits.in_flight);
  EXPECT_EQ(parsed.config->query_join_wait_us, 0u);
  EXPECT_EQ(parsed.config->query_join_max, defaults.query_join_max);
}

TEST(ConfigTest, FlagWinsOverEnvironmentOverFileOverDefault) {
  const std::string path = WriteFile("io-threads = 7\nmax-in-flight = 70\nmax-limit = 700\n");
  const ScopedEnv io("TESSERA_IO_THREADS", "8");
  const ScopedEnv in_flight("TESSERA_MAX_IN_FLIGHT", "80");
  const ParsedConfig parsed = Parse({"--config", path.c_str(), "--io-threads=9"});
  ASSERT_TRUE(parsed.config) << parsed.text;
  EXPECT_EQ(parsed.config->io_threads, 9u);
  EXPECT_EQ(parsed.config->limits.in_flight, 80u);
  EXPECT_EQ(parsed.config->limits.limit, 700u);
  EXPECT_EQ(parsed.config->limits.batch_rows, Limits().batch_rows);
}

TEST(ConfigTest, FileMayBeNamedByTheEnvironment) {
  const std::string path = WriteFile("listen = \"127.0.0.1:0\"\nblock-cache-mib = 5\n");
  const ScopedEnv config("TESSERA_CONFIG", path.c_str());
  const ParsedConfig parsed = Parse({});
  ASSERT_TRUE(parsed.config) << parsed.text;
  EXPECT_EQ(parsed.config->listen, "127.0.0.1:0");
  EXPECT_EQ(parsed.config->block_cache_bytes, size_t{5} << 20);
}

TEST(ConfigTest, InFlightBytesHoldOneMessageAtLeast) {
  const ParsedConfig parsed = Parse({"--max-message-mib=100", "--max-in-flight-mib=10"});
  ASSERT_TRUE(parsed.config) << parsed.text;
  EXPECT_EQ(parsed.config->limits.in_flight_bytes, size_t{100} << 20);
}

void ExpectUsageError(const ParsedConfig& parsed, const std::string& named) {
  EXPECT_FALSE(parsed.config);
  EXPECT_EQ(parsed.exit_code, 2);
  EXPECT_NE(parsed.text.find(named), std::string::npos) << parsed.text;
}

TEST(ConfigTest, ErrorsNameTheFlagOrKey) {
  ExpectUsageError(Parse({"--no-such-flag"}), "--no-such-flag");
  ExpectUsageError(Parse({"--io-threads=1"}), "--io-threads");
  ExpectUsageError(Parse({"--query-join-wait-us=-1"}), "--query-join-wait-us");
  ExpectUsageError(Parse({"--query-join-max=1"}), "--query-join-max");
  ExpectUsageError(Parse({"--max-limit=20000"}), "--max-limit");
  ExpectUsageError(Parse({"--threads=many"}), "--threads");
  ExpectUsageError(Parse({"--log-level=loud"}), "--log-level");
  ExpectUsageError(Parse({"--config=/no/such/file.toml"}), "/no/such/file.toml");
  const std::string unknown = WriteFile("colour = \"red\"\n");
  ExpectUsageError(Parse({"--config", unknown.c_str()}), "colour");
  const std::string nested = WriteFile("[server]\nthreads = 2\n");
  ExpectUsageError(Parse({"--config", nested.c_str()}), "server");
  const std::string out_of_range = WriteFile("max-limit = 0\n");
  ExpectUsageError(Parse({"--config", out_of_range.c_str()}), "max-limit");
  const ScopedEnv bad("TESSERA_MAX_TRAININGS", "zero");
  ExpectUsageError(Parse({}), "max-trainings");
}

TEST(ConfigTest, HelpAndVersionExitCleanly) {
  const ParsedConfig help = Parse({"--help"});
  EXPECT_FALSE(help.config);
  EXPECT_EQ(help.exit_code, 0);
  for (const char* flag :
       {"--data", "--listen", "--port-file", "--max-message-mib", "TESSERA_ISA"}) {
    EXPECT_NE(help.text.find(flag), std::string::npos) << flag;
  }
  const ParsedConfig version = Parse({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_EQ(version.text, std::string("tesserad ") + kVersion + "\n");
}

}  // namespace
}  // namespace tessera::server
