#pragma once
// Names on disk that are no files: to open a named pipe waits for a writer, to open a device does what the device does. Nothing that is
// found in a folder is opened before this is asked.

#include <string>

namespace millesime {

// "a named pipe", "a socket" or "a device", also behind a link; "" for a file, a folder, and where there is nothing.
std::string special_file(const std::string& path);

// Before long work: UserError if it is known already that the file cannot be written (a device or a folder of that name, a folder without
// permission).
void require_writable(const std::string& path);

}  // namespace millesime
