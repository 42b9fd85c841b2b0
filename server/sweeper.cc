#include "server/sweeper.h"

#include <chrono>
#include <vector>

#include "server/guarded.h"

namespace tessera::server {
namespace {

constexpr std::chrono::seconds kInterval(1);

}  // namespace

void Sweeper::Stop() {
  std::lock_guard lock(mutex_);
  stopped_ = true;
  timer_.reset();
}

// The next one is set when this one is done: sweeps never queue up.
void Sweeper::Schedule() {
  std::lock_guard lock(mutex_);
  if (stopped_) return;
  timer_ = state_.runtime.After(kInterval, [this] {
    state_.runtime.waiting().Post([this] {
      Sweep();
      Schedule();
    });
  });
}

void Sweeper::Sweep() {
  std::vector<std::shared_ptr<Collection>> collections;
  {
    std::lock_guard lock(mutex_);
    Catalog* catalog = stopped_ ? nullptr : state_.catalog.load(std::memory_order_acquire);
    if (catalog == nullptr) return;
    for (const std::string& name : catalog->List()) {
      if (auto found = catalog->Get(name); found.ok()) collections.push_back(*found);
    }
  }
  // What fails, of a collection that is read-only for example, is tried again a second later; until then its points are
  // no answers either way.
  for (const auto& collection : collections) {
    (void)Guarded([&] { return collection->RemoveExpired().status(); });
  }
}

}  // namespace tessera::server
