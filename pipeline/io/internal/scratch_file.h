#pragma once
// Inside pipeline/io only: a temporary file in a folder. It has no name once it is open, so nothing is left behind, however the program
// ends. It is made when something is first put into it.

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

  // UserError with the folder where the disk is full or refuses.
  void put(std::int64_t at, const void* bytes, std::size_t n);
  void get(std::int64_t at, void* bytes, std::size_t n) const;

 private:
  std::string folder_;
  int descriptor_ = -1;
};

}  // namespace millesime
