#include "server/services.h"

#include <utility>

namespace tessera::server {

void ServiceState::Post(Executor& executor, std::function<void()> task) {
  auto entry = std::make_shared<TaskCount::Entry>(tasks);
  executor.Post([entry = std::move(entry), task = std::move(task)]() mutable {
    std::function<void()> run = std::move(task);
    // Locals go in reverse order: the task with all it holds, then the entry.
    run();
  });
}

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
