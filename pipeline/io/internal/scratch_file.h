#pragma once
// Inside pipeline/io only: a temporary file in a folder. It is unlinked once it is open, so no file remains, however the program
// ends. It is created by the first write.

#include <cstddef>
#include <cstdint>
#include <string>

namespace millesime {

class ScratchFile {
 public:
  explicit ScratchFile(std::string folder);  // "" is the current one
  ~ScratchFile();
  ScratchFile(ScratchFile&& other) noexcept;
  ScratchFile& operator=(ScratchFile&& other) noexcept;

  // UserError with the folder if the disk is full or writing fails.
  void put(std::int64_t at, const void* bytes, std::size_t n);
  void get(std::int64_t at, void* bytes, std::size_t n) const;

 private:
  std::string folder_;
  int descriptor_ = -1;
};

}  // namespace millesime
