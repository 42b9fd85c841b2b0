#include "index/quant/random.h"

#include <bit>
#include <cmath>
#include <numbers>

namespace tessera::quant {
namespace {

uint64_t SplitMix(uint64_t& state) {
  uint64_t z = (state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

}  // namespace

Random::Random(uint64_t seed) : Random(seed, 0) {}

Random::Random(uint64_t seed, uint64_t stream) {
  uint64_t mixed_stream = stream;
  uint64_t state = seed ^ SplitMix(mixed_stream);
  for (uint64_t& word : state_) word = SplitMix(state);
}

uint64_t Random::Next() {
  const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

uint64_t Random::Below(uint64_t n) {
  // Values above the last multiple of n would favour small results; they are drawn again.
  const uint64_t limit = ~uint64_t{0} - ~uint64_t{0} % n;
  uint64_t value = Next();
  while (value >= limit) value = Next();
  return value % n;
}

double Random::Uniform() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

double Random::Gaussian() {
  // Box and Muller 1958; 1 - u is never 0.
  const double radius = std::sqrt(-2.0 * std::log(1.0 - Uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * Uniform());
}

std::vector<uint32_t> SampleIndices(uint64_t n, uint64_t count, Random& random) {
  std::vector<uint32_t> indices;
  indices.reserve(count);
  for (uint64_t i = 0; i < n && indices.size() < count; ++i) {
    if (random.Below(n - i) < count - indices.size()) indices.push_back(static_cast<uint32_t>(i));
  }
  return indices;
}

}  // namespace tessera::quant
