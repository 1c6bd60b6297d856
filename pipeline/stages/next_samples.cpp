#include "pipeline/stages/next_samples.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "pipeline/core/class_meanings.h"
#include "pipeline/core/class_names.h"
#include "pipeline/core/counted.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/imagery/coverage_reader.h"
#include "pipeline/io/map_input.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/uncertainty_map.h"
#include "pipeline/io/vector_file.h"
#include "pipeline/io/vector_output.h"
#include "pipeline/stages/common_classes.h"

namespace millesime {
namespace {

constexpr double kBlocksPerPlace = 1.5;

class PlaceFinder {
 public:
  PlaceFinder(const NextSamplesCommand& command, const Context& context)
      : command_(command),
        context_(context),
        map_(open_map(command.map, MapKind::classes, context)),
        uncertainty_(command.uncertainty, MapForm{.kind = MapKind::confidence}) {
    require_uncertainty(command.uncertainty);
    require_same(map_.grid(), uncertainty_.grid(), command.uncertainty + " and " + command.map);
    if (command.polygons.empty()) return;
    features_ = read_polygons(command.polygons, command.layer, {}, grid().crs, grid().extent()).features;
    if (features_.empty())
      throw UserError(join_text(command.polygons, ": no polygon lies on ", command.map, ", which covers ", to_text(grid())));
  }
  const Grid& grid() const { return map_.grid(); }
  // The polygon of a place; null for a square.
  const Feature* feature_of(const NextPlace& place) const {
    return place.polygon < 0 ? nullptr : &features_[static_cast<std::size_t>(place.polygon)];
  }

  std::vector<NextPlace> find(const Nomenclature* named) {
    std::int64_t known = 0;
    std::vector<std::int64_t> pixels(std::size_t{kMaxCode} + 1);
    each_strip("uncertainty", [&](const Window& strip) {
      for (std::size_t i = 0; i < static_cast<std::size_t>(strip.pixels()); ++i) known += counts(i), ++pixels[codes_[i]];
    });
    if (named) require_codes(command_.map, pixels, *named);
    if (known == 0) throw UserError(join_text(command_.uncertainty, ": no pixel has a value where ", command_.map, " has a class"));
    // A whole number of places.
    const double side = std::sqrt(static_cast<double>(known) / (kBlocksPerPlace * command_.count));
    const int of_place = features_.empty() ? command_.side : 1;
    block_ = of_place * std::max(1, static_cast<int>(side) / of_place);
    return spread(features_.empty() ? best_squares() : best_polygons());
  }

 private:
  using BestOfBlock = std::map<std::pair<int, int>, NextPlace>;

  // Of equals the first.
  void enter(const NextPlace& place, BestOfBlock& best) const {
    if (place.code == 0) return;
    const auto [at, first] = best.try_emplace({place.row / block_, place.col / block_}, place);
    if (!first && place.uncertainty > at->second.uncertainty) at->second = place;
  }

  BestOfBlock best_squares() {
    BestOfBlock best;
    each_strip("places", [&](const Window& strip) {
      for (int row = 0; row + command_.side <= strip.height; row += command_.side)
        for (int col = 0; col + command_.side <= strip.width; col += command_.side) enter(place_at(strip, col, row), best);
    });
    return best;
  }

  BestOfBlock best_polygons() {
    struct Inside {
      std::int64_t pixels = 0, known = 0, sum = 0;
      std::map<int, std::int64_t> of_class;
    };
    std::vector<Box> extents;
    for (const Feature& feature : features_) extents.push_back(feature.extent());
    std::vector<Inside> inside(features_.size());
    each_strip("polygons", [&](const Window& strip) {
      const Grid strip_grid = grid().crop(strip);
      std::vector<const Feature*> here;
      std::vector<std::size_t> numbers;
      for (std::size_t f = 0; f < extents.size(); ++f)
        if (extents[f].intersects(strip_grid.extent())) here.push_back(&features_[f]), numbers.push_back(f);
      if (here.empty()) return;
      const auto burnt = rasterise(here, strip_grid, [](std::size_t i) { return static_cast<std::int32_t>(i) + 1; });
      for (std::size_t i = 0; i < burnt.samples.size(); ++i) {
        if (burnt.samples[i] == 0) continue;
        Inside& of = inside[numbers[static_cast<std::size_t>(burnt.samples[i]) - 1]];
        ++of.pixels;
        if (counts(i)) ++of.known, of.sum += values_[i], ++of.of_class[codes_[i]];
      }
    });
    BestOfBlock best;
    for (std::size_t f = 0; f < features_.size(); ++f) {
      const Inside& of = inside[f];
      if (of.known == 0 || 2 * of.known < of.pixels) continue;
      const Point middle = features_[f].centroid();
      NextPlace place{std::clamp(static_cast<int>(grid().col(middle.x)), 0, grid().cols - 1),
                      std::clamp(static_cast<int>(grid().row(middle.y)), 0, grid().rows - 1),
                      static_cast<double>(of.sum) / static_cast<double>(of.known),
                      std::ranges::max_element(of.of_class, {}, [](const auto& n) { return n.second; })->first, static_cast<int>(f)};
      enter(place, best);
    }
    return best;
  }

  bool counts(std::size_t i) const { return codes_[i] != 0 && values_[i] != 0; }

  template <class Each>
  void each_strip(const char* what, const Each& each) {
    const Grid& all = map_.grid();
    context_.progress->start(what, all.rows, "rows");
    const int rows = std::max(1, kMapBlock / command_.side) * command_.side;
    for (int row = 0; row < all.rows; row += rows) {
      const Window strip{0, row, all.cols, std::min(rows, all.rows - row)};
      codes_.resize(static_cast<std::size_t>(strip.pixels())), values_.resize(codes_.size());
      map_.read(strip, codes_.data());
      uncertainty_.read(strip, values_.data());
      each(strip);
      context_.progress->advance(strip.height);
    }
    context_.progress->finish();
  }

