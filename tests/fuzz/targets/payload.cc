#include "index/payload.h"

#include "tests/fuzz/targets/target.h"

namespace tessera::fuzz {
namespace {

void RunCanonical(std::string_view bytes) {
  const auto payload = CanonicalPayload(bytes);
  if (!payload.ok()) return;
  const auto again = CanonicalPayload(*payload);
  Require(again.ok() && *again == *payload, "a canonical payload is its own");
}

void RunSchema(std::string_view bytes) {
  const auto schema = PayloadSchema::Decode(bytes);
  if (!schema.ok()) return;
  const auto again = PayloadSchema::Decode(schema->Encode());
  Require(again.ok() && *again == *schema, "a schema that is written is read as the same");
  (void)schema->Validate("{}");
}

}  // namespace

void RunPayload(std::string_view bytes) { Choose(bytes, 2) == 0 ? RunCanonical(bytes) : RunSchema(bytes); }

}  // namespace tessera::fuzz
