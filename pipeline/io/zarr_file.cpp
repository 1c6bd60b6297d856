#include "pipeline/io/zarr_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <cpl_conv.h>
#include <cpl_vsi.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/json_text.h"
#include "pipeline/io/coordinates.h"

namespace millesime {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
static_assert(std::endian::native == std::endian::little, "the arrays are declared little-endian");

namespace {

constexpr int kCompressionLevel = 5;

std::string compressed(const void* bytes, std::size_t size) {
  std::size_t result_size = 0;
  const std::unique_ptr<void, decltype(&VSIFree)> result(CPLZLibDeflate(bytes, size, kCompressionLevel, nullptr, 0, &result_size),
                                                         &VSIFree);
  MILLESIME_CHECK(result != nullptr, "zlib failed for ", size, " bytes");
  return {static_cast<const char*>(result.get()), result_size};
}

template <class T>
constexpr const char* kType = "";
template <>
constexpr const char* kType<std::int16_t> = "<i2";
template <>
constexpr const char* kType<std::uint8_t> = "|u1";
template <>
constexpr const char* kType<std::int32_t> = "<i4";
template <>
constexpr const char* kType<double> = "<f8";

}  // namespace

struct ZarrWriter::Impl {
  AtomicFile name;  // only for a temporary name in the same folder
  Grid grid;
  int n_dates;
  std::map<std::string, ordered_json> metadata;  // file in the store -> its JSON; repeated in .zmetadata
  std::map<std::string, std::optional<std::int64_t>> fills;
  bool committed = false;

  const std::string& folder() const { return name.temporary(); }

  [[noreturn]] void cannot_write(const std::string& reason) const {
    throw UserError(join_text(name.path(), ": cannot be written; is the disk full? The previous cube is kept. ", reason));
  }

  void write_file(const std::string& file, const std::string& bytes) const {
    std::ofstream stream(folder() + "/" + file, std::ios::binary);
    stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    stream.close();
    if (!stream) cannot_write(std::strerror(errno));
  }

  void write_metadata(const std::string& file, const ordered_json& document) {
    metadata[file] = document;
    write_file(file, json_text(document, 1) + "\n");
  }

  template <class T>
  void declare(const std::string& array, const std::vector<int>& shape, const std::vector<int>& chunks, const ordered_json& fill,
               const std::vector<std::string>& dimensions, ordered_json attributes) {
    std::error_code error;
    fs::create_directory(folder() + "/" + array, error);
    if (error) cannot_write(error.message());
    write_metadata(array + "/.zarray", {{"chunks", chunks},
                                        {"compressor", {{"id", "zlib"}, {"level", kCompressionLevel}}},
                                        {"dtype", kType<T>},
                                        {"fill_value", fill},
                                        {"filters", nullptr},
                                        {"order", "C"},
                                        {"shape", shape},
                                        {"zarr_format", 2}});
    attributes["_ARRAY_DIMENSIONS"] = dimensions;
    write_metadata(array + "/.zattrs", attributes);
  }

  template <class T>
  void write_coordinate(const std::string& array, const std::vector<T>& values, const ordered_json& attributes) {
    const int size = static_cast<int>(values.size());
    declare<T>(array, {size}, {size}, nullptr, {array}, attributes);
    write_file(array + "/0", compressed(values.data(), values.size() * sizeof(T)));
  }