  NextPlace place_at(const Window& strip, int col, int row) const {
    std::map<int, int> pixels;  // by class
    int n = 0, sum = 0;
    for (int r = row; r < row + command_.side; ++r)
      for (int c = col; c < col + command_.side; ++c) {
        const std::size_t i = static_cast<std::size_t>(r) * static_cast<std::size_t>(strip.width) + static_cast<std::size_t>(c);
        if (!counts(i)) continue;
        ++n, sum += values_[i], ++pixels[codes_[i]];
      }
    NextPlace place{col, strip.row + row};
    if (2 * n < command_.side * command_.side) return place;
    place.uncertainty = static_cast<double>(sum) / n;
    place.code = std::ranges::max_element(pixels, {}, [](const auto& of_class) { return of_class.second; })->first;
    return place;
  }

  std::vector<NextPlace> spread(const BestOfBlock& best) const {
    std::vector<NextPlace> candidates, chosen;
    for (const auto& [block, place] : best) candidates.push_back(place);
    std::ranges::stable_sort(candidates, {}, [](const NextPlace& p) { return std::tuple(-p.uncertainty, p.row, p.col); });
    std::map<std::pair<int, int>, NextPlace> taken;  // by block
    for (const NextPlace& place : candidates) {
      if (std::ssize(chosen) == command_.count) break;
      const int i = place.row / block_, j = place.col / block_;
      bool near = false;
      for (int di = -1; di <= 1; ++di)
        for (int dj = -1; dj <= 1; ++dj)
          if (const auto other = taken.find({i + di, j + dj}); other != taken.end())
            near = near || std::hypot(other->second.row - place.row, other->second.col - place.col) < block_ / 2.0;
      if (near) continue;
      chosen.push_back(place), taken[{i, j}] = place;
    }
    return chosen;
  }

  const NextSamplesCommand& command_;
  const Context& context_;
  MapInput map_, uncertainty_;
  std::vector<Feature> features_;  // none: squares
  int block_ = 1;                  // px
  std::vector<std::uint16_t> codes_;
  std::vector<std::uint8_t> values_;
};

}  // namespace

Options NextSamplesCommand::declare() {
  Options o;
  o.add("map", &map, "map of class codes").path().required();
  o.add("uncertainty", &uncertainty, "its uncertainty, 1 to 100 (classify.uncertainty writes it)").path().required();
  o.add("nomenclature", &nomenclature, "the classes: a name in configs/nomenclatures, or a file; default: the legend of the map")
      .names("nomenclature");
  o.add("count", &count, "places that are wanted").range(1, 1e6);
  o.add("side", &side, "side of a place that is a square").unit("px").range(1, 100);
  o.add("polygons", &polygons, "the places are among these polygons, e.g. parcels without a label, instead of squares").path();
  o.add("layer", &layer, "layer of polygons; needed if the file has several");
  names.declare(o);
  o.add("output", &output, "polygons to write: .gpkg, .fgb, .shp, .geojson or .parquet").path().required();
  return o;
}

std::vector<NextPlace> next_places(const NextSamplesCommand& command, const Context& context) {
  return PlaceFinder(command, context).find(nullptr);
}

std::vector<std::string> next_samples(const NextSamplesCommand& command, const Context& context) {
  require_vector_format(command.output);
  PlaceFinder finder(command, context);
  const Nomenclature classes = nomenclature_of_map(command.nomenclature, command.map);
  const bool named = !command.nomenclature.empty();
  if (named) require_same_meanings({command.map}, &classes, context);
  const std::vector<NextPlace> places = finder.find(named ? &classes : nullptr);
  const Nomenclature named_classes = command.names.named(classes);
  const Grid& grid = finder.grid();
  std::vector<OutputFeature> features;
  std::map<int, int> of_class;
  for (const NextPlace& place : places) {
    const Feature* feature = finder.feature_of(place);
    const Box box = grid.extent({place.col, place.row, command.side, command.side});
    const Polygon square{
        {{{box.min_x, box.min_y}, {box.max_x, box.min_y}, {box.max_x, box.max_y}, {box.min_x, box.max_y}, {box.min_x, box.min_y}}}};
    const auto index = classes.index_of_code(place.code);
    const std::string name = index ? named_classes.at(*index).name : std::string();
    ++of_class[place.code];
    features.push_back(
        {feature ? feature->parts : std::vector{square},
         {std::ssize(features) + std::int64_t{1}, place.uncertainty, std::int64_t{place.code}, name, std::string(), std::string()}});
    if (feature) features.back().attributes.emplace_back(feature->id);
  }
  std::vector<std::string> fields{"rank", "uncertain", "map_class", "map_name", "label", "comment"};
  if (!command.polygons.empty()) fields.emplace_back("polygon");
  write_polygons(command.output, "places", grid.crs, fields, features);
  std::vector<std::string> lines;
  if (std::ssize(places) < command.count)
    lines.push_back(join_text(command.count, " places are wanted, the map has ", places.size(), " so far apart"));
  if (!places.empty())
    lines.push_back(join_text(command.polygons.empty()
                                  ? join_text(counted(places.size(), "place"), " of ", command.side, " x ", command.side, " px")
                                  : counted(places.size(), "polygon"),
                              ", uncertainty ", fixed(places.front().uncertainty, 1), " to ", fixed(places.back().uncertainty, 1),
                              " %, on ", counted(of_class.size(), "class", "classes"), " of the map"));
  return lines;
}

}  // namespace millesime
