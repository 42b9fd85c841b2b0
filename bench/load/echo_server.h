// The echo service as a process: gRPC set up as tesserad sets it up, and nothing behind it.
#pragma once

#include <string>

namespace tessera::bench {

// Serves until SIGTERM; writes the address to `port_file`. The exit code.
int ServeEcho(const std::string& listen, const std::string& port_file);

}  // namespace tessera::bench
