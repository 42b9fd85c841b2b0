// The log of the process, on stderr: one line an event. Keeps the logging library in one file.
#pragma once

#include <string>

namespace tessera::server {

// level: trace, debug, info, warn, error, off. Call before the first line.
void InitLog(const std::string& level);

// Thread-safe.
void LogDebug(const std::string& line);
void LogInfo(const std::string& line);
void LogWarning(const std::string& line);
void LogError(const std::string& line);

}  // namespace tessera::server
