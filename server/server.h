// tesserad without main(): one catalog served over gRPC.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "index/catalog.h"
#include "index/status.h"
#include "server/config.h"

namespace tessera::server {

// Thread-safe. The destructor stops.
class Server {
 public:
  // Catalog::Open, or what a test puts in its place.
  using OpenCatalog = std::function<StatusOr<std::unique_ptr<Catalog>>(const CatalogOptions&)>;

  // Listens (health: NOT_SERVING, other calls UNAVAILABLE), opens the catalog, then serves. Returns
  // when serving. FailedPrecondition: the data directory is in use or of an unknown format.
  // Unavailable: the address cannot be listened on.
  static StatusOr<std::unique_ptr<Server>> Start(const Config& config, const OpenCatalog& open);
  virtual ~Server() = default;

  // Where it listens: "127.0.0.1:43217", the port as chosen.
  virtual const std::string& address() const = 0;
  // Of GET /metrics, the port as chosen; empty if it is not served.
  virtual std::string metrics_address() const = 0;
  // Admits nothing more, gives requests under way the configured time, cancels what is left, then
  // drains and closes the catalog. Blocks; later calls return at once.
  virtual void Stop() = 0;
};

}  // namespace tessera::server
