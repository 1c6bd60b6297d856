#include "pipeline/imagery/exogenous.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>

#include "models/base/model_spec.h"
#include "pipeline/core/chance.h"
#include "pipeline/core/class_names.h"
#include "pipeline/core/error.h"
#include "pipeline/core/source_name.h"
#include "pipeline/core/text.h"
#include "pipeline/imagery/exogenous_fills.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/io/layer_choice.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/source_files.h"
#include "pipeline/io/vector_file.h"

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
  const std::string ending = entry.is_category() ? kCategory : "";
  if (bands == 1) return {entry.name + ending};
  std::vector<std::string> names;
  for (std::size_t band = 1; band <= bands; ++band) names.push_back(entry.name + "_" + std::to_string(band) + ending);
  return names;
}

constexpr int kFirstOfTexts = 1 << 23;  // codes of texts; a float holds whole numbers up to twice this

// The value of a field: a number, a code, or missing.
float number_of(const std::string& text, const ExogenousOptions& entry, const Feature& feature, std::map<int, std::string>& texts) {
  const std::string_view known = trim(text);
  if (known.empty()) return kMissingStatic;
  if (!entry.is_category()) {
    double number = 0;
    const auto [end, error] = std::from_chars(known.data(), known.data() + known.size(), number);
    if (error == std::errc() && end == known.data() + known.size() && std::isfinite(number)) return static_cast<float>(number);
    throw UserError(join_text(entry.path, ": feature ", feature.id, ": ", entry.field, ": expected a number, got \"", text,
                              "\"; set kind = \"category\" where texts are codes"));
  }
  const auto number = number_of_text(known);  // nothing for 91E0, which is no number of a category
  if (number && *number == std::floor(*number) && std::abs(*number) < kFirstOfTexts) return static_cast<float>(*number);
  const int code = kFirstOfTexts + static_cast<int>(hash_text(std::string(known)) % kFirstOfTexts);
  if (const auto [other, is_new] = texts.emplace(code, known); !is_new && other->second != known)
    throw UserError(join_text(entry.path, ": ", entry.field, ": the texts \"", other->second, "\" and \"", known,
                              "\" get the same code; give the field numbers"));
  return static_cast<float>(code);
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
  o.add("path", &path, "raster or polygons, any CRS and resolution; a variable of a file as GDAL names it, NETCDF:\"climate.nc\":t2m")
      .path()
      .required();
  o.add("field", &field, "of polygons: the field that holds the value; none: the file is a raster");
  o.add("layer", &layer, "of polygons: layer in that file; needed if several of them hold polygons");
  o.add("kind", &kind, "numbers, or categories: codes of which none is more than another, such as crops of the year before")
      .choices({"number", "category"});
  o.add("nodata", &nodata,
        "of rasters: numbers that stand for missing values though the file does not say so, e.g. -9999; plain ones are found without it; "
        "none: every number is one");
  return o;
}

std::string ExogenousOptions::identity() const {
  const std::string part = part_of_source(path);
  return join_text(name, part.empty() ? "" : " of " + part, is_category() ? " category" : "",
                   field.empty() ? "" : " " + layer + " " + field, nodata.empty() ? "" : " nodata " + join_list(nodata, " "));
}

struct ExogenousReader::Source {
  virtual ~Source() = default;
  virtual std::size_t size() const = 0;
  // Writes its inputs of a window to values[pixel * stride + first...].
  virtual void read(const Grid& tile, const Window& window, float* values, std::size_t stride, std::size_t first) const = 0;
};

// Polygons with the value of a field.
struct ExogenousReader::Polygons final : ExogenousReader::Source {
  struct Part {
    Feature feature;
    Window window;  // that it meets
    float value;
  };
  std::vector<Part> parts;

  Polygons(const ExogenousOptions& entry, const Grid& tile) {
    VectorLayer layer =
        read_polygons(entry.path, LayerChoice{entry.layer, "layer of the input " + entry.name}, {entry.field}, tile.crs, tile.extent());
    if (!layer.dropped.empty())
      throw UserError(join_text(entry.path, ": exogenous input ", entry.name,
                                ": expected polygons, got also what is none: ", join_list(layer.dropped, "; ")));
    std::map<int, std::string> texts;
    for (Feature& feature : layer.features) {
      if (!feature.extent().intersects(tile.extent())) continue;
      const float value = number_of(feature.attributes.at(entry.field), entry, feature, texts);
      const Window window = tile.window_of(feature.extent());
      parts.push_back({std::move(feature), window, value});
    }
  }

  std::size_t size() const override { return 1; }

