#include "pipeline/core/file_name.h"

#include <algorithm>

#include "pipeline/core/checksum.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace {

constexpr std::size_t kLongest = 80;  // what the program adds to a name stays within the 255 bytes of a file name
constexpr std::size_t kReadable = 40, kDigits = 16;

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

}  // namespace

std::string file_name_of(std::string_view name) {
  if (!name.empty() && name.size() <= kLongest && std::ranges::all_of(name, is_plain) && name.front() != '.' && name.front() != '-')
    return std::string(name);
  std::string readable;
  for (const char c : name.substr(0, kReadable))
    if (is_plain(c) && !(readable.empty() && (c == '.' || c == '-')))
      readable += c;
    else if (!readable.empty() && readable.back() != '_')
      readable += '_';
  return (readable.empty() ? "name" : readable) + "~" + xxh3(name).substr(0, kDigits);
}

bool is_left_by_desktop(std::string_view file_name) {
  const std::string known = lower(file_name);
  return file_name.starts_with('.') || known == "thumbs.db" || known == "desktop.ini" || known == "__macosx";
}

}  // namespace millesime
