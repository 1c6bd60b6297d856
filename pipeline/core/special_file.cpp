#include "pipeline/core/special_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "pipeline/core/error.h"

namespace millesime {

std::string special_file(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code none;
  switch (fs::status(path, none).type()) {
    case fs::file_type::fifo: return "a named pipe";
    case fs::file_type::socket: return "a socket";
    case fs::file_type::block:
    case fs::file_type::character: return "a device";
    default: return "";
  }
}

void require_writable(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  if (const std::string kind = special_file(path); !kind.empty())
    throw UserError(join_text(path, ": is ", kind, ", which the output would replace; expected the name of a file"));
  if (fs::is_directory(path, ignored)) throw UserError(path + ": is a folder; expected the name of a file to write");
  fs::path folder = fs::absolute(path, ignored).lexically_normal().parent_path();
  while (!fs::exists(folder, ignored) && folder.has_relative_path()) folder = folder.parent_path();
  if (!fs::is_directory(folder, ignored)) throw UserError(join_text(path, ": ", folder.string(), " is no folder"));
  if (::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) != 0)
    throw UserError(join_text(path, ": nothing can be written in ", folder.string(), ": ", std::strerror(errno)));
}

}  // namespace millesime
