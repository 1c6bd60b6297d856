#pragma once

#include <string>
#include <vector>

namespace millesime {

// Names of one folder's files, to be made file names by file_name_of(), in their order. Many file systems (of macOS, of Windows and what
// they share) do not tell North from north: to names whose files would differ in the case of letters alone a / is added, so that their
// file names have the checksum, too. All others stay as they are.
std::vector<std::string> names_apart(std::vector<std::string> names);

}  // namespace millesime
