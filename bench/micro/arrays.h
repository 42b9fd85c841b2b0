// Arrays for benchmarks: 64-byte aligned, filled with a fixed pseudo-random sequence.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <random>

namespace tessera::bench {

template <typename T>
class Array {
 public:
  explicit Array(size_t size) : size_(size), data_(new (std::align_val_t{64}) T[size]()) {}
  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  size_t size() const { return size_; }
  T& operator[](size_t i) { return data_.get()[i]; }

 private:
  struct Free {
    void operator()(T* p) const { ::operator delete[](p, std::align_val_t{64}); }
  };
  size_t size_;
  std::unique_ptr<T[], Free> data_;
};

// Bytes of at most `most`, which is 2^n - 1.
inline Array<uint8_t> RandomBytes(size_t size, uint8_t most, uint32_t seed) {
  Array<uint8_t> bytes(size);
  std::mt19937_64 random(seed);
  uint64_t word = 0;
  for (size_t i = 0; i < size; ++i) {
    word = i % 8 == 0 ? random() : word >> 8;
    bytes[i] = static_cast<uint8_t>(word & most);
  }
  return bytes;
}

inline Array<float> RandomFloats(size_t size, uint32_t seed) {
  Array<float> values(size);
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  for (size_t i = 0; i < size; ++i) values[i] = normal(random);
  return values;
}

}  // namespace tessera::bench
