// What all trainers take and tell.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "index/deadline.h"
#include "index/executor.h"

namespace tessera {

struct TrainingContext {
  Executor* executor = nullptr;  // null = the caller's thread
  uint64_t seed = 1234;          // same seed + same sample = same bytes at any thread count
  StopToken stop;                // asked between iterations and blocks
  // fraction in [0, 1], a short lower-case stage name such as "centroids". Called on the training
  // thread; may be empty.
  std::function<void(double fraction, const char* stage)> progress;
};

}  // namespace tessera