  // The CRS as GDAL's Zarr driver reads it.
  ordered_json crs_attribute() const {
    const auto colon = grid.crs.find(':');
    ordered_json crs;
    if (grid.crs.starts_with("EPSG:")) crs["url"] = "http://www.opengis.net/def/crs/EPSG/0/" + grid.crs.substr(colon + 1);
    crs["wkt"] = crs_wkt(grid.crs);
    return crs;
  }
};

ZarrWriter::ZarrWriter(const std::string& path, const Grid& grid, const std::vector<Date>& dates, const ordered_json& attributes)
    : impl_(new Impl{AtomicFile(path), grid, static_cast<int>(dates.size()), {}, {}}) {
  MILLESIME_CHECK(!dates.empty() && grid.pixels() > 0, path, ": ", dates.size(), " dates");
  std::error_code error;
  fs::create_directory(impl_->folder(), error);
  if (error) impl_->cannot_write(error.message());
  impl_->write_metadata(".zgroup", {{"zarr_format", 2}});
  ordered_json all = attributes;
  all["Conventions"] = "CF-1.10";
  impl_->write_metadata(".zattrs", all);

  std::vector<std::int32_t> days;
  for (const Date date : dates) days.push_back(date.days);
  impl_->write_coordinate(
      "time", days, {{"standard_name", "time"}, {"axis", "T"}, {"units", "days since 1970-01-01"}, {"calendar", "proleptic_gregorian"}});
  std::vector<double> x, y;
  for (int col = 0; col < grid.cols; ++col) x.push_back(grid.x(col + 0.5));
  for (int row = 0; row < grid.rows; ++row) y.push_back(grid.y(row + 0.5));
  const bool in_degrees = BoxesOf(grid.crs).in_degrees();
  const auto axis = [&](const char* letter, const char* on_earth, const char* degrees) -> ordered_json {
    const std::string projected = join_text("projection_", letter, "_coordinate");
    return {{"standard_name", in_degrees ? on_earth : projected.c_str()},
            {"axis", letter[0] == 'x' ? "X" : "Y"},
            {"units", in_degrees ? degrees : "m"}};
  };
  impl_->write_coordinate("x", x, axis("x", "longitude", "degrees_east"));
  impl_->write_coordinate("y", y, axis("y", "latitude", "degrees_north"));
  const std::string transform = join_text(grid.x0, " ", grid.pixel_width, " 0 ", grid.y0, " 0 ", -grid.pixel_height);
  impl_->declare<std::int32_t>("spatial_ref", {}, {}, nullptr, {},
                               {{"crs_wkt", crs_wkt(grid.crs)}, {"spatial_ref", crs_wkt(grid.crs)}, {"GeoTransform", transform}});
  const std::int32_t nothing = 0;
  impl_->write_file("spatial_ref/0", compressed(&nothing, sizeof nothing));
}

ZarrWriter::~ZarrWriter() {
  if (!impl_ || impl_->committed) return;
  std::error_code ignored;
  fs::remove_all(impl_->folder(), ignored);
}

template <class T>
void ZarrWriter::add_variable(const std::string& name, std::optional<T> fill, const ordered_json& attributes) {
  ordered_json all = attributes;
  all["grid_mapping"] = "spatial_ref";
  all["_CRS"] = impl_->crs_attribute();
  const Grid& grid = impl_->grid;
  impl_->fills[name] = fill;
  impl_->declare<T>(name, {impl_->n_dates, grid.rows, grid.cols},
                    {std::min(kZarrDates, impl_->n_dates), std::min(kZarrChunk, grid.rows), std::min(kZarrChunk, grid.cols)},
                    fill ? ordered_json(std::int64_t{*fill}) : ordered_json(nullptr), {"time", "y", "x"}, all);
}

template <class T>
void ZarrWriter::write(const std::string& name, const Window& window, const T* samples, std::int64_t date_stride) {
  const Grid& grid = impl_->grid;
  const int dates = std::min(kZarrDates, impl_->n_dates), width = std::min(kZarrChunk, grid.cols), height = std::min(kZarrChunk, grid.rows);
  const auto whole = [](int begin, int size, int chunk, int end) {
    return begin % chunk == 0 && ((begin + size) % chunk == 0 || begin + size == end);
  };
  MILLESIME_CHECK(whole(window.col, window.width, width, grid.cols) && whole(window.row, window.height, height, grid.rows), to_text(window),
                  " is not made of whole chunks of ", width, " x ", height);
  const std::optional<std::int64_t> fill = impl_->fills.at(name);
  std::vector<T> chunk(static_cast<std::size_t>(dates) * static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
  for (int first = 0; first < impl_->n_dates; first += dates)
    for (int row = window.row; row < window.row + window.height; row += height)
      for (int col = window.col; col < window.col + window.width; col += width) {
        std::ranges::fill(chunk, static_cast<T>(fill.value_or(0)));
        const Window part = Window{col, row, width, height}.intersect(window);
        for (int date = first; date < std::min(first + dates, impl_->n_dates); ++date)
          for (int r = 0; r < part.height; ++r) {
            const T* source = samples + date * date_stride + std::int64_t{row - window.row + r} * window.width + (col - window.col);
            std::copy(source, source + part.width, chunk.begin() + (std::ptrdiff_t{date - first} * height + r) * width);
          }
        if (fill && std::ranges::all_of(chunk, [&](T value) { return value == *fill; })) continue;
        impl_->write_file(join_text(name, "/", first / dates, ".", row / height, ".", col / width),
                          compressed(chunk.data(), chunk.size() * sizeof(T)));
      }
}

void ZarrWriter::commit() {
  ordered_json all = {{"metadata", impl_->metadata}, {"zarr_consolidated_format", 1}};
  impl_->write_file(".zmetadata", json_text(all, 1) + "\n");
  const int folder = ::open(impl_->folder().c_str(), O_RDONLY | O_DIRECTORY);
  const bool flushed = folder >= 0 && (::syncfs(folder) == 0 || errno == ENOSYS || errno == EINVAL || errno == ENOTSUP);
  const int reason = errno;
  if (folder >= 0) ::close(folder);
  if (!flushed) impl_->cannot_write(std::strerror(reason));
  replace_folder(impl_->folder(), impl_->name.path());
  impl_->committed = true;
}

template void ZarrWriter::add_variable<std::int16_t>(const std::string&, std::optional<std::int16_t>, const ordered_json&);
template void ZarrWriter::add_variable<std::uint8_t>(const std::string&, std::optional<std::uint8_t>, const ordered_json&);
template void ZarrWriter::write<std::int16_t>(const std::string&, const Window&, const std::int16_t*, std::int64_t);
template void ZarrWriter::write<std::uint8_t>(const std::string&, const Window&, const std::uint8_t*, std::int64_t);

}  // namespace millesime
