#include "server/guarded.h"

#include <exception>
#include <new>

namespace tessera::server {

Status Guarded(absl::FunctionRef<Status()> work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return ResourceExhausted("out of memory");
  } catch (const std::exception& error) {
    return Internal(error.what());
  }
}

}  // namespace tessera::server
