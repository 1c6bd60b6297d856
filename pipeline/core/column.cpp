#include "pipeline/core/column.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "pipeline/core/error.h"

namespace millesime {

void release_pages(const void* first, std::size_t bytes) {
  static const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto address = reinterpret_cast<std::uintptr_t>(first);
  const std::uintptr_t begin = (address + page - 1) / page * page, end = (address + bytes) / page * page;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);  // on failure they just stay
}

std::shared_ptr<void> scratch_space(const std::string& folder, std::size_t bytes) {
  const auto refuse = [&](const char* what, int reason) {
    throw UserError(join_text(folder, ": ", what, " for ", (bytes >> 20) + 1, " MiB of intermediate data: ", std::strerror(reason),
                              "; free space there, or use more --memory"));
  };
  std::error_code ignored;  // the file says it
  std::filesystem::create_directories(folder, ignored);
  std::string name = folder + "/.scratch-XXXXXX";
  const int file = ::mkostemp(name.data(), O_CLOEXEC);
  if (file < 0) refuse("no file can be made", errno);
  ::unlink(name.c_str());
  const int full =
      bytes > 0 ? ::posix_fallocate(file, 0, static_cast<off_t>(bytes)) : 0;  // else a full disk ends the program when it writes
  void* address = full == 0 && bytes > 0 ? ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) : nullptr;
  const int reason = errno;
  ::close(file);
  if (full != 0) refuse("there is no space", full);
  if (address == MAP_FAILED) refuse("no file can be mapped", reason);
  return {address, [bytes](void* mapped) {
            if (mapped) ::munmap(mapped, bytes);
          }};
}

}  // namespace millesime
