#include "client/client_types.h"

#include "index/elements.h"

namespace tessera::client {
const char* CollectionStateName(CollectionState state) {
  switch (state) {
    case CollectionState::kUnknown: return "unknown";
    case CollectionState::kUntrained: return "untrained";
    case CollectionState::kServing: return "serving";
    case CollectionState::kTraining: return "training";
    case CollectionState::kReadOnly: return "read-only";
    case CollectionState::kUnopened: return "damaged";
  }
  return "unknown";
}

const char* RerankTierName(RerankTier tier) {
  switch (tier) {
    case RerankTier::kAuto: return "auto";
    case RerankTier::kNone: return "none";
    case RerankTier::kRefine: return "refine";
    case RerankTier::kRaw: return "raw";
  }
  return "unknown";
}

std::vector<float> ToFloats(const StoredVector& vector) {
  std::vector<float> out(vector.bytes.size() / ElementSize(vector.type));
  tessera::ToFloats(vector.type, vector.quantization, vector.bytes.data(), out.size(), out.data());
  return out;
}

}  // namespace tessera::client
