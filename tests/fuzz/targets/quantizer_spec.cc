#include "index/quantizer_spec.h"

#include "tests/fuzz/targets/target.h"

namespace tessera::fuzz {

void RunQuantizerSpec(std::string_view bytes) {
  const auto spec = QuantizerSpec::Parse(std::string(bytes));
  if (!spec.ok()) return;
  const std::string text = spec->ToString();
  const auto again = QuantizerSpec::Parse(text);
  Require(again.ok() && again->ToString() == text, "what a spec is written as is read as the same");
  for (const uint32_t dim : {1u, 96u, 65535u}) (void)spec->Validate(dim);
}

}  // namespace tessera::fuzz
