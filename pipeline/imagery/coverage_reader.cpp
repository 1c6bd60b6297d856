#include "pipeline/imagery/coverage_reader.h"

#include <algorithm>
#include <cmath>

#include "pipeline/core/error.h"
#include "pipeline/core/known_nomenclature.h"
#include "pipeline/io/geodesy.h"
#include "pipeline/io/map_input.h"

namespace millesime {
namespace {

constexpr std::size_t kCodes = 65536;

// A map of the statistics, and how its pixels lie in those of the class map.
struct FineMap {
  MapInput input;
  int fine = 1;
  int col = 0, row = 0;  // of its pixel at the class map's upper left corner

  FineMap(const std::string& path, MapKind kind, const Grid& map) : input(path, kind) {
    const Grid& own = input.grid();
    constexpr double kRounding = 1e-3;  // of a pixel; as far as grids of one system are the same
    const double across = map.pixel_width / own.pixel_width, down = map.pixel_height / own.pixel_height;
    fine = static_cast<int>(std::lround(across));
    const double first_col = own.col(map.x0), first_row = own.row(map.y0);
    col = static_cast<int>(std::lround(first_col)), row = static_cast<int>(std::lround(first_row));
    constexpr int kMostFine = 16;
    const double drift = std::max(std::abs(across - fine) * map.cols, std::abs(down - fine) * map.rows);
    if (own.crs != map.crs || fine < 1 || fine > kMostFine || drift > kRounding * fine || std::abs(first_col - col) > kRounding ||
        std::abs(first_row - row) > kRounding)
      throw UserError(join_text(path, ": expected the grid of the map, or pixels that divide those of the map (", to_text(map), "), got ",
                                to_text(own)));
    // The map's pixels may reach beyond those that they were made of, by less than one of them.
    const int missing = std::max({-col, -row, col + map.cols * fine - own.cols, row + map.rows * fine - own.rows});
    if (missing >= fine)
      throw UserError(join_text(path, ": expected to cover the map (", to_text(map), "), got ", to_text(own),
                                "; cut the map to it with gdal_translate -projwin"));
  }

  // The fine pixels of a window of the class map, of which parts may lie outside: 0 there.
  template <class T>
  std::vector<T> read(int map_col, int map_row, int cols, int rows) const {
    const Window wanted{col + map_col * fine, row + map_row * fine, cols * fine, rows * fine};
    const Window inside = wanted.intersect(input.grid().whole());
    std::vector<T> samples(static_cast<std::size_t>(wanted.pixels()), 0);
    if (inside.empty()) return samples;
    std::vector<T> read(static_cast<std::size_t>(inside.pixels()));
    input.read(inside, read.data());
    for (int r = 0; r < inside.height; ++r)
      std::copy_n(read.begin() + std::ptrdiff_t{r} * inside.width, inside.width,
                  samples.begin() + std::ptrdiff_t{inside.row - wanted.row + r} * wanted.width + (inside.col - wanted.col));
    return samples;
  }
};

}  // namespace

struct CoverageReader::Impl {
  FineMap map;
  std::optional<FineMap> classification, confidence, validity;
  const Nomenclature& nomenclature;
  const Zones* zones;
  std::optional<PixelAreas> areas;
  std::vector<std::uint16_t> index;  // of each code, plus 1; 0: not in the nomenclature

  Impl(const CoverageMaps& maps, const Nomenclature& classes, const Zones* of)
      : map(maps.map, MapKind::classes, RasterReader(maps.map).grid()),
        nomenclature(classes),
        zones(of),
        areas(pixel_areas(map.input.grid())),
        index(kCodes, 0) {
    const Grid& grid = map.input.grid();
    if (grid.cols >= kLargestSide || grid.rows >= kLargestSide)
      throw UserError(join_text(maps.map, ": ", grid.cols, " x ", grid.rows, " px; maps of up to ", kLargestSide - 1,
                                " px a side can be made polygons; cut it with gdal_translate -srcwin"));
    if (!maps.classification.empty()) classification.emplace(maps.classification, MapKind::classes, grid);
    if (!maps.confidence.empty()) confidence.emplace(maps.confidence, MapKind::confidence, grid);
    if (!maps.validity.empty()) validity.emplace(maps.validity, MapKind::validity, grid);
    int fine = 0;
    for (const auto* one : {&classification, &confidence, &validity})
      if (*one) {
        if (fine != 0 && fine != (*one)->fine)
          throw UserError(join_text((*one)->input.path(), ": expected the pixel size of the other maps of the statistics, ",
                                    grid.pixel_width / fine, ", got ", (*one)->input.grid().pixel_width));
        fine = (*one)->fine;
      }
    for (int i = 0; i < nomenclature.size(); ++i)
      index[static_cast<std::size_t>(nomenclature.at(i).code)] = static_cast<std::uint16_t>(i + 1);
  }

