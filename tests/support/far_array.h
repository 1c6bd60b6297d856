#pragma once
// FarArray<T>: an array of billions of elements that needs memory only for the pages that are used, for tests of indices above 2^31.
// Unused elements are 0. Memory on either side cannot be accessed, so that an index that has wrapped to a negative number is detected.

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>

namespace millesime::testing {

template <class T>
class FarArray {
 public:
  explicit FarArray(std::int64_t size) : bytes_(whole_pages(static_cast<std::size_t>(size) * sizeof(T))) {
    void* memory = mmap(nullptr, bytes_ + 2 * kBeyond, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::runtime_error("no address space for a far array");
    whole_ = static_cast<char*>(memory);
    if (mprotect(whole_ + kBeyond, bytes_, PROT_READ | PROT_WRITE) != 0) throw std::runtime_error("no memory for a far array");
  }
  FarArray(const FarArray&) = delete;
  FarArray& operator=(const FarArray&) = delete;
  ~FarArray() { munmap(whole_, bytes_ + 2 * kBeyond); }

  T* data() { return reinterpret_cast<T*>(whole_ + kBeyond); }
  T& operator[](std::int64_t i) { return data()[i]; }

 private:
  static constexpr std::size_t kBeyond = std::size_t{1} << 34;  // what 2^32 elements of 4 bytes span
  static std::size_t whole_pages(std::size_t bytes) { return (bytes + 4095) / 4096 * 4096; }

  std::size_t bytes_;
  char* whole_ = nullptr;
};

}  // namespace millesime::testing
