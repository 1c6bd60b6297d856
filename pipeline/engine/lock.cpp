#include "pipeline/engine/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>

#include "pipeline/core/error.h"

namespace millesime {
namespace {

std::string who_am_i() {
  char host[256] = "unknown host";
  ::gethostname(host, sizeof host - 1);
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char time[32];
  std::strftime(time, sizeof time, "%Y-%m-%d %H:%M:%S UTC", &utc);
  return join_text("process ", ::getpid(), " on ", host, " since ", time);
}

std::string content(int descriptor) {
  char text[512];
  const auto length = ::pread(descriptor, text, sizeof text, 0);
  return length > 0 ? std::string(text, static_cast<std::size_t>(length)) : std::string();
}

// Opens a lock file; creates it and its folder if necessary.
int open_lock(const std::string& file) {
  const std::string folder = std::filesystem::path(file).parent_path();
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw UserError(join_text(folder, ": cannot create this output folder: ", error.message()));
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) throw UserError(join_text(folder, ": cannot write in this output folder: ", std::strerror(errno)));
  return descriptor;
}

[[noreturn]] void close_and_throw(int descriptor, const std::string& message) {
  ::close(descriptor);
  throw UserError(message);
}

void sign(int descriptor, const std::string& file, const std::string& text) {
  if (::ftruncate(descriptor, 0) != 0 || ::pwrite(descriptor, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    close_and_throw(descriptor, join_text(file, ": cannot be written: ", std::strerror(errno)));
}

// An empty lock file means that its last holder ended normally.
void erase_signature(int descriptor) {
  if (::ftruncate(descriptor, 0) != 0) { /* the next holder will say that it takes over: harmless */
  }
}

}  // namespace

OutputLock::OutputLock(const std::string& folder, Sharing sharing)
    : file_(folder + "/.lock"), alone_(sharing == Sharing::alone), descriptor_(open_lock(file_)) {
  if (::flock(descriptor_, (alone_ ? LOCK_EX : LOCK_SH) | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) close_and_throw(descriptor_, join_text(folder, ": cannot be locked: ", std::strerror(errno)));
    const std::string holder = content(descriptor_);
    close_and_throw(descriptor_, join_text(folder, " is in use by another run: ", holder.empty() ? "tasks of a cluster" : holder,
                                           "; wait for it or choose another output"));
  }
  // Tasks write no name here, as there are many; each has written its name to the lock of its unit.
  if (!alone_) {
    erase_signature(descriptor_);
    return;
  }
  taken_over_ = content(descriptor_);
  sign(descriptor_, file_, who_am_i());
}

OutputLock::~OutputLock() {
  if (alone_) erase_signature(descriptor_);
  ::close(descriptor_);
}

WaitingLock::WaitingLock(const std::string& file, const std::function<void(const std::string&)>& waiting) : descriptor_(open_lock(file)) {
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) waiting(content(descriptor_));
    while (::flock(descriptor_, LOCK_EX) != 0)
      if (errno != EINTR) close_and_throw(descriptor_, join_text(file, ": cannot be locked: ", std::strerror(errno)));
  }
  sign(descriptor_, file, who_am_i());
}

WaitingLock::~WaitingLock() {
  erase_signature(descriptor_);
  ::close(descriptor_);
}

}  // namespace millesime
