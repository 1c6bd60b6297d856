#include "pipeline/io/internal/scratch_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "pipeline/core/error.h"

namespace millesime {

ScratchFile::ScratchFile(std::string folder) : folder_(folder.empty() ? "." : std::move(folder)) {}
ScratchFile::~ScratchFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}
ScratchFile::ScratchFile(ScratchFile&& other) noexcept
    : folder_(std::move(other.folder_)), descriptor_(std::exchange(other.descriptor_, -1)) {}
ScratchFile& ScratchFile::operator=(ScratchFile&& other) noexcept {
  std::swap(folder_, other.folder_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

void ScratchFile::put(std::int64_t at, const void* bytes, std::size_t n) {
  if (descriptor_ < 0) {
    std::string name = folder_ + "/.partial-scratch-XXXXXX";
    descriptor_ = ::mkstemp(name.data());
    if (descriptor_ < 0) throw UserError(join_text(folder_, ": cannot create a temporary file in this folder: ", std::strerror(errno)));
    ::unlink(name.c_str());
  }
  for (std::size_t done = 0; done < n;) {
    const ssize_t more = ::pwrite(descriptor_, static_cast<const char*>(bytes) + done, n - done, at + static_cast<off_t>(done));
    if (more <= 0) throw UserError(join_text(folder_, ": cannot write a temporary file in this folder: ", std::strerror(errno)));
    done += static_cast<std::size_t>(more);
  }
}

void ScratchFile::get(std::int64_t at, void* bytes, std::size_t n) const {
  for (std::size_t done = 0; done < n;) {
    const ssize_t more = ::pread(descriptor_, static_cast<char*>(bytes) + done, n - done, at + static_cast<off_t>(done));
    if (more <= 0) throw UserError(join_text(folder_, ": cannot read a temporary file in this folder: ", std::strerror(errno)));
    done += static_cast<std::size_t>(more);
  }
}

}  // namespace millesime
