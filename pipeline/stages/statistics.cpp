#include "pipeline/stages/statistics.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/counted.h"
#include "pipeline/core/csv.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/coverage/polygon_pixels.h"
#include "pipeline/imagery/coverage_reader.h"
#include "pipeline/io/geodesy.h"
#include "pipeline/io/map_input.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/vector_output.h"

namespace millesime {
namespace {

constexpr std::size_t kCodes = 65536;
constexpr double kCm2PerHa = 1e8;

double hectares(std::int64_t cm2) { return static_cast<double>(cm2) / kCm2PerHa; }
double percent(std::int64_t part, std::int64_t whole) {
  return whole > 0 ? 100 * static_cast<double>(part) / static_cast<double>(whole) : std::nan("");
}

// The rings of a zone in pixels of the map.
std::vector<PixelRings> rings_of(const Feature& feature, const Grid& grid) {
  std::vector<PixelRings> parts;
  for (const Polygon& polygon : feature.parts) {
    PixelRings rings;
    for (const Ring& ring : polygon.rings) {
      rings.emplace_back();
      for (const Point& point : ring) rings.back().push_back({grid.col(point.x), grid.row(point.y)});
    }
    parts.push_back(std::move(rings));
  }
  return parts;
}

class ZoneSums {
 public:
  ZoneSums(const StatisticsCommand& command, const Context& context)
      : command_(command), context_(context), map_(open_map(command.map, MapKind::classes, context)), areas_(pixel_areas(map_.grid())) {
    if (!command.confidence.empty()) confidence_.emplace(open_map(command.confidence, MapKind::confidence, context));
    if (!command.second.empty()) second_.emplace(open_map(command.second, MapKind::classes, context));
    for (const auto* other : {&confidence_, &second_})
      if (*other) require_same(map_.grid(), (*other)->grid(), (*other)->path());
    result_.nomenclature = command.names.named(nomenclature_of_map(command.nomenclature, command.map));
    result_.has_confidence = confidence_.has_value(), result_.has_second = second_.has_value();
    index_.assign(kCodes, -1);
    for (int i = 0; i < result_.nomenclature.size(); ++i) index_[static_cast<std::size_t>(result_.nomenclature.at(i).code)] = i;
    find_zones();
  }

  StatisticsResult run() {
    const Grid& grid = map_.grid();
    context_.progress->start("statistics", grid.rows, "rows");
    for (const Window& strip : split(grid.whole(), grid.cols, kMapBlock, 1)) {
      add(strip);
      context_.progress->advance(strip.height);
    }
    for (std::size_t zone = 0; zone < rings_.size(); ++zone) add_beyond(zone);
    context_.progress->finish();
    return std::move(result_);
  }

 private:
  void find_zones() {
    const Grid& grid = map_.grid();
    if (command_.zones.path.empty()) {
      const Box box = grid.extent();
      Zone whole{"map", {}, grid.whole()};
      whole.feature.parts = {
          {{{{box.min_x, box.min_y}, {box.max_x, box.min_y}, {box.max_x, box.max_y}, {box.min_x, box.max_y}, {box.min_x, box.min_y}}}}};
      result_.zones.zones.push_back(std::move(whole));
    } else {
      result_.zones = read_zones(command_.zones, grid);
    }
    for (const Zone& zone : result_.zones.zones) {
      rings_.push_back(rings_of(zone.feature, grid));
      result_.each.push_back({});
      result_.each.back().name = zone.name;
      result_.each.back().classes.resize(static_cast<std::size_t>(result_.nomenclature.size()));
    }
  }

  int index_of(std::uint16_t code, const MapInput& of) const {
    if (code != 0 && index_[code] < 0)
      throw UserError(join_text(of.path(), ": holds the class ", code, ", which the nomenclature ", result_.nomenclature.name,
                                " does not have; add it there, or give the nomenclature of this map"));
    return index_[code];
  }

