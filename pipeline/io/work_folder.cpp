#include "pipeline/io/internal/work_folder.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "pipeline/core/error.h"

namespace millesime {
namespace fs = std::filesystem;

WorkFolder::WorkFolder(const std::string& path) {
  const fs::path parent = fs::path(path).parent_path().empty() ? fs::path(".") : fs::path(path).parent_path();
  std::error_code error;
  fs::create_directories(parent, error);
  std::string name = (parent / ".partial-XXXXXX").string();
  if (error || !::mkdtemp(name.data()))
    throw UserError(join_text(parent.string(), ": cannot create a folder here: ", error ? error.message() : std::strerror(errno)));
  folder_ = name;
}

WorkFolder::~WorkFolder() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

}  // namespace millesime
