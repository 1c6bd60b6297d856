#include "pipeline/simulate/reference.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numbers>
#include <optional>
#include <set>

#include "pipeline/core/error.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/vector_file.h"
#include "pipeline/simulate/ground.h"
#include "pipeline/simulate/noise.h"

namespace millesime::simulated {

namespace {

enum ReferenceField : std::uint64_t { kCandidates = 120, kChosen, kHand, kWrong };

constexpr double kStepM = 2;          // of the walk to a parcel's border
constexpr double kLongestRay = 1.6;   // field sizes; a long parcel is drawn in part
constexpr double kLeastAreaM2 = 500;  // five pixels
constexpr int kLeastCorrect = 4;      // polygons of a class and region that keep their label, so that no class is lost

// Classes that a surveyor may confuse.
const std::vector<std::vector<int>>& lookalikes() {
  static const std::vector<std::vector<int>> groups = {{5, 6, 7},    {8, 9, 10, 11, 12}, {13, 18},     {14, 15}, {16, 17},
                                                       {1, 2, 3, 4}, {18, 19},           {20, 21, 22}, {19, 16}, {23, 11}};
  return groups;
}

int mistaken_for(int code, std::uint64_t draw) {
  std::vector<int> others;
  for (const auto& group : lookalikes())
    if (std::find(group.begin(), group.end(), code) != group.end())
      for (const int other : group)
        if (other != code) others.push_back(other);
  return others[draw % others.size()];
}

// The part of the parcel at `p` that is visible from p: rays to its border.
std::vector<Point> outline_from(const World& world, Point p, std::uint64_t parcel, int rays, double hand_error_m) {
  const double longest_m = kLongestRay * world.parcel_m();
  std::vector<Point> outline;
  for (int ray = 0; ray < rays; ++ray) {
    const double angle = -2 * std::numbers::pi * ray / rays;  // clockwise, as shapefiles want outer rings
    double reach = 0;
    while (reach < longest_m &&
           world.parcel_at({p.x + (reach + kStepM) * std::cos(angle), p.y + (reach + kStepM) * std::sin(angle)}).id == parcel)
      reach += kStepM;
    reach = std::max(0.5, reach + hand_error_m * normal(hash_of(parcel, kHand, ray)));
    outline.push_back({p.x + reach * std::cos(angle), p.y + reach * std::sin(angle)});
  }
  return outline;
}

Point middle_of(const std::vector<Point>& outline) {
  Point sum;
  for (const Point& p : outline) sum = {sum.x + p.x, sum.y + p.y};
  return {sum.x / static_cast<double>(outline.size()), sum.y / static_cast<double>(outline.size())};
}

double area_of(const std::vector<Point>& outline) {
  double twice = 0;
  for (std::size_t k = 0; k < outline.size(); ++k) {
    const Point &a = outline[k], &b = outline[(k + 1) % outline.size()];
    twice += a.x * b.y - b.x * a.y;
  }
  return std::fabs(twice) / 2;
}

struct Surveyed {
  int region = 0, land_class = 0;
  std::uint64_t parcel = 0;
  std::vector<Point> outline;
};

// Walks over the world in a random order and draws the parcels it meets, until every class of every region has enough.
std::vector<Surveyed> survey_parcels(const World& world, const std::vector<Tile>& tiles, int polygons) {
  const Box& extent = world.extent();
  const double margin = 2 * kLongestRay * world.parcel_m();
  const Box reached = {extent.min_x - margin, extent.min_y - margin, extent.max_x + margin, extent.max_y + margin};
  std::map<std::string, PositionLattice> to_tile;
  for (const Tile& tile : tiles) to_tile.try_emplace(tile.grid.crs, kWorldCrs, tile.grid.crs, reached);
  const auto covered = [&](Point p) {
    return std::any_of(tiles.begin(), tiles.end(), [&](const Tile& tile) {
      const Point q = to_tile.at(tile.grid.crs)(p);
      const Box box = tile.grid.extent();
      return q.x > box.min_x && q.x < box.max_x && q.y > box.min_y && q.y < box.max_y;
    });
  };
  const double area = (extent.max_x - extent.min_x) * (extent.max_y - extent.min_y);
  const auto candidates = static_cast<std::int64_t>(std::clamp(4 * area / (world.parcel_m() * world.parcel_m()), 2000.0, 120000.0));

  std::vector<Surveyed> found;
  std::set<std::uint64_t> met;
  std::map<std::pair<int, int>, int> count;  // by region and class
  for (std::int64_t k = 0; k < candidates; ++k) {
    const std::uint64_t draw = hash_of(world.seed(), kCandidates, k);
    Point p = {extent.min_x + (extent.max_x - extent.min_x) * uniform(draw),
               extent.min_y + (extent.max_y - extent.min_y) * uniform(mix(draw))};
    if (!covered(p)) continue;
    const Parcel parcel = world.parcel_at(p);
    if (!met.insert(parcel.id).second || uniform(hash_of(parcel.id, kChosen)) > 0.7) continue;
    for (int round = 0; round < 2; ++round) {
      const Point middle = middle_of(outline_from(world, p, parcel.id, 12, 0));
      if (world.parcel_at(middle).id == parcel.id) p = middle;
    }
    Surveyed polygon{world.region(p), parcel.land_class, parcel.id, outline_from(world, p, parcel.id, 28, 1.2)};
    if (area_of(polygon.outline) < kLeastAreaM2 || !std::all_of(polygon.outline.begin(), polygon.outline.end(), covered)) continue;
    if (count[{polygon.region, polygon.land_class}]++ >= polygons) continue;
    found.push_back(std::move(polygon));
  }
  return found;
}

Polygon as_polygon(const std::vector<Point>& outline) {
  Ring ring = outline;
  ring.push_back(ring.front());
  return {{ring}};
}

}  // namespace

nlohmann::ordered_json write_reference(const World& world, const std::vector<Tile>& tiles, const Nomenclature& nomenclature,
                                       const SurveyOptions& options, const std::string& path) {
  const std::vector<Surveyed> surveyed = survey_parcels(world, tiles, options.polygons);
  std::map<std::pair<int, int>, int> total, kept;
  for (const Surveyed& polygon : surveyed) ++total[{polygon.region, polygon.land_class}];

  nlohmann::ordered_json wrong = nlohmann::ordered_json::array();
  std::vector<OutputFeature> features;
  for (std::size_t k = 0; k < surveyed.size(); ++k) {
    const Surveyed& polygon = surveyed[k];
    const auto id = static_cast<std::int64_t>(k + 1);
    int& right = kept[{polygon.region, polygon.land_class}];
    int label = polygon.land_class;
    if (right >= kLeastCorrect && uniform(hash_of(polygon.parcel, kWrong)) < options.wrong_labels) {
      label = mistaken_for(label, hash_of(polygon.parcel, kWrong, 1));
      wrong.push_back({{"ID", id}, {"CODE", label}, {"true", polygon.land_class}});
    } else {
      ++right;
    }
    const std::optional<int> index = nomenclature.index_of_code(label);
    MILLESIME_CHECK(index, "class ", label, " is not in nomenclature ", nomenclature.name);
    features.push_back({{as_polygon(polygon.outline)}, {id, std::int64_t{label}, nomenclature.at(*index).name}});
  }
  write_polygons(path, "reference", kWorldCrs, {"ID", "CODE", "NAME"}, features);

  nlohmann::ordered_json report;
  report["polygons"] = surveyed.size();
  for (const auto& [key, count] : total) report["by_region_and_class"][std::to_string(key.first)][std::to_string(key.second)] = count;
  report["wrong_labels"] = wrong;
  return report;
}

void write_regions(const World& world, const std::string& path) {
  const std::vector<Point> border = world.region_border();  // from south to north
  const Box& extent = world.extent();
  const double margin = 0.1 * (extent.max_x - extent.min_x);
  const double west = extent.min_x - margin, east = extent.max_x + margin, south = border.front().y, north = border.back().y;
  std::vector<Point> western(border.rbegin(), border.rend()), eastern(border.begin(), border.end());
  western.insert(western.end(), {{west, south}, {west, north}});
  eastern.insert(eastern.end(), {{east, north}, {east, south}});
  write_polygons(path, "regions", kWorldCrs, {"region", "name"},
                 {{{as_polygon(western)}, {std::int64_t{1}, std::string("oceanic")}},
                  {{as_polygon(eastern)}, {std::int64_t{2}, std::string("mediterranean")}}});
}

void write_climate(const World& world, const std::string& path) {
  const Box& extent = world.extent();
  const double side = std::max(extent.max_x - extent.min_x, extent.max_y - extent.min_y);
  const double cell = std::clamp(std::round(side / 24 / 50) * 50, 50.0, 8000.0);  // metres; coarse compared with the images
  Grid grid;
  grid.crs = kWorldCrs;
  grid.pixel_width = grid.pixel_height = cell;
  grid.x0 = (std::floor(extent.min_x / cell) - 1) * cell;
  grid.y0 = (std::ceil(extent.max_y / cell) + 1) * cell;
  grid.cols = static_cast<int>(std::ceil(extent.max_x / cell) - grid.x0 / cell) + 1;
  grid.rows = static_cast<int>(grid.y0 / cell - std::floor(extent.min_y / cell)) + 1;
  RasterOptions options;
  options.band_names = {"temperature", "rain"};
  RasterWriter file(path, grid, PixelType::f32, 2, options);
  std::vector<float> temperature, rain;
  for (int row = 0; row < grid.rows; ++row)
    for (int col = 0; col < grid.cols; ++col) {
      temperature.push_back(static_cast<float>(world.temperature(grid.centre(col, row))));
      rain.push_back(static_cast<float>(world.rain(grid.centre(col, row))));
    }
  file.write(grid.whole(), 0, temperature.data());
  file.write(grid.whole(), 1, rain.data());
  file.commit();
}

}  // namespace millesime::simulated
