// Removal of points whose time has come, every second.
#pragma once

#include <memory>
#include <mutex>

#include "server/runtime.h"
#include "server/services.h"

namespace tessera::server {

// Thread-safe. Not to outlive the state.
class Sweeper {
 public:
  explicit Sweeper(ServiceState& state) : state_(state) {}
  void Start() { Schedule(); }
  // After it the catalog is not touched any more. Before the catalog goes.
  void Stop();

 private:
  void Schedule();
  void Sweep();

  ServiceState& state_;
  std::mutex mutex_;  // held while the catalog is asked
  bool stopped_ = false;
  std::unique_ptr<Runtime::Timer> timer_;
};

}  // namespace tessera::server
