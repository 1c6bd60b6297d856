#pragma once
// Zip archives, written by GDAL. Their bytes depend on their content (and on GDAL's version), not on times or owners of files.

#include <string>
#include <vector>

namespace millesime {

struct ZipMember {
  std::string name;  // path inside the archive, with '/'
  std::string file;  // the file that is copied into it
};

// Members lie in this order. `stored`: as they are, for images and tables that are compressed already. Atomic. UserError when a file
// cannot be read or the archive cannot be written.
enum class ZipForm { stored, deflated };
void write_zip(const std::string& path, const std::vector<ZipMember>& members, ZipForm form = ZipForm::stored);

}  // namespace millesime