  void add(const Window& strip) {
    const auto pixels = static_cast<std::size_t>(strip.pixels());
    codes_.resize(pixels);
    map_.read(strip, codes_.data());
    if (confidence_) confidence_values_.resize(pixels), confidence_->read(strip, confidence_values_.data());
    if (second_) second_codes_.resize(pixels), second_->read(strip, second_codes_.data());
    cm2_.resize(pixels);
    std::vector<std::int64_t> row_cm2;
    const Grid& grid = map_.grid();
    for (int row = 0; row < strip.height; ++row) {
      if (areas_)
        areas_->row_cm2(strip.col, strip.row + row, strip.width, row_cm2);
      else
        row_cm2.assign(static_cast<std::size_t>(strip.width), std::llround(grid.pixel_width * grid.pixel_height * 1e4));
      std::ranges::copy(row_cm2, cm2_.begin() + std::ptrdiff_t{row} * strip.width);
    }
    taken_.assign(pixels, 0);
    const std::size_t n = rings_.size();
    const bool last_wins = command_.zones.overlap == "last";
    for (std::size_t k = 0; k < n; ++k) {
      const std::size_t zone = last_wins ? n - 1 - k : k;
      const Window& around = result_.zones.zones[zone].window;
      if (around.row + around.height <= strip.row || around.row >= strip.row + strip.height) continue;
      runs_.clear();
      for (const PixelRings& rings : rings_[zone])
        add_pixels_of(rings, command_.pixels == "share" ? PixelRule::share : PixelRule::centre, strip.row, strip.row + strip.height, runs_);
      for (const PixelTransfer& run : runs_)
        for (int col = std::max(0, run.col); col < std::min(run.col_end, strip.width); ++col)
          add_pixel(zone, strip, col, run.row, run.weight);
    }
  }

  void add_beyond(std::size_t zone) {
    const Grid& grid = map_.grid();
    constexpr double kFarthest = 1 << 30;  // px
    for (const PixelRings& rings : rings_[zone]) {
      double north = kFarthest, south = -kFarthest;
      for (const Point& point : rings.front()) north = std::min(north, point.y), south = std::max(south, point.y);
      if (south < north) continue;
      runs_.clear();
      add_pixels_of(rings, command_.pixels == "share" ? PixelRule::share : PixelRule::centre,
                    static_cast<int>(std::max(-kFarthest, std::floor(north))), static_cast<int>(std::min(kFarthest, std::ceil(south))),
                    runs_);
      for (const PixelTransfer& run : runs_) {
        const bool beside = run.row >= 0 && run.row < grid.rows;
        const std::int64_t inside = beside ? std::max(0, std::min(run.col_end, grid.cols) - std::max(run.col, 0)) : 0;
        const std::int64_t pixels = std::int64_t{run.col_end} - run.col - inside;
        if (pixels == 0) continue;
        const int col = std::clamp(run.col_end > grid.cols ? grid.cols - 1 : run.col, 0, grid.cols - 1);
        const double m2 = areas_ ? areas_->m2(col, std::clamp(run.row, 0, grid.rows - 1)) : grid.pixel_width * grid.pixel_height;
        result_.each[zone].beyond_cm2 +=
            std::llround(static_cast<double>(pixels) * m2 * 1e4 * static_cast<double>(run.weight) / static_cast<double>(kWholePixel));
      }
    }
  }

