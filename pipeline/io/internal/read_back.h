#pragma once
// Inside pipeline/io only: the one reading of a raster file that was just written, before it gets its name. GDAL decodes its blocks for
// whoever compares them, and the checksums of its manifest and for its users are made of the same bytes, each of which is read once from
// the file. Only the tables that GDAL looks up again and again (where blocks are) are read more often.

#include <memory>
#include <string>

#include "pipeline/io/internal/gdal_call.h"

namespace millesime {

class ReadBack {
 public:
  explicit ReadBack(const std::string& path, bool with_sha256 = false);  // UserError
  ~ReadBack();

  GDALDatasetH dataset() const { return dataset_.get(); }
  // A block is read next, and none that lies before it in the file.
  void approach(int band, int block_col, int block_row);
  // The rest is read; fingerprint() then knows the file (core/checksum.h).
  void finish();

  class File;

 private:
  std::shared_ptr<File> file_;
  std::string name_;  // by which GDAL opens it
  DatasetHandle dataset_;
};

}  // namespace millesime