  void read(const Grid& tile, const Window& window, float* values, std::size_t stride, std::size_t first) const override {
    std::vector<const Feature*> near;
    std::vector<float> value = {kMissingStatic};  // outside of all
    for (const Part& part : parts)
      if (!part.window.intersect(window).empty()) near.push_back(&part.feature), value.push_back(part.value);
    const Raster<std::int32_t> which = rasterise(near, tile.crop(window), [](std::size_t i) { return static_cast<std::int32_t>(i) + 1; });
    for (std::size_t p = 0; p < which.samples.size(); ++p) values[p * stride + first] = value[static_cast<std::size_t>(which.samples[p])];
  }
};

struct ExogenousReader::Image final : ExogenousReader::Source {
  RasterReader raster;
  std::optional<CoordinateTransform> transform;  // from the tile's reference system
  BoxesOf turns;                                 // of the raster's reference system
  std::vector<int> bands;                        // that are inputs
  RasterFills fills;
  bool category;

  Image(const ExogenousOptions& entry, const Grid& tile)
      : raster(entry.path),
        turns(raster.grid().crs),
        bands(inputs_of(raster)),
        fills(find_fills(entry, raster, bands, around(tile))),
        category(entry.is_category()) {
    if (raster.grid().crs.empty())
      throw UserError(
          join_text(entry.path, ": exogenous input ", entry.name, " has no reference system; add one, e.g. gdal_edit.py -a_srs EPSG:2154"));
    if (raster.grid().crs != tile.crs) transform.emplace(tile.crs, raster.grid().crs);
  }

  std::size_t size() const override { return bands.size(); }

  // The raster's pixels over a tile, and those beside them that are interpolated.
  Window around(const Grid& tile) const {
    const Grid& grid = raster.grid();
    const Box there = grid.crs == tile.crs ? tile.extent() : [&] {
      try {
        return CoordinateTransform(tile.crs, grid.crs)(tile.extent());
      } catch (const UserError& error) {  // a local system, another planet
        throw with_context(raster.path(), error);
      }
    }();
    const Window over = grid.window_of(turns.near(there, grid.extent()));
    return over.empty() ? over : Window{over.col - 1, over.row - 1, over.width + 2, over.height + 2}.intersect(grid.whole());
  }

  void read(const Grid& tile, const Window& window, float* values, std::size_t stride, std::size_t first) const override {
    sample(positions(tile, window), values, stride, first);
  }

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
    const std::size_t n_bands = bands.size();
    std::vector<float> pixels(static_cast<std::size_t>(needed.pixels()) * n_bands);  // [pixel][band]
    raster.read_numbers(needed, bands, pixels.data());
    std::vector<char> classes(n_bands);
    for (std::size_t b = 0; b < n_bands; ++b) {
      const BandInfo& info = raster.info().each[static_cast<std::size_t>(bands[b])];
      fills.hide(b, info, pixels);
      if (category && info.type != PixelType::u8) require_exact_codes(b, pixels);
      classes[b] = category || (info.type == PixelType::u8 && !info.has_scale);
    }
    for (std::size_t p = 0; p < n; ++p) {
      float* const of_pixel = values + p * stride + first;
      if (inside(at.col[p], at.row[p]))
        interpolate(pixels, needed, at.col[p], at.row[p], classes, of_pixel);
      else
        std::fill_n(of_pixel, n_bands, kMissingStatic);
    }
  }

 private:
  // A float holds whole numbers up to here; beyond, neighbours become one.
  void require_exact_codes(std::size_t band, const std::vector<float>& pixels) const {
    constexpr float kExact = 1 << 24;
    for (std::size_t i = band; i < pixels.size(); i += bands.size())
      if (std::abs(pixels[i]) >= kExact)
        throw UserError(join_text(raster.path(), ": expected codes of categories from ", 1 - (1 << 24), " to ", (1 << 24) - 1, ", got ",
                                  fixed(static_cast<double>(pixels[i]), 0),
                                  "; if it stands for no data, declare it (gdal_edit.py -a_nodata), or else renumber the categories"));
  }

  bool inside(double col, double row) const {
    return col >= -0.5 && row >= -0.5 && col < raster.grid().cols - 0.5 && row < raster.grid().rows - 0.5;  // false for NaN
  }

  // The values of all bands at a position. Edges are repeated.
  static void interpolate(const std::vector<float>& pixels, const Window& needed, double col, double row, const std::vector<char>& classes,
                          float* values) {
    const std::size_t n_bands = classes.size();
    const auto pixel = [&](int c, int r) {
      c = std::clamp(c - needed.col, 0, needed.width - 1), r = std::clamp(r - needed.row, 0, needed.height - 1);
      return pixels.data() + (static_cast<std::size_t>(r) * static_cast<std::size_t>(needed.width) + static_cast<std::size_t>(c)) * n_bands;
    };
    const int c = static_cast<int>(std::floor(col)), r = static_cast<int>(std::floor(row));
    const double u = col - c, v = row - r;
    const float* const corners[4] = {pixel(c, r), pixel(c + 1, r), pixel(c, r + 1), pixel(c + 1, r + 1)};
    const double weights[4] = {(1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v};
    const float* const nearest = pixel(static_cast<int>(std::floor(col + 0.5)), static_cast<int>(std::floor(row + 0.5)));
    for (std::size_t b = 0; b < n_bands; ++b) {
      double sum = 0, weight = 0;
      for (int k = 0; k < 4; ++k) {
        const float corner = corners[k][b];
        const double share = std::isnan(corner) ? 0 : weights[k];
        sum += share == 0 ? 0 : share * static_cast<double>(corner);
        weight += share;
      }
      values[b] = classes[b] || std::isnan(nearest[b]) ? nearest[b] : static_cast<float>(sum / weight);
    }
  }
};

