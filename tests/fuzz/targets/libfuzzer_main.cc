// One program a target: TESSERA_FUZZ_TARGET is its function.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/targets/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t n) {
  tessera::fuzz::TESSERA_FUZZ_TARGET({reinterpret_cast<const char*>(bytes), n});
  return 0;
}
