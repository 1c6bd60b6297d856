// write_cog(): cloud-optimised GeoTIFF.

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include <cpl_string.h>
#include <cpl_vsi.h>
#include <gdal.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/io/internal/class_legend.h"
#include "pipeline/io/internal/gdal_raster.h"
#include "pipeline/io/internal/read_back.h"
#include "pipeline/io/raster_file.h"

namespace millesime {
namespace {

// The blocks of `made` in the order in which they lie in the file.
template <class T>
void require_same_samples(const RasterReader& source, ReadBack& made, const std::string& path) {
  for (const Window& window : split(source.grid().whole(), kMapBlock, kMapBlock, kMapBlock * kMapBlock))
    for (int band = 0; band < source.info().bands; ++band) {
      std::vector<T> given(static_cast<std::size_t>(window.pixels())), found(given.size());
      source.read(window, band, given.data());
      made.approach(band, window.col / kMapBlock, window.row / kMapBlock);
      const GdalMessages messages;
      if (GDALRasterIO(GDALGetRasterBand(made.dataset(), band + 1), GF_Read, window.col, window.row, window.width, window.height,
                       found.data(), window.width, window.height, kGdalType<T>, 0, 0) != CE_None)
        throw UserError(join_text(path, ": band ", band + 1, ", window ", to_text(window),
                                  ": cannot be read back; check the disk. The previous file is kept. ", messages.text()));
      if (std::memcmp(given.data(), found.data(), given.size() * sizeof(T)) != 0)
        throw UserError(join_text(path, ": band ", band + 1, ", window ", to_text(window), ": the data read back differ from those of ",
                                  source.path(), "; check the disk. The previous file is kept."));
    }
}

void require_same_samples(const RasterReader& source, ReadBack& made, const std::string& path) {
  switch (source.info().type) {
    case PixelType::u8: return require_same_samples<std::uint8_t>(source, made, path);
    case PixelType::u16: return require_same_samples<std::uint16_t>(source, made, path);
    case PixelType::i16: return require_same_samples<std::int16_t>(source, made, path);
    case PixelType::i32: return require_same_samples<std::int32_t>(source, made, path);
    case PixelType::f32: return require_same_samples<float>(source, made, path);
  }
}

}  // namespace

void write_cog(const std::string& source, const std::string& path, const CogOptions& options) {
  const bool classes = options.classes || options.nomenclature;
  const DatasetHandle input = open_raster(source, {});
  const PixelType type = pixel_type(GDALGetRasterDataType(GDALGetRasterBand(input.get(), 1)), source);
  const std::optional<Nomenclature> legend = options.nomenclature ? std::optional(legend_for(*options.nomenclature, type)) : std::nullopt;
  AtomicFile file(path);
  {
    const GdalMessages messages;
    // A virtual copy has the legend, so that the source is not changed.
    const DatasetHandle dressed(GDALCreateCopy(GDALGetDriverByName("VRT"), "", input.get(), FALSE, nullptr, nullptr, nullptr));
    if (!dressed) throw UserError(join_text(source, ": cannot be read for ", path, ". ", messages.text()));
    if (classes) GDALSetRasterNoDataValue(GDALGetRasterBand(dressed.get(), 1), 0);
    if (legend) set_palette(dressed.get(), *legend);
    for (int band = 0; band < std::min(GDALGetRasterCount(dressed.get()), static_cast<int>(options.band_names.size())); ++band)
      GDALSetDescription(GDALGetRasterBand(dressed.get(), band + 1), options.band_names[static_cast<std::size_t>(band)].c_str());
    CPLStringList creation;
    creation.SetNameValue("COMPRESS", options.compression.c_str());
    if (has_predictor(options.compression) && !classes) creation.SetNameValue("PREDICTOR", "YES");
    creation.SetNameValue("BLOCKSIZE", std::to_string(kMapBlock).c_str());
    creation.SetNameValue("OVERVIEWS", "IGNORE_EXISTING");
    creation.SetNameValue("OVERVIEW_RESAMPLING", classes ? "MODE" : "AVERAGE");
    creation.SetNameValue("BIGTIFF", "IF_SAFER");
    DatasetHandle result(
        GDALCreateCopy(GDALGetDriverByName("COG"), file.temporary().c_str(), dressed.get(), FALSE, creation.List(), nullptr, nullptr));
    result.reset();
    VSIUnlink((file.temporary() + ".aux.xml").c_str());  // ours has more
    if (messages.failed())
      throw UserError(join_text(path, ": cannot be written; is the disk full? The previous file is kept. ", messages.text()));
  }
  const RasterReader given(source);
  require_same(given.grid(), RasterReader(file.temporary(), {"GTiff"}).grid(), path);
  {
    ReadBack made(file.temporary(), true);
    require_same_samples(given, made, path);
    made.finish();
  }
  if (legend) write_text(path + ".aux.xml", legend_sidecar(*legend));
  file.commit();
}

}  // namespace millesime
