#pragma once
// Names of files: those that the program makes of other names, and those that it does not take for data.

#include <string>
#include <string_view>

namespace millesime {

// A safe file name (without extension) for the name of a region, a zone or anything else that may hold any bytes: of letters, digits, _, -
// and . inside, at most 80 characters. Such a name stays as it is. Of any other its readable part is kept, and a checksum is added
// after ~, which no unchanged name has: different names never meet in one file.
std::string file_name_of(std::string_view name);

// What a desktop leaves beside data: ._x and .DS_Store of macOS, Thumbs.db and desktop.ini of Windows, and other hidden files.
bool is_left_by_desktop(std::string_view file_name);

}  // namespace millesime
