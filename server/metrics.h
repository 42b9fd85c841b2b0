// Prometheus metrics over HTTP: what Stats tells of every collection, at the time of the scrape.
#pragma once

#include <memory>
#include <string>

#include "index/status.h"
#include "server/services.h"

namespace tessera::server {

// Thread-safe. Until the catalog is open only the process is told of. The destructor waits for
// scrapes under way; it comes before the catalog closes.
class MetricsEndpoint {
 public:
  // Serves GET /metrics at `listen`, host:port (port 0: a free one), with a thread of its own, one
  // request a connection. Unavailable: the address cannot be listened on. `state` outlives it.
  static StatusOr<std::unique_ptr<MetricsEndpoint>> Start(const ServiceState& state,
                                                          const std::string& listen);
  virtual ~MetricsEndpoint() = default;

  // "127.0.0.1:9090", the port as chosen.
  virtual const std::string& address() const = 0;
};

}  // namespace tessera::server
