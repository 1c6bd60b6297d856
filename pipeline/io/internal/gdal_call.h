#pragma once
// Inside pipeline/io only: how GDAL is called. Its messages are caught per call and become part of a UserError; nothing goes to stderr.

#include <memory>
#include <string>
#include <vector>

#include <gdal.h>
#include <ogr_srs_api.h>

namespace millesime {

// Registers the drivers and bounds GDAL's caches, once a process. Everything that opens a file calls it first.
void prepare_gdal();

// What images of products may be stored in. Names come from disk: nothing else is opened, so that a file cannot lead GDAL elsewhere.
inline std::vector<std::string> image_drivers() { return {"GTiff", "JP2OpenJPEG"}; }

// How many files this process may have open.
int open_file_limit();

// "EPSG:..." or WKT, as canonical_crs() of coordinates.h, without the way through text.
std::string canonical_crs_of(OGRSpatialReferenceH system);

// Collects what GDAL says on this thread from construction to destruction.
class GdalMessages {
 public:
  GdalMessages();
  ~GdalMessages();
  GdalMessages(const GdalMessages&) = delete;
  GdalMessages& operator=(const GdalMessages&) = delete;

  bool failed() const { return failed_; }              // an error, not only a warning
  std::string text() const;                            // "GDAL says: ..." or "" when it said nothing
  const std::string& words() const { return words_; }  // without the lead

 private:
  static void collect(CPLErr severity, CPLErrorNum number, const char* message);
  std::string words_;
  bool failed_ = false;
};

struct CloseDataset {
  void operator()(void* dataset) const { GDALClose(dataset); }
};
using DatasetHandle = std::unique_ptr<void, CloseDataset>;

}  // namespace millesime
