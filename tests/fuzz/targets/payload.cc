#include "index/payload.h"

#include "tests/fuzz/targets/target.h"

namespace tessera::fuzz {
namespace {

// What a payload says, with nothing known of it and with fields that have types.
void RunCanonical(std::string_view bytes) {
  static const PayloadSchema schema = TypedSchema();
  const auto payload = CanonicalPayload(bytes);
  if (!payload.ok()) return;
  const auto again = CanonicalPayload(*payload);
  Require(again.ok() && *again == *payload, "a canonical payload is its own");
  const bool fits = schema.Validate(*payload).ok();
  for (const PayloadField& field : schema.fields()) {
    const auto values = PayloadValues(*payload, field.path, schema);
    Require(values.ok() || !fits, "a payload that fits has values");
  }
  (void)PayloadValues(*payload, "none", schema);
}

void RunSchema(std::string_view bytes) {
  const auto schema = PayloadSchema::Decode(bytes);
  if (!schema.ok()) return;
  const auto again = PayloadSchema::Decode(schema->Encode());
  Require(again.ok() && *again == *schema, "a schema that is written is read as the same");
  (void)schema->Validate("{}");
}

}  // namespace

PayloadSchema TypedSchema() {
  auto schema = PayloadSchema::Make({{"a", FieldType::kKeyword},
                                     {"b", FieldType::kInteger},
                                     {"c", FieldType::kFloat},
                                     {"d", FieldType::kBool},
                                     {"e", FieldType::kDatetime},
                                     {"f", FieldType::kGeo},
                                     {"g.h", FieldType::kKeyword, false, false},
                                     {"t", FieldType::kKeyword, true}});
  Require(schema.ok(), "the schema is one");
  return *schema;
}

void RunPayload(std::string_view bytes) { Choose(bytes, 2) == 0 ? RunCanonical(bytes) : RunSchema(bytes); }

}  // namespace tessera::fuzz
