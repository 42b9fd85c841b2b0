#include "server/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace tessera::server {

void InitLog(const std::string& level) {
  auto logger = std::make_shared<spdlog::logger>("tesserad",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  logger->set_level(spdlog::level::from_str(level == "warn" ? "warning" : level));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

void LogDebug(const std::string& line) { spdlog::debug(line); }
void LogInfo(const std::string& line) { spdlog::info(line); }
void LogWarning(const std::string& line) { spdlog::warn(line); }
void LogError(const std::string& line) { spdlog::error(line); }

}  // namespace tessera::server
