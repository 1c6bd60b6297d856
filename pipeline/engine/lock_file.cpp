#include "pipeline/engine/lock_file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "pipeline/core/error.h"

namespace millesime {
namespace fs = std::filesystem;
namespace {

std::string host_name() {
  char host[256] = "unknown host";
  ::gethostname(host, sizeof host - 1);
  return host;
}

// When the process was started, in ticks since the host was: tells it from a later process of the same number. "" where it is unknown.
std::string start_of(long process) {
  std::ifstream stream("/proc/" + std::to_string(process) + "/stat");
  std::string text;
  std::getline(stream, text);
  const auto name_end = text.rfind(')');
  if (name_end == std::string::npos) return "";
  std::istringstream fields(text.substr(name_end + 1));
  std::string field;
  constexpr int kStartTime = 20;  // field 22 of proc(5), counted from the one behind the name
  for (int i = 0; i < kStartTime; ++i) fields >> field;
  return field;
}

std::string text_of(const std::string& file) {
  std::ifstream stream(file);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

// Three lines: who_am_i(); the host; number and start of the process.
std::string signature() { return join_text(who_am_i(), "\n", host_name(), "\n", ::getpid(), " ", start_of(::getpid()), "\n"); }

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

// Only of a process of this host can anybody know that.
bool is_dead(const std::string& signed_text) {
  std::istringstream lines(signed_text);
  std::string who, host, start;
  long process = 0;
  std::getline(lines, who);
  std::getline(lines, host);
  lines >> process >> start;
  if (host != host_name() || process <= 0) return false;
  if (::kill(static_cast<pid_t>(process), 0) != 0 && errno == ESRCH) return true;
  const std::string now = start_of(process);
  return !now.empty() && !start.empty() && now != start;
}

// Another name in the same folder, of this process alone; what is left of it after a kill goes with other abandoned files.
std::string beside(const std::string& file) {
  const fs::path path(file);
  return join_text(path.parent_path().string(), "/.partial-lock-", host_name(), "-", ::getpid(), path.filename().string());
}

// Moves the file of a dead process away; false where somebody else was faster.
bool take_away(const std::string& file, const std::string& expected) {
  const std::string aside = beside(file);
  if (::rename(file.c_str(), aside.c_str()) != 0) return false;
  const bool right = text_of(aside) == expected;
  // It was another's, made in between: back with it, unless there is a newer one already.
  if (!right && ::link(aside.c_str(), file.c_str()) != 0 && errno != EEXIST) return ::rename(aside.c_str(), file.c_str()), false;
  ::unlink(aside.c_str());
  return right;
}

}  // namespace

std::string who_am_i() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char time[32];
  std::strftime(time, sizeof time, "%Y-%m-%d %H:%M:%S UTC", &utc);
  return join_text("process ", ::getpid(), " on ", host_name(), " since ", time);
}

bool make_lock_file(const std::string& file, std::string& holder, std::string& abandoned) {
  for (int attempt = 0; attempt < 10; ++attempt) {
    // Written beside and linked, so that nobody reads half a signature. Where there are no links, O_EXCL.
    const std::string draft = beside(file), text = signature();
    const int descriptor = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    const bool written = descriptor >= 0 && ::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    const int reason = errno;
    if (descriptor >= 0) ::close(descriptor);
    if (!written) {
      ::unlink(draft.c_str());
      throw UserError(join_text(file, ": cannot write this lock file: ", std::strerror(reason)));
    }
    bool made = ::link(draft.c_str(), file.c_str()) == 0;
    if (!made && errno != EEXIST) {
      const int exclusive = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      made = exclusive >= 0 && ::write(exclusive, text.data(), text.size()) == static_cast<ssize_t>(text.size());
      if (exclusive >= 0) ::close(exclusive);
    }
    ::unlink(draft.c_str());
    if (made) return true;
    const std::string other = text_of(file);
    holder = join_text(other.empty() ? "another process" : first_line(other), " (", file, "; remove this file if that process is no more)");
    if (!is_dead(other)) {
      if (fs::exists(file)) return false;
    } else if (take_away(file, other)) {
      abandoned = first_line(other);
    }
  }
  return false;
}

void remove_lock_file(const std::string& file) { ::unlink(file.c_str()); }

std::vector<std::string> live_lock_files(const std::string& folder, const std::string& prefix) {
  std::vector<std::string> live;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string file = it->path();
    if (!it->path().filename().string().starts_with(prefix)) continue;
    const std::string text = text_of(file);
    if (is_dead(text))
      ::unlink(file.c_str());
    else
      live.push_back(join_text(first_line(text), " (", file, ")"));
  }
  return live;
}

}  // namespace millesime
