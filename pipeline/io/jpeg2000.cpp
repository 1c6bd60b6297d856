#include "pipeline/io/jpeg2000.h"

#include <gdal.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/io/internal/gdal_call.h"

namespace millesime {

void write_jpeg2000(const std::string& source, const std::string& path) {
  prepare_gdal();
  const GdalMessages messages;
  const DatasetHandle from(GDALOpen(source.c_str(), GA_ReadOnly));
  if (!from) throw UserError(join_text(source, ": cannot be read. ", messages.text()));
  const GDALDriverH driver = GDALGetDriverByName("JP2OpenJPEG");
  if (!driver) throw UserError(path + ": this GDAL cannot write JPEG 2000 (driver JP2OpenJPEG); install GDAL with OpenJPEG");
  AtomicFile file(path);
  const char* const options[] = {"QUALITY=100", "REVERSIBLE=YES", "YCBCR420=NO", "BLOCKXSIZE=1024", "BLOCKYSIZE=1024", nullptr};
  const DatasetHandle made(
      GDALCreateCopy(driver, file.temporary().c_str(), from.get(), TRUE, const_cast<char**>(options), nullptr, nullptr));
  if (!made) throw UserError(join_text(path, ": cannot be written. ", messages.text()));
  GDALFlushCache(made.get());
  if (messages.failed()) throw UserError(join_text(path, ": cannot be written. ", messages.text()));
  file.commit();
}

}  // namespace millesime
