#include "pipeline/core/special_file.h"

#include <filesystem>

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

}  // namespace millesime
