#include "index/busy.h"

namespace tessera {
namespace {

constexpr const char* kBusy = "tessera/busy";

}  // namespace

Status Busy(const std::string& message) {
  Status status = ResourceExhausted(message);
  status.SetPayload(kBusy, {});
  return status;
}

bool IsBusy(const Status& status) { return status.GetPayload(kBusy).has_value(); }

}  // namespace tessera
