// 64-byte aligned bytes for what kernels read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

namespace tessera {

// Owns `size` bytes, zeroed at creation, aligned to 64 and with capacity rounded up to 64.
// Move-only.
class AlignedBuffer {
 public:
  static constexpr size_t kAlignment = 64;

  AlignedBuffer() = default;
  explicit AlignedBuffer(size_t size) { Resize(size); }

  // Grows or shrinks; keeps the memory when the capacity suffices. Contents become zero.
  void Resize(size_t size) {
    if (size > capacity_) {
      const size_t capacity = (size + kAlignment - 1) / kAlignment * kAlignment;
      data_.reset(static_cast<uint8_t*>(::operator new(capacity, std::align_val_t{kAlignment})));
      capacity_ = capacity;
    }
    size_ = size;
    if (capacity_ > 0) std::memset(data_.get(), 0, capacity_);
  }

  uint8_t* data() { return data_.get(); }
  const uint8_t* data() const { return data_.get(); }
  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }

 private:
  struct Free {
    void operator()(uint8_t* p) const { ::operator delete(p, std::align_val_t{kAlignment}); }
  };
  std::unique_ptr<uint8_t, Free> data_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace tessera
