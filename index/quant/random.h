// A random generator whose numbers depend on the seed alone: the distributions of the standard
// library differ between implementations, and with them every trained model would.
#pragma once

#include <cstdint>
#include <vector>

namespace tessera::quant {

// xoshiro256** (Blackman, Vigna 2018), seeded by splitmix64. Not thread-safe.
class Random {
 public:
  explicit Random(uint64_t seed);
  // A generator of its own for part `stream` of the work under one seed.
  Random(uint64_t seed, uint64_t stream);

  uint64_t Next();
  uint64_t Below(uint64_t n);  // uniform in [0, n), n > 0
  double Uniform();            // in [0, 1)
  double Gaussian();           // mean 0, variance 1

 private:
  uint64_t state_[4];
};

// `count` distinct indices of [0, n), ascending, each subset as likely as any other (Knuth's
// selection sampling). count <= n.
std::vector<uint32_t> SampleIndices(uint64_t n, uint64_t count, Random& random);

}  // namespace tessera::quant
