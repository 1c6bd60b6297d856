#include "pipeline/engine/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>

#include "pipeline/core/error.h"
#include "pipeline/engine/lock_file.h"

namespace millesime {
namespace {

constexpr const char* kTaskPrefix = ".lock.task-";
constexpr std::chrono::milliseconds kAskAgain{500};  // for a lock that is a file: nobody tells when it goes

std::string content(int descriptor) {
  char text[512];
  const auto length = ::pread(descriptor, text, sizeof text, 0);
  return length > 0 ? std::string(text, static_cast<std::size_t>(length)) : std::string();
}

// Opens (makes) a lock file and its folder. Whoever may write in the folder may lock it: its mode is what the umask leaves.
int open_lock(const std::string& file) {
  const std::string folder = std::filesystem::path(file).parent_path();
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw UserError(join_text(folder, ": cannot create this output folder: ", error.message()));
  int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  // A colleague made it with another umask: it can be locked, though not signed.
  if (descriptor < 0 && errno == EACCES) descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw UserError(join_text(folder, ": cannot write in this output folder: ", std::strerror(errno)));
  return descriptor;
}

[[noreturn]] void close_and_throw(int descriptor, const std::string& message) {
  ::close(descriptor);
  throw UserError(message);
}

bool may_write(int descriptor) { return (::fcntl(descriptor, F_GETFL) & O_ACCMODE) != O_RDONLY; }

void sign(int descriptor, const std::string& file, const std::string& text) {
  if (!may_write(descriptor)) return;
  if (::ftruncate(descriptor, 0) != 0 || ::pwrite(descriptor, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    close_and_throw(descriptor, join_text(file, ": cannot be written: ", std::strerror(errno)));
}

// An empty lock file means that its last holder ended normally.
void erase_signature(int descriptor) {
  if (::ftruncate(descriptor, 0) != 0) { /* the next holder will say that it takes over: harmless */
  }
}

// The file system has no flock, as some network file systems.
bool without_flock(int reason) {
  return reason == ENOSYS || reason == ENOTSUP || reason == EOPNOTSUPP || reason == ENOLCK || reason == EINVAL;
}

[[noreturn]] void in_use(const std::string& folder, const std::string& holder) {
  throw UserError(join_text(folder, " is in use by another run: ", holder, "; wait for it or choose another output"));
}

}  // namespace

OutputLock::OutputLock(const std::string& folder, Sharing sharing)
    : file_(folder + "/.lock"), alone_(sharing == Sharing::alone), descriptor_(open_lock(file_)) {
  if (::flock(descriptor_, (alone_ ? LOCK_EX : LOCK_SH) | LOCK_NB) != 0) {
    const int reason = errno;
    if (without_flock(reason)) {
      ::close(descriptor_);
      descriptor_ = -1;
      lock_by_file(folder);
      return;
    }
    const std::string holder = content(descriptor_);
    ::close(descriptor_);
    if (reason != EWOULDBLOCK) throw UserError(join_text(folder, ": cannot be locked: ", std::strerror(reason)));
    in_use(folder, holder.empty() ? "tasks of a cluster" : holder);
  }
  // Tasks write no name here, as there are many; each has written its name to the lock of its unit.
  if (!alone_) {
    erase_signature(descriptor_);
    return;
  }
  taken_over_ = content(descriptor_);
  sign(descriptor_, file_, who_am_i());
}

// Both sides first make their file and then look for the other's, so that never both go on.
void OutputLock::lock_by_file(const std::string& folder) {
  note_ = folder + ": this file system has no locks of its own (flock), so a file says who is at work";
  const std::string alone = folder + "/.lock.held";
  std::string holder;
  if (alone_) {
    if (!make_lock_file(alone, holder, taken_over_)) in_use(folder, holder);
    held_ = alone;
    if (const auto tasks = live_lock_files(folder, kTaskPrefix); !tasks.empty()) {
      remove_lock_file(held_);
      in_use(folder, "tasks of a cluster, " + tasks.front());
    }
    return;
  }
  static std::atomic<int> counter{0};
  char host[256] = "host";
  ::gethostname(host, sizeof host - 1);
  const std::string own = join_text(folder, "/", kTaskPrefix, host, "-", ::getpid(), "-", counter++);
  std::string abandoned;
  if (!make_lock_file(own, holder, abandoned)) in_use(folder, holder);
  held_ = own;
  if (const auto runs = live_lock_files(folder, ".lock.held"); !runs.empty()) {
    remove_lock_file(held_);
    in_use(folder, runs.front());
  }
}

OutputLock::~OutputLock() {
  if (!held_.empty()) remove_lock_file(held_);
  if (descriptor_ < 0) return;
  if (alone_) erase_signature(descriptor_);
  ::close(descriptor_);
}

WaitingLock::WaitingLock(const std::string& file, const std::function<void(const std::string&)>& waiting) : descriptor_(open_lock(file)) {
  bool told = false;
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    if (without_flock(errno)) {
      ::close(descriptor_);
      descriptor_ = -1;
      std::string holder, abandoned;
      while (!make_lock_file(file + ".held", holder, abandoned)) {
        if (!told) waiting(holder);
        told = true;
        std::this_thread::sleep_for(kAskAgain);
      }
      held_ = file + ".held";
      return;
    }
    if (errno == EWOULDBLOCK) waiting(content(descriptor_));
    while (::flock(descriptor_, LOCK_EX) != 0)
      if (errno != EINTR) close_and_throw(descriptor_, join_text(file, ": cannot be locked: ", std::strerror(errno)));
  }
  sign(descriptor_, file, who_am_i());
}

std::string holder_of(const std::string& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return "";
  const int reason = ::flock(descriptor, LOCK_SH | LOCK_NB) == 0 ? 0 : errno;
  std::string holder = reason == EWOULDBLOCK ? content(descriptor) : "";
  ::close(descriptor);
  if (reason == EWOULDBLOCK) return holder.empty() ? "another process" : holder;
  if (!without_flock(reason)) return "";
  const std::filesystem::path path(file + ".held");
  const auto alive = live_lock_files(path.parent_path(), path.filename());
  return alive.empty() ? "" : alive.front();
}

WaitingLock::~WaitingLock() {
  if (!held_.empty()) remove_lock_file(held_);
  if (descriptor_ < 0) return;
  erase_signature(descriptor_);
  ::close(descriptor_);
}

}  // namespace millesime
