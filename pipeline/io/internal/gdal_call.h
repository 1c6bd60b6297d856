#pragma once
// Inside pipeline/io only: calls of GDAL. Its messages are caught for each call and become part of a UserError; none go to stderr.

#include <memory>
#include <string>
#include <vector>

#include <gdal.h>
#include <ogr_srs_api.h>

#include "pipeline/core/source_name.h"

namespace millesime {

// Registers the drivers and limits GDAL's caches, once a process. Called before any file is opened.
void prepare_gdal();

// The formats of product images. Names come from disk: no other format is opened, so that a file cannot make GDAL open other files.
// A variable of a NetCDF or HDF file is named as such by its sensor file.
inline std::vector<std::string> image_drivers(const std::string& variable = "") {
  if (variable.empty()) return {"GTiff", "JP2OpenJPEG"};
  return {format_of_variable(variable) == "NETCDF" ? "netCDF" : "HDF4Image"};
}

// Maximum number of open files of this process.
int open_file_limit();

struct ReleaseSystem {
  void operator()(void* system) const { OSRRelease(static_cast<OGRSpatialReferenceH>(system)); }
};
using SystemHandle = std::unique_ptr<void, ReleaseSystem>;
SystemHandle make_system(const std::string& definition);  // x is east or longitude; UserError where GDAL does not understand it
std::string wkt_of(OGRSpatialReferenceH system);          // WKT 2

// The system that a file names; null where it names none, or one that stands for none ("Undefined geographic SRS" of a GeoPackage).
OGRSpatialReferenceH stated_system(OGRSpatialReferenceH of_file);

// "EPSG:..." or WKT, as canonical_crs() of coordinates.h, without the way through text.
std::string canonical_crs_of(OGRSpatialReferenceH system);

// Collects the messages of GDAL on this thread from construction to destruction.
class GdalMessages {
 public:
  GdalMessages();
  ~GdalMessages();
  GdalMessages(const GdalMessages&) = delete;
  GdalMessages& operator=(const GdalMessages&) = delete;

  bool failed() const { return failed_; }              // an error, not only a warning
  std::string text() const;                            // "GDAL says: ..." or "" without messages
  const std::string& words() const { return words_; }  // without "GDAL says: "

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
