#include "pipeline/io/zip_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>

#include <cpl_conv.h>
#include <cpl_string.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/io/internal/gdal_call.h"

namespace millesime {
namespace {

struct CloseZip {
  void operator()(void* zip) const { CPLCloseZip(zip); }
};

}  // namespace

void write_zip(const std::string& path, const std::vector<ZipMember>& members, ZipForm form) {
  prepare_gdal();
  AtomicFile output(path);
  const GdalMessages messages;
  const auto check = [&](bool good) {
    if (!good || messages.failed()) throw UserError(join_text(path, ": cannot be written; is the disk full? ", messages.text()));
  };
  std::unique_ptr<void, CloseZip> zip(CPLCreateZip(output.temporary().c_str(), nullptr));
  check(zip != nullptr);
  CPLStringList options;
  options.SetNameValue("COMPRESSED", form == ZipForm::stored ? "NO" : "YES");
  options.SetNameValue("TIMESTAMP", "1980-01-01T00:00:00Z");  // GDAL before 3.7 writes no time
  std::vector<char> piece(std::size_t{1} << 20);
  for (const ZipMember& member : members) {
    std::ifstream file(member.file, std::ios::binary);
    if (!file) throw UserError(join_text(member.file, ": cannot be read: ", std::strerror(errno)));
    check(CPLCreateFileInZip(zip.get(), member.name.c_str(), options.List()) == CE_None);
    while (file.read(piece.data(), static_cast<std::streamsize>(piece.size())) || file.gcount() > 0)
      check(CPLWriteFileInZip(zip.get(), piece.data(), static_cast<int>(file.gcount())) == CE_None);
    if (file.bad()) throw UserError(join_text(member.file, ": cannot be read to its end: ", std::strerror(errno)));
    check(CPLCloseFileInZip(zip.get()) == CE_None);
  }
  check(CPLCloseZip(zip.release()) == CE_None);
  output.commit();
}

}  // namespace millesime