std::vector<std::string> exogenous_names(const std::vector<ExogenousOptions>& entries) {
  std::vector<std::string> names;
  for (const ExogenousOptions& entry : entries)
    for (auto& name : names_of(entry, entry.field.empty() ? inputs_of(RasterReader(entry.path)).size() : 1))
      names.push_back(std::move(name));
  std::set<std::string> seen;
  for (const auto& name : names)
    if (!seen.insert(name).second) throw UserError("[[exogenous]]: two inputs are called " + name + "; use different names");
  return names;
}

void require_exogenous(const std::vector<ExogenousOptions>& entries) {
  exogenous_names(entries);  // opens the rasters
  for (const ExogenousOptions& entry : entries)
    if (!entry.field.empty()) require_polygons(entry.path, LayerChoice{entry.layer, "layer of the input " + entry.name}, {entry.field});
}

std::vector<std::string> files_of_exogenous(const std::vector<ExogenousOptions>& entries) {
  std::vector<std::string> files;
  for (const ExogenousOptions& entry : entries)
    for (const std::string& file : files_of_source(entry.path)) files.push_back(file);
  return files;
}

std::vector<std::string> notes_of_missing(const MissingStatics& missing, const std::vector<ExogenousOptions>& entries,
                                          const std::string& places) {
  constexpr double kMany = 0.01;
  const auto of_polygons = [&](const std::string& input) {
    return std::ranges::any_of(entries, [&](const ExogenousOptions& entry) {
      return !entry.field.empty() && (input == entry.name || input == entry.name + kCategory);
    });
  };
  std::vector<std::string> notes;
  for (const auto& [input, share] : missing.shares())
    if (share == 1)
      notes.push_back(join_text("the exogenous input ", input, " has no value at any of the ", places, "; does it cover the tile?"));
    else if (share >= kMany && !of_polygons(input))
      notes.push_back(join_text("the exogenous input ", input, " has no value at ", fixed(100 * share, 1), " % of the ", places,
                                ", where models read its mean, or an unknown code; does it cover the tile?"));
  return notes;
}

std::vector<std::string> notes_of_exogenous(const std::vector<ExogenousOptions>& entries) {
  std::vector<std::string> notes;
  for (const ExogenousOptions& entry : entries) {
    if (!entry.field.empty()) continue;
    const RasterReader raster(entry.path);
    for (std::string& note : find_fills(entry, raster, inputs_of(raster), {}).notes) notes.push_back(std::move(note));
  }
  return notes;
}

ExogenousReader::ExogenousReader(const std::vector<ExogenousOptions>& entries, const Grid& tile) : tile_(tile) {
  for (const ExogenousOptions& entry : entries)
    if (entry.field.empty())
      sources_.push_back(std::make_unique<Image>(entry, tile));
    else
      sources_.push_back(std::make_unique<Polygons>(entry, tile));
}

ExogenousReader::~ExogenousReader() = default;
ExogenousReader::ExogenousReader(ExogenousReader&&) noexcept = default;
ExogenousReader& ExogenousReader::operator=(ExogenousReader&&) noexcept = default;

std::size_t ExogenousReader::size() const {
  std::size_t n = 0;
  for (const auto& source : sources_) n += source->size();
  return n;
}

std::vector<float> ExogenousReader::read(const Window& window) const {
  std::vector<float> values(static_cast<std::size_t>(window.pixels()) * size());
  read(window, values.data(), size());
  return values;
}

void ExogenousReader::read(const Window& window, float* values, std::size_t stride) const {
  std::size_t first = 0;
  for (const auto& source : sources_) {
    source->read(tile_, window, values, stride, first);
    first += source->size();
  }
}

}  // namespace millesime
