#pragma once
// A data cube as a Zarr store (version 2 of the specification, a folder), which GDAL, xarray and others open.
// https://zarr-specs.readthedocs.io/en/latest/v2/v2.0.html ; dimensions are named as xarray does (_ARRAY_DIMENSIONS), and
// coordinates and CRS follow the CF conventions. Chunks are compressed with zlib; chunks without data are left out.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/core/dates.h"
#include "pipeline/core/grid.h"

namespace millesime {

inline constexpr int kZarrChunk = 256;  // pixels a side
inline constexpr int kZarrDates = 32;   // dates a chunk

// A cube of variables over [time, y, x]. It gets its name only by commit(), which replaces an older one.
class ZarrWriter {
 public:
  // `attributes`: of the whole cube.
  ZarrWriter(const std::string& path, const Grid& grid, const std::vector<Date>& dates, const nlohmann::ordered_json& attributes);
  ~ZarrWriter();
  ZarrWriter(const ZarrWriter&) = delete;
  ZarrWriter& operator=(const ZarrWriter&) = delete;

  // A variable of int16 or uint8; `fill` is the value for no data, empty if every pixel has data.
  template <class T>  // std::int16_t, std::uint8_t
  void add_variable(const std::string& name, std::optional<T> fill, const nlohmann::ordered_json& attributes);

  // All dates of a window that consists of whole chunks (clipped at the grid's edges); samples[date * date_stride + pixel].
  template <class T>
  void write(const std::string& name, const Window& window, const T* samples, std::int64_t date_stride);

  void commit();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millesime
