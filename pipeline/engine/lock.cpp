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

}  // namespace

OutputLock::OutputLock(const std::string& folder) : file_(folder + "/.lock") {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw UserError(join_text(folder, ": cannot make this output folder: ", error.message()));
  descriptor_ = ::open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0) throw UserError(join_text(folder, ": cannot write in this output folder: ", std::strerror(errno)));
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    const int reason = errno;
    const std::string holder = content(descriptor_);
    ::close(descriptor_);
    if (reason == EWOULDBLOCK)
      throw UserError(
          join_text(folder, " is in use by another run: ", holder.empty() ? "unknown" : holder, "; wait for it or choose another output"));
    throw UserError(join_text(folder, ": cannot be locked: ", std::strerror(reason)));
  }
  taken_over_ = content(descriptor_);
  const std::string me = who_am_i();
  if (::ftruncate(descriptor_, 0) != 0 || ::pwrite(descriptor_, me.data(), me.size(), 0) != static_cast<ssize_t>(me.size())) {
    const int reason = errno;
    ::close(descriptor_);
    throw UserError(join_text(file_, ": cannot be written: ", std::strerror(reason)));
  }
}

OutputLock::~OutputLock() {
  // An empty lock file says that its last holder ended in order.
  if (::ftruncate(descriptor_, 0) != 0) { /* the next run will say that it takes over: harmless */
  }
  ::close(descriptor_);
}

}  // namespace millesime
