#include "index/filter.h"

#include "index/payload.h"
#include "tests/fuzz/targets/target.h"

namespace tessera::fuzz {
namespace {

void Ask(const Filter& filter, const PayloadSchema& schema, std::string_view payload, std::string_view expression) {
  if (!CheckFilter(filter, schema, expression).ok()) return;
  const auto again = ParseFilter(ToString(filter));
  Require(again.ok() && *again == NormalizeFilter(filter), "a filter that is written is read as the same");
  (void)PartitionCondition(filter, schema);
  const PointId id(7);
  const auto one = Matches(filter, payload, id, schema);
  const auto other = Matches(*again, payload, id, schema);
  Require(one.ok() == other.ok() && (!one.ok() || *one == *other), "both forms of a filter mean the same");
}

}  // namespace

// An expression, and behind a zero byte the payload that it is asked of: without a schema, and with one.
void RunFilter(std::string_view bytes) {
  static const PayloadSchema schema = TypedSchema();
  const size_t end = std::min(bytes.find('\0'), bytes.size());
  const std::string_view expression = bytes.substr(0, end);
  const auto filter = ParseFilter(expression);
  if (!filter.ok()) return;
  const auto payload = CanonicalPayload(end < bytes.size() ? bytes.substr(end + 1) : std::string_view());
  const std::string text = payload.ok() ? *payload : "{}";
  Ask(*filter, PayloadSchema(), text, expression);
  Ask(*filter, schema, text, expression);
}

}  // namespace tessera::fuzz
