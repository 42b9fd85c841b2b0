#include "index/filter.h"

#include "index/payload.h"
#include "tests/fuzz/targets/target.h"

namespace tessera::fuzz {

// An expression, and behind a zero byte the payload that it is asked of.
void RunFilter(std::string_view bytes) {
  const size_t end = std::min(bytes.find('\0'), bytes.size());
  const auto filter = ParseFilter(bytes.substr(0, end));
  if (!filter.ok()) return;
  const PayloadSchema schema;
  if (!CheckFilter(*filter, schema).ok()) return;
  const auto again = ParseFilter(ToString(*filter));
  Require(again.ok() && *again == NormalizeFilter(*filter), "a filter that is written is read as the same");
  const auto payload = CanonicalPayload(end < bytes.size() ? bytes.substr(end + 1) : std::string_view());
  if (!payload.ok()) return;
  const PointId id(7);
  const auto one = Matches(*filter, *payload, id, schema);
  const auto other = Matches(*again, *payload, id, schema);
  Require(one.ok() == other.ok() && (!one.ok() || *one == *other), "both forms of a filter mean the same");
}

}  // namespace tessera::fuzz
