#include "pipeline/core/atomic_file.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>

#include "pipeline/core/error.h"
#include "pipeline/core/special_file.h"

namespace millesime {
namespace fs = std::filesystem;
namespace {

constexpr const char* kPrefix = ".partial-";

constexpr const char* kAside = ".replaced-";

// The call exists, but not on this file system.
bool is_unsupported(int reason) { return reason == EINVAL || reason == ENOSYS || reason == ENOTSUP || reason == EOPNOTSUPP; }

// False where the file system cannot.
bool flush_to_disk(const std::string& path, int flags) {
  const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC);
  if (descriptor < 0) throw UserError(join_text(path, ": cannot be opened to flush it: ", std::strerror(errno)));
  const int result = ::fsync(descriptor);
  const int reason = errno;
  ::close(descriptor);
  if (result != 0 && !is_unsupported(reason)) throw UserError(join_text(path, ": cannot be flushed to disk: ", std::strerror(reason)));
  return result == 0;
}

fs::path folder_of(const std::string& path) {
  const fs::path folder = fs::path(path).parent_path();
  return folder.empty() ? fs::path(".") : folder;
}

std::string aside(const std::string& path) { return (folder_of(path) / (kAside + fs::path(path).filename().string())).string(); }

}  // namespace

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)) {
  static std::atomic<int> counter{0};
  if (const std::string kind = special_file(path_); !kind.empty())  // /dev/null of a container whose user may do everything
    throw UserError(join_text(path_, ": is ", kind, ", which the output would replace; expected the name of a file"));
  const fs::path target = fs::path(path_);
  const fs::path folder = target.parent_path().empty() ? fs::path(".") : target.parent_path();
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw UserError(join_text(folder.string(), ": cannot create this folder: ", error.message()));
  temporary_ = (folder / join_text(kPrefix, ::getpid(), "-", counter++, "-", target.filename().string())).string();
}

AtomicFile::~AtomicFile() {
  if (committed_) return;
  std::error_code ignored;
  fs::remove(temporary_, ignored);
  fs::remove(temporary_ + ".aux.xml", ignored);
}

OutputFolder::OutputFolder(const std::string& path) {
  std::error_code ignored;
  fs::path folder = fs::absolute(fs::path(path + "/"), ignored).lexically_normal().parent_path();
  for (; !fs::exists(folder, ignored); folder = folder.parent_path()) made_.push_back(folder);
}

OutputFolder::~OutputFolder() {
  std::error_code ignored;
  for (const fs::path& folder : made_) fs::remove(folder, ignored);  // fails where something is in it
}

void AtomicFile::commit() {
  flush_to_disk(temporary_, O_RDONLY);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0)
    throw UserError(join_text(path_, ": cannot rename the finished file to this name: ", std::strerror(errno)));
  committed_ = true;
  can_flush_folder(folder_of(path_));
}

bool can_flush_folder(const std::string& folder) { return flush_to_disk(folder, O_RDONLY | O_DIRECTORY); }

void restore_folder(const std::string& to) {
  const std::string old = aside(to);
  if (!fs::exists(old)) return;
  std::error_code error;
  if (fs::exists(to))
    fs::remove_all(old, error);
  else
    fs::rename(old, to, error);
  if (error) throw UserError(join_text(to, ": what was put aside as ", old, " cannot be brought back: ", error.message()));
}

void replace_folder(const std::string& from, const std::string& to) {
  const auto cannot = [&](int reason) {
    throw UserError(join_text(to, ": cannot put the finished folder in place: ", std::strerror(reason)));
  };
  restore_folder(to);
  if (!fs::exists(to)) {
    if (::rename(from.c_str(), to.c_str()) != 0) cannot(errno);
  } else if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE) == 0) {
    std::error_code ignored;
    fs::remove_all(from, ignored);  // the old one
  } else if (!is_unsupported(errno)) {
    cannot(errno);
  } else {
    const std::string old = aside(to);
    if (::rename(to.c_str(), old.c_str()) != 0) cannot(errno);
    if (::rename(from.c_str(), to.c_str()) != 0) {
      const int reason = errno;
      ::rename(old.c_str(), to.c_str());
      cannot(reason);
    }
    std::error_code ignored;
    fs::remove_all(old, ignored);
  }
  can_flush_folder(folder_of(to));
}

void write_text(const std::string& path, const std::string& text) {
  AtomicFile file(path);
  {
    std::ofstream stream(file.temporary(), std::ios::binary);
    stream << text;
    stream.close();
    if (!stream) throw UserError(join_text(path, ": cannot be written: ", std::strerror(errno)));
  }
  file.commit();
}

std::string read_text(const std::string& path) {
  if (const std::string kind = special_file(path); !kind.empty()) throw UserError(join_text(path, ": is ", kind, "; expected a file"));
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  if (!fs::is_regular_file(path) || !stream || !(text << stream.rdbuf())) {
    if (fs::is_regular_file(path) && fs::file_size(path) == 0) return "";
    throw UserError(join_text(path, ": cannot be read"));
  }
  return text.str();
}

namespace {

// .partial-<process>-...: another process of this machine, which is at work.
bool is_being_written(std::string_view name) {
  name.remove_prefix(std::string_view(kPrefix).size());
  int process = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), process);
  if (error != std::errc() || end == name.data() + name.size() || *end != '-' || process <= 1 || process == ::getpid()) return false;
  return ::kill(process, 0) == 0 || errno == EPERM;
}

}  // namespace

void remove_abandoned(const std::string& folder, Depth depth) {
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (depth == Depth::this_folder) it.disable_recursion_pending();
    const std::string name = it->path().filename();
    if (name.starts_with(kPrefix)) {
      std::error_code ignored;
      it.disable_recursion_pending();
      if (depth == Depth::all || !is_being_written(name)) fs::remove_all(it->path(), ignored);
    } else if (name.starts_with(kAside)) {
      it.disable_recursion_pending();
      restore_folder((it->path().parent_path() / name.substr(std::strlen(kAside))).string());
    }
  }
}

void remove_abandoned_of(const std::string& path) {
  const fs::path target(path);
  const std::string name = target.filename();
  // .partial-<process>-<number>-<name>, and files that GDAL may have written beside it
  const auto is_of = [&](std::string_view entry) {
    if (!entry.starts_with(kPrefix)) return false;
    entry.remove_prefix(std::string_view(kPrefix).size());
    for (int number = 0; number < 2; ++number) {
      const auto digits = std::min(entry.find_first_not_of("0123456789"), entry.size());
      if (digits == 0 || digits == entry.size() || entry[digits] != '-') return false;
      entry.remove_prefix(digits + 1);
    }
    return entry == name || entry == name + ".aux.xml";
  };
  std::error_code error, ignored;
  for (fs::directory_iterator it(target.parent_path().empty() ? fs::path(".") : target.parent_path(), error), end; !error && it != end;
       it.increment(error))
    if (is_of(it->path().filename().string())) fs::remove_all(it->path(), ignored);
}

}  // namespace millesime