  void add_pixel(std::size_t zone, const Window& strip, int col, int row, std::int64_t weight) {
    const std::size_t i = static_cast<std::size_t>(row - strip.row) * static_cast<std::size_t>(strip.width) + static_cast<std::size_t>(col);
    // Shares of one pixel are rounded to 1/65536 each; more than that in excess is an overlap.
    constexpr std::int64_t kRounding = 64;
    if (taken_[i] + weight > kWholePixel + kRounding) {
      if (command_.zones.overlap == "error" && command_.pixels == "centre") refuse_overlap(zone, col, row);
      if (command_.zones.overlap == "error" && taken_[i] + weight > kWholePixel + kWholePixel / 100) refuse_overlap(zone, col, row);
      weight = kWholePixel - taken_[i];
    }
    if (weight <= 0) return;
    taken_[i] = static_cast<std::int32_t>(taken_[i] + weight);
    ZoneStatistics& sums = result_.each[zone];
    const std::int64_t cm2 = (cm2_[i] * weight + kWholePixel / 2) >> kWeightBits;
    const int index = index_of(codes_[i], map_);
    if (index < 0) {
      sums.unmapped_cm2 += cm2;
    } else {
      ClassInZone& own = sums.classes[static_cast<std::size_t>(index)];
      own.cm2 += cm2;
      own.weight += weight;
      if (confidence_) own.confidence += weight * confidence_values_[i];
    }
    if (!second_) return;
    const int second = index_of(second_codes_[i], *second_);
    if (second >= 0) sums.classes[static_cast<std::size_t>(second)].second_cm2 += cm2;
    if (index < 0 || second < 0) return;
    sums.compared_cm2 += cm2;
    if (index == second) return;
    sums.changed_cm2 += cm2;
    sums.classes[static_cast<std::size_t>(index)].lost_cm2 += cm2;
    sums.classes[static_cast<std::size_t>(second)].gained_cm2 += cm2;
  }

  void refuse_overlap(std::size_t zone, int col, int row) const {
    const Point place = map_.grid().centre(col, row);
    throw UserError(join_text(result_.zones.path, ": the zone \"", result_.zones.zones[zone].name, "\" overlaps another one, e.g. at ",
                              fixed(place.x, 1), ", ", fixed(place.y, 1), " (", map_.grid().crs,
                              "); expected zones side by side: mend them, or set zones_overlap to \"first\" or \"last\""));
  }

