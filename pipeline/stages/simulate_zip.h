#pragma once
// A zip archive whose bytes depend on its content alone (no times, no owners); members are stored, not compressed again.

#include <string>
#include <vector>

namespace millesime::simulated {

struct ZipMember {
  std::string name;  // path inside the archive, with '/'
  std::string file;  // where its bytes are
};

// Atomic. UserError when a file cannot be read or the archive would pass the 4 GiB of the plain format.
void write_zip(const std::string& path, const std::vector<ZipMember>& members);

}  // namespace millesime::simulated
