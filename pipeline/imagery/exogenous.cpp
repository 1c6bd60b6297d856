#include "pipeline/imagery/exogenous.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <set>

#include "pipeline/core/error.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/source_files.h"

namespace millesime {
namespace {

constexpr float kMissingStatic = std::numeric_limits<float>::quiet_NaN();

// Distance, in pixels of the tile, of the points that are transformed exactly; positions between them are interpolated. The error of a
// map projection over 16 pixels of 10 m is far below a centimetre.
constexpr int kNodeStep = 16;

// The bands of a raster that are inputs.
std::vector<int> inputs_of(const RasterReader& raster) {
  std::vector<int> bands;
  for (int band = 0; band < raster.info().bands; ++band)
    if (!raster.info().each[static_cast<std::size_t>(band)].is_alpha) bands.push_back(band);
  if (bands.empty()) throw UserError(join_text(raster.path(), ": holds an alpha band and no other; expected a band of values"));
  return bands;
}

std::vector<std::string> names_of(const ExogenousOptions& entry, std::size_t bands) {
  if (bands == 1) return {entry.name};
  std::vector<std::string> names;
  for (std::size_t band = 1; band <= bands; ++band) names.push_back(entry.name + "_" + std::to_string(band));
  return names;
}

int floor_div(int a, int b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

// Positions in a raster, in pixels whose centres are at integers.
struct Positions {
  std::vector<double> col, row;  // NaN if the point cannot be transformed
};

}  // namespace

Options ExogenousOptions::declare() {
  Options o;
  o.add("name", &name, "name of the static input").required();
  o.add("path", &path, "raster, any CRS and resolution; a variable of a file as GDAL names it, NETCDF:\"climate.nc\":t2m")
      .path()
      .required();
  return o;
}

struct ExogenousReader::Source {
  RasterReader raster;
  std::optional<CoordinateTransform> transform;  // from the tile's reference system
  BoxesOf turns;                                 // of the raster's reference system
  std::vector<int> bands;                        // that are inputs

  // For the pixel centres of a window of the tile. Nodes are at multiples of kNodeStep of the tile's pixels, independent of the window.
  Positions positions(const Grid& tile, const Window& window) const {
    const Grid& grid = raster.grid();
    const auto n = static_cast<std::size_t>(window.pixels());
    Positions result{std::vector<double>(n), std::vector<double>(n)};
    if (!transform) {
      for (int r = 0, p = 0; r < window.height; ++r)
        for (int c = 0; c < window.width; ++c, ++p) {
          const Point centre = tile.centre(window.col + c, window.row + r);
          result.col[static_cast<std::size_t>(p)] = grid.col(turns.near(centre.x, grid.x(grid.cols / 2.0))) - 0.5;
          result.row[static_cast<std::size_t>(p)] = grid.row(centre.y) - 0.5;
        }
      return result;
    }
    const int first_col = floor_div(window.col, kNodeStep), first_row = floor_div(window.row, kNodeStep);
    const int node_cols = floor_div(window.col + window.width - 1, kNodeStep) - first_col + 2,
              node_rows = floor_div(window.row + window.height - 1, kNodeStep) - first_row + 2;
    std::vector<double> x, y;
    for (int r = 0; r < node_rows; ++r)
      for (int c = 0; c < node_cols; ++c) {
        const Point node = tile.centre((first_col + c) * kNodeStep, (first_row + r) * kNodeStep);
        x.push_back(node.x);
        y.push_back(node.y);
      }
    transform->apply(x, y);
    const auto known = std::ranges::find_if(x, [](double value) { return !std::isnan(value); });
    for (double& value : x) value = turns.near(value, known == x.end() ? 0 : *known);  // nodes across the 180th meridian go on beyond it
    const double middle = grid.x(grid.cols / 2.0);
    for (int r = 0, p = 0; r < window.height; ++r)
      for (int c = 0; c < window.width; ++c, ++p) {
        const int col = window.col + c, row = window.row + r;
        const int node_col = floor_div(col, kNodeStep), node_row = floor_div(row, kNodeStep);
        const double u = static_cast<double>(col - node_col * kNodeStep) / kNodeStep,
                     v = static_cast<double>(row - node_row * kNodeStep) / kNodeStep;
        const auto node = static_cast<std::size_t>((node_row - first_row) * node_cols + node_col - first_col);
        const auto below = node + static_cast<std::size_t>(node_cols);
        const auto between = [&](const std::vector<double>& a) {
          return (a[node] * (1 - u) + a[node + 1] * u) * (1 - v) + (a[below] * (1 - u) + a[below + 1] * u) * v;
        };
        result.col[static_cast<std::size_t>(p)] = grid.col(turns.near(between(x), middle)) - 0.5;
        result.row[static_cast<std::size_t>(p)] = grid.row(between(y)) - 0.5;
      }
    return result;
  }

