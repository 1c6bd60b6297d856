#include "pipeline/io/uncertainty_map.h"

#include <gdal.h>

#include "pipeline/core/error.h"
#include "pipeline/io/internal/gdal_call.h"
#include "pipeline/io/internal/gdal_open.h"

namespace millesime {

void require_uncertainty(const std::string& path) {
  const GdalMessages messages;
  const DatasetHandle dataset = open_dataset(path, GDAL_OF_RASTER);
  GDALRasterBandH band = GDALGetRasterBand(dataset.get(), 1);
  const std::string name = band ? GDALGetDescription(band) : "";
  if (band && name == kUncertaintyBand && GDALGetRasterDataType(band) == GDT_Byte) return;
  throw UserError(join_text(path, ": is no map of uncertainty; expected bytes in a band that is called \"", kUncertaintyBand, "\", got ",
                            name.empty() ? "a band without a name" : "the band \"" + name + "\"",
                            "; use OCS_<edition>_uncertainty.tif of a production, or uncertainty.tif of `millesime classify`, with "
                            "classify.uncertainty = \"entropy\" or \"margin\""));
}

}  // namespace millesime