  int fine() const {
    for (const auto* one : {&classification, &confidence, &validity})
      if (*one) return (*one)->fine;
    return 1;
  }

  std::uint16_t index_of(std::uint16_t code, const FineMap& of) const {
    if (code != 0 && index[code] == 0)
      throw UserError(join_text(of.input.path(), ": holds the class ", code, ", which the nomenclature ", nomenclature.name,
                                " does not have; add it there, or give the nomenclature of this map"));
    return index[code];
  }
};

CoverageReader::CoverageReader(const CoverageMaps& maps, const Nomenclature& nomenclature, const Zones* zones)
    : impl_(new Impl(maps, nomenclature, zones)) {}
CoverageReader::~CoverageReader() = default;

const Grid& CoverageReader::grid() const { return impl_->map.input.grid(); }
const std::optional<PixelAreas>& CoverageReader::areas() const { return impl_->areas; }

CoverageStrip CoverageReader::read(const BlockRange& range, int row) const {
  const Grid& grid = this->grid();
  const Window window = pixels_of(range, row, grid.cols, grid.rows);
  CoverageStrip strip;
  strip.col = window.col, strip.row = window.row, strip.cols = window.width, strip.rows = window.height;
  strip.fine = impl_->fine();
  const auto codes = impl_->map.read<std::uint16_t>(window.col, window.row, window.width, window.height);
  strip.labels.assign(codes.begin(), codes.end());
  for (const std::uint16_t code : codes) impl_->index_of(code, impl_->map);
  const Window inside = window.intersect(grid.whole());
  const auto place = [&](int c, int r) {
    return static_cast<std::size_t>(r - window.row) * static_cast<std::size_t>(window.width) + static_cast<std::size_t>(c - window.col);
  };
  if (impl_->zones) {
    const Raster<std::int32_t> zone = impl_->zones->numbers(grid, inside);
    for (int r = 0; r < inside.height; ++r)
      for (int c = 0; c < inside.width; ++c) {
        std::uint32_t& label = strip.labels[place(inside.col + c, inside.row + r)];
        const auto number = static_cast<std::uint32_t>(zone.at(c, r));
        label = number == 0 || label == 0 ? 0 : label_of(number, label);
      }
  }
  if (impl_->areas) {
    std::vector<std::int64_t> cm2;
    for (int r = 0; r < window.height; ++r) {
      const int nearest = std::clamp(window.row + r, inside.row, inside.row + inside.height - 1);
      impl_->areas->row_cm2(inside.col, nearest, inside.width, cm2);
      strip.cm2.insert(strip.cm2.end(), static_cast<std::size_t>(inside.col - window.col), cm2.front());
      strip.cm2.insert(strip.cm2.end(), cm2.begin(), cm2.end());
      strip.cm2.resize(static_cast<std::size_t>(r + 1) * static_cast<std::size_t>(window.width), cm2.back());
    }
  }
  if (impl_->classification) {
    strip.class_count = impl_->nomenclature.size();
    strip.classes = impl_->classification->read<std::uint16_t>(window.col, window.row, window.width, window.height);
    for (std::uint16_t& code : strip.classes) code = impl_->index_of(code, *impl_->classification);
  }
  if (impl_->confidence) strip.confidence = impl_->confidence->read<std::uint8_t>(window.col, window.row, window.width, window.height);
  if (impl_->validity) strip.validity = impl_->validity->read<std::uint8_t>(window.col, window.row, window.width, window.height);
  return strip;
}

Nomenclature nomenclature_of_map(const std::string& name_or_file, const std::string& map) {
  if (!name_or_file.empty()) return Nomenclature::load(name_or_file);
  std::optional<Nomenclature> legend = RasterReader(map).legend();
  if (!legend) throw UserError(join_text(map, ": has no palette that says what its classes are; give them with --nomenclature"));
  if (auto known = known_nomenclature(*legend)) return *std::move(known);
  legend->name = "of the legend of " + map;  // for messages
  return *std::move(legend);
}

}  // namespace millesime
