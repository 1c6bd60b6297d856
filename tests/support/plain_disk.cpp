// A library for LD_PRELOAD: a file system that lacks what some network file systems lack. PLAIN_DISK names what, of
//
//   flock     no locks: ENOSYS (Lustre without -o flock)
//   fsync     folders cannot be flushed: EINVAL (CIFS before Linux 4.17, vboxsf)
//   exchange  two names cannot be exchanged: EINVAL (NFS)
//   links     no symbolic links: EPERM (exFAT, vboxsf)

#include <dlfcn.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace {

bool lacks(const char* what) {
  const char* all = std::getenv("PLAIN_DISK");
  return all && std::strstr(all, what);
}

template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

int flock(int file, int operation) noexcept {
  static const auto real = next<int (*)(int, int)>("flock");
  if (!lacks("flock")) return real(file, operation);
  errno = ENOSYS;
  return -1;
}

int fsync(int file) {
  static const auto real = next<int (*)(int)>("fsync");
  struct stat status {};
  if (!lacks("fsync") || ::fstat(file, &status) != 0 || !S_ISDIR(status.st_mode)) return real(file);
  errno = EINVAL;
  return -1;
}

int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) noexcept {
  static const auto real = next<int (*)(int, const char*, int, const char*, unsigned)>("renameat2");
  if (flags == 0 || !lacks("exchange")) return real(from_folder, from, to_folder, to, flags);
  errno = EINVAL;
  return -1;
}

int symlink(const char* target, const char* link) noexcept {
  static const auto real = next<int (*)(const char*, const char*)>("symlink");
  if (!lacks("links")) return real(target, link);
  errno = EPERM;
  return -1;
}
}
