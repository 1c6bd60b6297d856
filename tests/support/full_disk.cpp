// A library for LD_PRELOAD: writes below one folder fail from, or only at, the n-th call, as on a full disk. It works for programs and the
// libraries that they link (GDAL, SQLite); calls inside the C library are not affected.
//
//   FULL_DISK_FOLDER  absolute path; calls on files elsewhere are not counted
//   FULL_DISK_AT      number, from 1, of the call that fails with ENOSPC; 0: none
//   FULL_DISK_ONCE    set: only that call; otherwise every one from there on
//   FULL_DISK_FLIP    set: no call fails; the n-th one that writes 2000 bytes or more into a .tif writes one bit wrongly, as a faulty disk
//                     does. Only these calls are counted.
//   FULL_DISK_COUNT   file to write the number of calls to, at the end of the process

#include <dlfcn.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

class FullDisk {
 public:
  ~FullDisk() { report(); }

  void report() const {
    const std::string path = variable("FULL_DISK_COUNT");
    if (path.empty()) return;
    if (std::FILE* file = std::fopen(path.c_str(), "w")) {
      std::fprintf(file, "%ld\n", calls_.load());
      std::fclose(file);
    }
  }

  // True where this call has to fail; errno is set.
  bool refuses(std::string_view path) {
    if (flips_ || folder_.empty() || path.substr(0, folder_.size()) != folder_) return false;
    const long call = ++calls_;
    if (at_ == 0 || (once_ ? call != at_ : call < at_)) return false;
    errno = ENOSPC;
    return true;
  }
  bool refuses(int descriptor) { return !flips_ && !folder_.empty() && refuses(path_of(descriptor)); }

  // What a call that writes these bytes writes: the bytes themselves, or a copy with a wrong bit in the middle, kept in `wrong`.
  const void* written(int descriptor, const void* bytes, std::size_t n, std::string& wrong) {
    constexpr std::size_t kFewest = 2000;
    if (!flips_ || folder_.empty() || n < kFewest) return bytes;
    const std::string path = path_of(descriptor);
    if (path.substr(0, folder_.size()) != folder_ || path.size() < 4 || path.substr(path.size() - 4) != ".tif") return bytes;
    if (++calls_ != at_) return bytes;
    wrong.assign(static_cast<const char*>(bytes), n);
    wrong[n / 2] = static_cast<char>(wrong[n / 2] ^ 1);
    return wrong.data();
  }

 private:
  static std::string path_of(int descriptor) {
    std::array<char, PATH_MAX> path{};
    const ssize_t n = ::readlink(("/proc/self/fd/" + std::to_string(descriptor)).c_str(), path.data(), path.size());
    return n > 0 ? std::string(path.data(), static_cast<std::size_t>(n)) : "";
  }

  std::string folder_ = variable("FULL_DISK_FOLDER");
  long at_ = std::atol(variable("FULL_DISK_AT").c_str());
  bool once_ = !variable("FULL_DISK_ONCE").empty(), flips_ = !variable("FULL_DISK_FLIP").empty();
  std::atomic<long> calls_{0};
};

FullDisk& disk() {
  static FullDisk the_disk;
  return the_disk;
}

template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

std::string absolute(const char* path) {
  if (*path == '/') return path;
  std::array<char, PATH_MAX> here{};
  return ::getcwd(here.data(), here.size()) ? std::string(here.data()) + "/" + path : path;
}

}  // namespace

extern "C" {

// A program that ends so destroys nothing.
[[noreturn]] void _Exit(int code) {
  disk().report();
  next<void (*)(int)>("_exit")(code);
  __builtin_unreachable();
}

ssize_t write(int file, const void* bytes, size_t n) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t)>("write");
  std::string wrong;
  return disk().refuses(file) ? -1 : real(file, disk().written(file, bytes, n, wrong), n);
}

ssize_t writev(int file, const iovec* parts, int n) {
  static const auto real = next<ssize_t (*)(int, const iovec*, int)>("writev");
  return disk().refuses(file) ? -1 : real(file, parts, n);
}

ssize_t pwrite(int file, const void* bytes, size_t n, off_t at) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite");
  std::string wrong;
  return disk().refuses(file) ? -1 : real(file, disk().written(file, bytes, n, wrong), n, at);
}

ssize_t pwrite64(int file, const void* bytes, size_t n, off64_t at) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t, off64_t)>("pwrite64");
  std::string wrong;
  return disk().refuses(file) ? -1 : real(file, disk().written(file, bytes, n, wrong), n, at);
}

int fsync(int file) {
  static const auto real = next<int (*)(int)>("fsync");
  return disk().refuses(file) ? -1 : real(file);
}

int fdatasync(int file) {
  static const auto real = next<int (*)(int)>("fdatasync");
  return disk().refuses(file) ? -1 : real(file);
}

int ftruncate(int file, off_t size) {
  static const auto real = next<int (*)(int, off_t)>("ftruncate");
  return disk().refuses(file) ? -1 : real(file, size);
}

int ftruncate64(int file, off64_t size) {
  static const auto real = next<int (*)(int, off64_t)>("ftruncate64");
  return disk().refuses(file) ? -1 : real(file, size);
}

size_t fwrite(const void* bytes, size_t size, size_t n, FILE* file) {
  static const auto real = next<size_t (*)(const void*, size_t, size_t, FILE*)>("fwrite");
  std::string wrong;
  return disk().refuses(::fileno(file)) ? 0 : real(disk().written(::fileno(file), bytes, size * n, wrong), size, n, file);
}

int rename(const char* from, const char* to) noexcept {
  static const auto real = next<int (*)(const char*, const char*)>("rename");
  return disk().refuses(absolute(to)) ? -1 : real(from, to);
}

int symlink(const char* target, const char* link) noexcept {
  static const auto real = next<int (*)(const char*, const char*)>("symlink");
  return disk().refuses(absolute(link)) ? -1 : real(target, link);
}

int mkdir(const char* path, mode_t mode) noexcept {
  static const auto real = next<int (*)(const char*, mode_t)>("mkdir");
  return disk().refuses(absolute(path)) ? -1 : real(path, mode);
}
}
