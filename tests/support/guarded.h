#pragma once
// Guarded<T>: an output array between two bands of a known number, to detect writes outside of it.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include <gtest/gtest.h>

namespace millesime::testing {

template <class T>
class Guarded {
 public:
  explicit Guarded(std::int64_t size) : size_(static_cast<std::size_t>(size)), memory_(size_ + 2 * kBand) {
    std::memset(static_cast<void*>(memory_.data()), kByte, memory_.size() * sizeof(T));
  }
  T* data() { return memory_.data() + kBand; }
  std::vector<T> values() const { return {memory_.begin() + kBand, memory_.begin() + static_cast<std::ptrdiff_t>(kBand + size_)}; }
  void expect_untouched_bands(const char* what) const {
    for (std::size_t i = 0; i < kBand; ++i) {
      EXPECT_TRUE(untouched(i)) << what << ": written " << kBand - i << " before the array";
      EXPECT_TRUE(untouched(kBand + size_ + i)) << what << ": written " << i << " behind the array of " << size_;
    }
  }

 private:
  static constexpr std::size_t kBand = 128;
  static constexpr unsigned char kByte = 0xA5;
  bool untouched(std::size_t i) const {
    unsigned char bytes[sizeof(T)];
    std::memcpy(bytes, &memory_[i], sizeof(T));
    for (const unsigned char byte : bytes)
      if (byte != kByte) return false;
    return true;
  }

  std::size_t size_;
  std::vector<T> memory_;
};

}  // namespace millesime::testing
