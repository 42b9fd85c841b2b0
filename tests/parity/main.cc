// scalar_parity: the operators of index/scalar_quantizer.h on binary jobs, for parity.mjs.
//
// Standard input: jobs, one after another: u8 operator (0 quantize, 1 dequantize, 2 dynamic), u8 bits,
// u8 signed, u8 0, u32 outer, u32 channels, u32 inner; then, but for operator 2, channels x (f32 scale,
// i32 zero point); then outer * channels * inner values (f32, or one byte for operator 1). Standard
// output: per job its values; operator 2 writes f32 scale and i32 zero point before them.
#include <cstdint>
#include <cstdio>
#include <vector>

#include "index/scalar_quantizer.h"

namespace {

using tessera::AxisShape;
using tessera::ScalarParams;
using tessera::ScalarType;

static_assert(sizeof(ScalarParams) == 8);

struct Header {
  uint8_t op, bits, is_signed, zero;
  uint32_t outer, channels, inner;
};

template <typename T>
bool Read(std::vector<T>& out, size_t n) {
  out.resize(n);
  return std::fread(out.data(), sizeof(T), n, stdin) == n;
}

template <typename T>
bool Write(const T* values, size_t n) {
  return std::fwrite(values, sizeof(T), n, stdout) == n;
}

bool RunJob(const Header& job) {
  const ScalarType type{job.bits, job.is_signed != 0};
  const AxisShape shape{job.outer, job.channels, job.inner};
  const size_t n = shape.outer * shape.channels * shape.inner;
  std::vector<ScalarParams> params;
  std::vector<float> floats;
  std::vector<uint8_t> integers(n);
  if (job.op == 2) {
    if (!Read(floats, n)) return false;
    params = {tessera::DynamicQuantizeLinear(floats.data(), n, type, integers.data())};
    return Write(params.data(), 1) && Write(integers.data(), n);
  }
  if (!Read(params, shape.channels)) return false;
  if (job.op == 1) {
    if (!Read(integers, n)) return false;
    floats.resize(n);
    tessera::DequantizeLinear(integers.data(), shape, params.data(), type, floats.data());
    return Write(floats.data(), n);
  }
  if (!Read(floats, n)) return false;
  tessera::QuantizeLinear(floats.data(), shape, params.data(), type, integers.data());
  return Write(integers.data(), n);
}

}  // namespace

int main() {
  Header job;
  while (std::fread(&job, sizeof(job), 1, stdin) == 1) {
    if (RunJob(job)) continue;
    std::fprintf(stderr, "scalar_parity: a job is cut off\n");
    return 1;
  }
  return 0;
}