  const StatisticsCommand& command_;
  const Context& context_;
  MapInput map_;
  std::optional<MapInput> confidence_, second_;
  std::optional<PixelAreas> areas_;
  std::vector<int> index_;  // of each code, -1: none
  StatisticsResult result_;
  std::vector<std::vector<PixelRings>> rings_;  // of each zone, each part
  // Of a strip.
  std::vector<std::uint16_t> codes_, second_codes_;
  std::vector<std::uint8_t> confidence_values_;
  std::vector<std::int64_t> cm2_;
  std::vector<std::int32_t> taken_;  // the weight that earlier zones have of a pixel
  std::vector<PixelTransfer> runs_;
};

double mean_confidence_of(const ClassInZone& of) {
  return of.weight > 0 ? static_cast<double>(of.confidence) / static_cast<double>(of.weight) : std::nan("");
}

void write_features(const StatisticsCommand& command, const StatisticsResult& result) {
  std::vector<std::string> fields = {"zone", "ha", "unmapped", "beyond"};
  if (result.has_confidence) fields.emplace_back("confidence");
  if (result.has_second) fields.insert(fields.end(), {"compared", "changed", "changed_pc"});
  for (const LandClass& c : result.nomenclature.classes) fields.push_back(c.alias.empty() ? "class_" + std::to_string(c.code) : c.alias);
  std::vector<OutputFeature> features;
  for (std::size_t z = 0; z < result.each.size(); ++z) {
    const ZoneStatistics& zone = result.each[z];
    OutputFeature feature{result.zones.zones[z].feature.parts,
                          {zone.name, hectares(zone.mapped_cm2()), hectares(zone.unmapped_cm2), hectares(zone.beyond_cm2)}};
    if (result.has_confidence) feature.attributes.emplace_back(zone.mean_confidence());
    if (result.has_second)
      for (const double number : {hectares(zone.compared_cm2), hectares(zone.changed_cm2), percent(zone.changed_cm2, zone.compared_cm2)})
        feature.attributes.emplace_back(number);
    for (const ClassInZone& c : zone.classes) feature.attributes.emplace_back(percent(c.cm2, zone.mapped_cm2()));
    features.push_back(std::move(feature));
  }
  write_polygons(command.output, "statistics", MapInput(command.map, MapForm{MapKind::classes}).grid().crs, fields, features);
}

}  // namespace

std::int64_t ZoneStatistics::mapped_cm2() const {
  std::int64_t sum = 0;
  for (const ClassInZone& c : classes) sum += c.cm2;
  return sum;
}

double ZoneStatistics::mean_confidence() const {
  ClassInZone all;
  for (const ClassInZone& c : classes) all.weight += c.weight, all.confidence += c.confidence;
  return mean_confidence_of(all);
}

Options StatisticsCommand::declare() {
  Options options;
  options.add("map", &map, "class map, 0 = no data").path().required();
  options.add("confidence", &confidence, "its confidence, for the mean of each class and zone").path();
  options.add("second", &second, "a class map of another year on the same grid, for what changed").path();
  options.add("nomenclature", &nomenclature, "the classes: a name in configs/nomenclatures, or a file; default: those of the map")
      .names("nomenclature");
  options.add("pixels", &pixels, "pixels of a zone: those whose centre it holds, or all, by the share that it covers")
      .choices({"centre", "share"});
  zones.declare(options);
  names.declare(options);
  options
      .add("output", &output,
           "table to write: .csv (a row a zone and class), or .gpkg, .fgb, .shp, .geojson or .parquet (a feature a zone, classes in "
           "percent)")
      .path()
      .required();
  return options;
}

StatisticsResult zone_statistics(const StatisticsCommand& command, const Context& context) { return ZoneSums(command, context).run(); }

std::string statistics_csv(const StatisticsResult& result) {
  std::string text = "zone,code,name,ha,percent";
  if (result.has_confidence) text += ",confidence";
  if (result.has_second) text += ",second_ha,gained_ha,lost_ha";
  text += "\n";
  const auto number = [](double value, int decimals) { return std::isnan(value) ? std::string() : fixed(value, decimals); };
  constexpr int kHa = 4, kPercent = 4, kMeanConfidence = 2;
  for (const ZoneStatistics& zone : result.each)
    for (std::size_t i = 0; i < zone.classes.size(); ++i) {
      const ClassInZone& c = zone.classes[i];
      const LandClass& land = result.nomenclature.at(static_cast<int>(i));
      text += join_text(csv_cell(zone.name), ",", land.code, ",", csv_cell(land.name), ",", number(hectares(c.cm2), kHa), ",",
                        number(percent(c.cm2, zone.mapped_cm2()), kPercent));
      if (result.has_confidence) text += "," + number(mean_confidence_of(c), kMeanConfidence);
      if (result.has_second)
        for (const std::int64_t cm2 : {c.second_cm2, c.gained_cm2, c.lost_cm2}) text += "," + number(hectares(cm2), kHa);
      text += "\n";
    }
  return text;
}

std::vector<std::string> statistics(const StatisticsCommand& command, const Context& context) {
  const std::string extension = lower(std::filesystem::path(command.output).extension().string());
  if (extension != ".csv") require_vector_format(command.output);
  const StatisticsResult result = zone_statistics(command, context);
  if (extension == ".csv")
    write_text(command.output, statistics_csv(result));
  else
    write_features(command, result);
  std::vector<std::string> lines = result.zones.notes;
  for (const ZoneStatistics& zone : result.each) {
    std::string line =
        join_text(zone.name, ": ", fixed(hectares(zone.mapped_cm2()), 2), " ha mapped, ", fixed(hectares(zone.unmapped_cm2), 2), " ha not");
    if (zone.beyond_cm2 > 0) line += join_text(", ", fixed(hectares(zone.beyond_cm2), 2), " ha beyond the map");
    if (result.has_confidence && zone.mapped_cm2() > 0) line += join_text(", confidence ", fixed(zone.mean_confidence(), 1));
    if (result.has_second && zone.compared_cm2 > 0)
      line += join_text(", ", fixed(percent(zone.changed_cm2, zone.compared_cm2), 2), " % changed");
    if (zone.mapped_cm2() + zone.unmapped_cm2 + zone.beyond_cm2 == 0) line += ": no pixel has its centre in the zone";
    lines.push_back(std::move(line));
  }
  if (!result.zones.outside.empty())
    lines.push_back(join_text(counted(result.zones.outside.size(), "zone lies", "zones lie"),
                              " outside of the map: ", join_list(result.zones.outside, ", ")));
  return lines;
}

}  // namespace millesime
