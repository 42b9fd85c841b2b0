#include "server/services.h"

namespace tessera::server {

StatusOr<Catalog*> ServiceState::OpenedCatalog() const {
  Catalog* opened = catalog.load(std::memory_order_acquire);
  if (opened == nullptr) return Unavailable("the server is starting");
  return opened;
}

StatusOr<std::shared_ptr<Collection>> ServiceState::Find(const std::string& name,
                                                         const std::string& field) const {
  if (name.empty()) return InvalidArgument(field + " is missing");
  TESSERA_ASSIGN_OR_RETURN(const Catalog* opened, OpenedCatalog());
  return opened->Get(name);
}

}  // namespace tessera::server