  // Writes input b of the raster to values[pixel * stride + first + b].
  void sample(const Positions& at, float* values, std::size_t stride, std::size_t first) const {
    const Grid& grid = raster.grid();
    double min_col = grid.cols, max_col = -1, min_row = grid.rows, max_row = -1;
    const std::size_t n = at.col.size();
    for (std::size_t p = 0; p < n; ++p) {
      if (!inside(at.col[p], at.row[p])) continue;
      min_col = std::min(min_col, at.col[p]), max_col = std::max(max_col, at.col[p]);
      min_row = std::min(min_row, at.row[p]), max_row = std::max(max_row, at.row[p]);
    }
    if (max_col < min_col) {  // the raster does not overlap the window
      for (std::size_t p = 0; p < n; ++p) std::fill_n(values + p * stride + first, bands.size(), kMissingStatic);
      return;
    }
    const int col = static_cast<int>(std::floor(min_col)), row = static_cast<int>(std::floor(min_row));
    const Window needed = grid.whole().intersect(
        {col, row, static_cast<int>(std::floor(max_col)) + 2 - col, static_cast<int>(std::floor(max_row)) + 2 - row});
    std::vector<float> pixels(static_cast<std::size_t>(needed.pixels()));
    for (std::size_t b = 0; b < bands.size(); ++b) {
      raster.read_numbers(needed, bands[b], pixels.data());
      const bool classes = raster.info().each[static_cast<std::size_t>(bands[b])].type == PixelType::u8;
      for (std::size_t p = 0; p < n; ++p)
        values[p * stride + first + b] =
            inside(at.col[p], at.row[p]) ? value(pixels, needed, at.col[p], at.row[p], classes) : kMissingStatic;
    }
  }

 private:
  bool inside(double col, double row) const {
    return col >= -0.5 && row >= -0.5 && col < raster.grid().cols - 0.5 && row < raster.grid().rows - 0.5;  // false for NaN
  }

  static float value(const std::vector<float>& pixels, const Window& needed, double col, double row, bool classes) {
    const auto pixel = [&](int c, int r) {
      c = std::clamp(c - needed.col, 0, needed.width - 1), r = std::clamp(r - needed.row, 0, needed.height - 1);  // edges are repeated
      return pixels[static_cast<std::size_t>(r) * static_cast<std::size_t>(needed.width) + static_cast<std::size_t>(c)];
    };
    const float nearest = pixel(static_cast<int>(std::floor(col + 0.5)), static_cast<int>(std::floor(row + 0.5)));
    if (classes || std::isnan(nearest)) return nearest;
    const int c = static_cast<int>(std::floor(col)), r = static_cast<int>(std::floor(row));
    const double u = col - c, v = row - r;
    double sum = 0, weights = 0;
    for (int j = 0; j < 2; ++j)
      for (int i = 0; i < 2; ++i) {
        const float neighbour = pixel(c + i, r + j);
        const double weight = (i ? u : 1 - u) * (j ? v : 1 - v);
        if (weight == 0 || std::isnan(neighbour)) continue;
        sum += weight * static_cast<double>(neighbour);
        weights += weight;
      }
    return static_cast<float>(sum / weights);
  }
};

std::vector<std::string> exogenous_names(const std::vector<ExogenousOptions>& entries) {
  std::vector<std::string> names;
  for (const ExogenousOptions& entry : entries)
    for (auto& name : names_of(entry, inputs_of(RasterReader(entry.path)).size())) names.push_back(std::move(name));
  std::set<std::string> seen;
  for (const auto& name : names)
    if (!seen.insert(name).second) throw UserError("[[exogenous]]: two inputs are called " + name + "; use different names");
  return names;
}

std::vector<std::string> files_of_exogenous(const std::vector<ExogenousOptions>& entries) {
  std::vector<std::string> files;
  for (const ExogenousOptions& entry : entries)
    for (const std::string& file : files_of_source(entry.path)) files.push_back(file);
  return files;
}

ExogenousReader::ExogenousReader(const std::vector<ExogenousOptions>& entries, const Grid& tile) : tile_(tile) {
  for (const ExogenousOptions& entry : entries) {
    RasterReader raster(entry.path);
    const RasterInfo& info = raster.info();
    if (info.grid.crs.empty())
      throw UserError(
          join_text(entry.path, ": exogenous input ", entry.name, " has no reference system; add one, e.g. gdal_edit.py -a_srs EPSG:2154"));
    std::optional<CoordinateTransform> transform;
    if (info.grid.crs != tile.crs) transform.emplace(tile.crs, info.grid.crs);
    const BoxesOf turns(info.grid.crs);
    std::vector<int> bands = inputs_of(raster);
    sources_.push_back({std::move(raster), std::move(transform), turns, std::move(bands)});
  }
}

ExogenousReader::~ExogenousReader() = default;
ExogenousReader::ExogenousReader(ExogenousReader&&) noexcept = default;
ExogenousReader& ExogenousReader::operator=(ExogenousReader&&) noexcept = default;

std::size_t ExogenousReader::size() const {
  std::size_t n = 0;
  for (const Source& source : sources_) n += source.bands.size();
  return n;
}

std::vector<float> ExogenousReader::read(const Window& window) const {
  const std::size_t stride = size();
  std::vector<float> values(static_cast<std::size_t>(window.pixels()) * stride);
  std::size_t first = 0;
  for (const Source& source : sources_) {
    source.sample(source.positions(tile_, window), values.data(), stride, first);
    first += source.bands.size();
  }
  return values;
}

}  // namespace millesime
