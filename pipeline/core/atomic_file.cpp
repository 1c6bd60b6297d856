#include "pipeline/core/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "pipeline/core/error.h"

namespace millesime {
namespace fs = std::filesystem;
namespace {

constexpr const char* kPrefix = ".partial-";

void flush_to_disk(const std::string& path, int flags) {
  const int descriptor = ::open(path.c_str(), flags);
  if (descriptor < 0) throw UserError(join_text(path, ": cannot be opened to flush it: ", std::strerror(errno)));
  const int result = ::fsync(descriptor);
  const int reason = errno;
  ::close(descriptor);
  if (result != 0) throw UserError(join_text(path, ": cannot be flushed to disk: ", std::strerror(reason)));
}

}  // namespace

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)) {
  static std::atomic<int> counter{0};
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

void AtomicFile::commit() {
  flush_to_disk(temporary_, O_RDONLY);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0)
    throw UserError(join_text(path_, ": cannot rename the finished file to this name: ", std::strerror(errno)));
  committed_ = true;
  const fs::path folder = fs::path(path_).parent_path();
  flush_to_disk(folder.empty() ? "." : folder.string(), O_RDONLY | O_DIRECTORY);
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
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  if (!fs::is_regular_file(path) || !stream || !(text << stream.rdbuf())) {
    if (fs::is_regular_file(path) && fs::file_size(path) == 0) return "";
    throw UserError(join_text(path, ": cannot be read"));
  }
  return text.str();
}

void remove_abandoned(const std::string& folder) {
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    if (it->path().filename().string().starts_with(kPrefix)) {
      std::error_code ignored;
      fs::remove_all(it->path(), ignored);
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
