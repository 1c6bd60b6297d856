#include "pipeline/stages/vectorise.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <future>
#include <set>

#include "pipeline/core/counted.h"
#include "pipeline/core/error.h"
#include "pipeline/core/file_name.h"
#include "pipeline/core/names_apart.h"
#include "pipeline/core/text.h"
#include "pipeline/core/utf8.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/io/polygon_writer.h"
#include "pipeline/io/qml.h"

namespace millesime {
namespace {

double metres_of_pixel(const CoverageReader& reader) {
  const Grid& grid = reader.grid();
  if (const auto metres = metres_per_unit(grid.crs)) return std::sqrt(grid.pixel_width * grid.pixel_height) * *metres;
  return reader.areas() ? std::sqrt(reader.areas()->m2(grid.cols / 2, grid.rows / 2)) : std::sqrt(grid.pixel_width * grid.pixel_height);
}

OutlineOptions outline_options(const VectoriseOptions& options, const CoverageReader& reader) {
  OutlineOptions outline;
  outline.simplification = options.simplification == "visvalingam" ? Simplification::visvalingam
                           : options.simplification == "none"      ? Simplification::none
                                                                   : Simplification::douglas_peucker;
  outline.smoothing = options.smoothing == "hermite"   ? Smoothing::hermite
                      : options.smoothing == "chaikin" ? Smoothing::chaikin
                                                       : Smoothing::none;
  outline.tolerance_px = options.tolerance / metres_of_pixel(reader);
  constexpr double kFinest = 1.0 / 16;  // px
  outline.smoothing_px = std::max(outline.tolerance_px, kFinest);
  outline.diagonals = options.outline == "diagonals";
  return outline;
}

// A name that no other field has, as databases compare names, within `longest` bytes.
std::string field_name(const std::string& wanted, std::size_t longest, std::set<std::string>& taken) {
  const auto cut = [](std::string name, std::size_t bytes) {
    if (name.size() > bytes) name.resize(bytes);
    while (!is_utf8(name)) name.pop_back();
    return name;
  };
  std::string name = cut(wanted, longest);
  for (int n = 2; !taken.insert(lower(name)).second; ++n) {
    const std::string number = "_" + std::to_string(n);
    name = cut(wanted, longest - number.size()) + number;
  }
  return name;
}

double two_decimals(double value) { return std::round(value * 100) / 100; }

// The attributes of the polygons in one file.
class Attributes {
 public:
  Attributes(const CoverageMaps& maps, const Nomenclature& nomenclature, const std::string& file)
      : maps_(maps), nomenclature_(nomenclature), names_(!holds_short_names(file)) {
    constexpr std::size_t kShort = 10, kLong = 63;
    const std::size_t longest = names_ ? kLong : kShort;
    constexpr int kPercent = 6, kArea = 16;
    const auto add = [&](const std::string& name, PolygonField::Type type, int width, int decimals) {
      fields_.push_back({name, type, width, decimals});
    };
    std::set<std::string> taken = {"classe", "nom",  "name",     "validmean", "validstd", "confidence", "aire",  // ours
                                   "fid",    "geom", "geometry", "ogc_fid",   "mvt_id"};                         // of the formats
    add(kClassField, PolygonField::Type::integer, 5, 0);
    if (names_) add("Nom", PolygonField::Type::text, 0, 0), add("Name", PolygonField::Type::text, 0, 0);
    if (!maps.validity.empty())
      add("Validmean", PolygonField::Type::number, kPercent, 2), add("Validstd", PolygonField::Type::number, kPercent, 2);
    if (!maps.confidence.empty()) add("Confidence", PolygonField::Type::number, kPercent, 2);
    if (!maps.classification.empty())
      for (const LandClass& c : nomenclature.classes)
        add(field_name(c.alias.empty() ? "class_" + std::to_string(c.code) : c.alias, longest, taken), PolygonField::Type::number, kPercent,
            2);
    add("Aire", PolygonField::Type::number, kArea, 2);
  }

  const std::vector<PolygonField>& fields() const { return fields_; }

  const std::vector<PolygonValue>& of(const CoveragePolygon& polygon, double m2) {
    const PatchSums& sums = polygon.sums;
    const auto mean = [](std::int64_t sum, std::int64_t weight) {
      return weight > 0 ? static_cast<double>(sum) / static_cast<double>(weight) : std::nan("");
    };
    values_.clear();
    const int code = code_of(polygon.label);
    values_.emplace_back(std::int64_t{code});
    if (names_) {
      const LandClass& c = nomenclature_.at(*nomenclature_.index_of_code(code));
      values_.emplace_back(std::string_view(c.name));
      values_.emplace_back(std::string_view(c.name_en));
    }
    if (!maps_.validity.empty()) {
      const double validity = mean(sums.validity, sums.classified);
      values_.emplace_back(two_decimals(validity));
      values_.emplace_back(two_decimals(std::sqrt(std::max(0.0, mean(sums.validity2, sums.classified) - validity * validity))));
    }
    if (!maps_.confidence.empty()) values_.emplace_back(two_decimals(mean(sums.confidence, sums.classified)));
    for (const std::int64_t weight : sums.classes) values_.emplace_back(two_decimals(100 * mean(weight, sums.classified)));
    values_.emplace_back(two_decimals(m2));
    return values_;
  }

 private:
  const CoverageMaps& maps_;
  const Nomenclature& nomenclature_;
  bool names_;  // of the classes, beside their codes
  std::vector<PolygonField> fields_;
  std::vector<PolygonValue> values_;
};

// The outputs of a zone, written by one thread while others compute.
class ZoneFiles {
 public:
  ZoneFiles(const CoverageMaps& maps, const Nomenclature& nomenclature, const std::string& layer, const Grid& grid, bool has_areas,
            const std::vector<std::string>& files)
      : grid_(grid), has_areas_(has_areas) {
    for (const std::string& file : files) {
      attributes_.emplace_back(maps, nomenclature, file);
      writers_.emplace_back(file, layer, grid.crs, attributes_.back().fields(), polygon_style(nomenclature, kClassField));
    }
  }

  void write(const std::vector<CoveragePolygon>& polygons) {
    for (const CoveragePolygon& polygon : polygons) {
      points_.clear();
      for (const Vertex& v : polygon.vertices)
        points_.push_back({grid_.x(static_cast<double>(v.x) / kPixel), grid_.y(static_cast<double>(v.y) / kPixel)});
      constexpr double kCm2PerM2 = 1e4;
      const double m2 = has_areas_ ? static_cast<double>(polygon.sums.cm2) / kCm2PerM2 : std::nan("");
      for (std::size_t i = 0; i < writers_.size(); ++i) writers_[i].write(points_, polygon.ring_ends, attributes_[i].of(polygon, m2));
      ++counts_.polygons;
      counts_.vertices += static_cast<std::int64_t>(polygon.vertices.size());
      counts_.cm2 += polygon.sums.cm2;
    }
  }

  VectoriseCounts commit() {
    for (PolygonWriter& writer : writers_) writer.commit();
    return counts_;
  }

 private:
  Grid grid_;
  bool has_areas_;
  std::vector<Attributes> attributes_;
  std::vector<PolygonWriter> writers_;
  std::vector<Point> points_;
  VectoriseCounts counts_;
};

}  // namespace

void VectoriseOptions::declare(Options& options) {
  options.add("tolerance", &tolerance, "how far outlines may move from those of the pixels when they are simplified")
      .unit("m")
      .range(0, 10000);
  options.add("simplification", &simplification, "method of leaving out vertices").choices({"douglas-peucker", "visvalingam", "none"});
  options.add("smoothing", &smoothing, "method of rounding what is left: corners cut, or a curve through the vertices")
      .choices({"none", "chaikin", "hermite"});
  options
      .add("outline", &outline,
           "outlines run through the middles of pixel edges, so that steps become diagonals, or along the edges of the pixels")
      .choices({"diagonals", "pixels"});
  options
      .add("statistics", &statistics, "pixels that count for a polygon: those whose centre it holds, or all, by the share that it covers")
      .choices({"centre", "share"});
  options.add(
      "formats", &formats,
      "gpkg, fgb, parquet, zip (shapefile), mbtiles or pmtiles: one file each, or one a zone; what this GDAL cannot write is refused");
  options.add("prefix", &prefix, "start of the file names of zones: departement_31.gpkg");
  zones.declare(options);
}

Options VectoriseCommand::declare() {
  Options options;
  options.add("map", &maps.map, "class map, 0 = no data").path().required();
  options.add("classification", &maps.classification, "the map before it was regularised, for the share of each class; default: no shares")
      .path();
  options.add("confidence", &maps.confidence, "its confidence, for the mean of each polygon").path();
  options.add("validity", &maps.validity, "its valid observations, for mean and standard deviation of each polygon").path();
  options.add("nomenclature", &nomenclature, "the classes: a name in configs/nomenclatures, or a file; default: those of the map")
      .names("nomenclature");
  VectoriseOptions::declare(options);
  options.add("output", &output, "file to write, e.g. polygons.gpkg; with zones a folder").path().required();
  return options;
}

std::vector<std::string> zone_names(const Zones& zones) {
  std::vector<std::string> names;
  for (const Zone& zone : zones.zones) names.push_back(zone.name);
  names.insert(names.end(), zones.outside.begin(), zones.outside.end());
  names = names_apart(std::move(names));
  names.resize(zones.zones.size());
  return names;
}

std::string zone_file(const VectoriseOptions& options, const std::string& zone, const std::string& format) {
  return file_name_of(options.prefix + zone) + "." + format;
}

VectoriseCounts vectorise_zone(const CoverageMaps& maps, const Nomenclature& nomenclature, const VectoriseOptions& options,
                               const Zones* zones, std::uint32_t zone, const std::vector<std::string>& files, const Context& context) {
  const CoverageReader reader(maps, nomenclature, zones);
  const Grid& grid = reader.grid();
  const Window window = zone == 0 ? grid.whole() : zones->zones[zone - 1].window;
  const std::string name = zone == 0 ? "map" : file_name_of(options.prefix + zones->zones[zone - 1].name);
  ZoneFiles output(maps, nomenclature, name, grid, reader.areas().has_value(), files);

  // While one row of blocks is computed, the next one is read and the polygons of the last one are written.
  std::vector<CoveragePolygon> finished;
  Coverage coverage(
      outline_options(options, reader), options.statistics == "share" ? PixelRule::share : PixelRule::centre,
      [zone](std::uint32_t label) { return zone_of(label) == zone; }, context.threads,
      [&](std::vector<CoveragePolygon>&& some) {
        if (finished.empty())
          finished = std::move(some);
        else
          std::ranges::move(some, std::back_inserter(finished));
      });
  const BlockRange range = blocks_of(window);
  context.progress->start("vectorise", range.rows, "strips");
  const auto read = [&](int row) { return std::async(std::launch::async, [&, row] { return reader.read(range, row); }); };
  std::future<void> writing;
  const auto write = [&] {
    if (writing.valid()) writing.get();
    writing = std::async(std::launch::async, [&output, some = std::move(finished)] { output.write(some); });
    finished = {};
  };
  std::future<CoverageStrip> next = read(0);
  for (int row = 0; row < range.rows; ++row) {
    const CoverageStrip strip = next.get();
    if (row + 1 < range.rows) next = read(row + 1);
    coverage.add(strip);
    write();
    context.progress->advance(1);
  }
  const OutlineCounts outlines = coverage.finish();
  write();
  writing.get();
  VectoriseCounts counts = output.commit();
  counts.outlines = outlines;
  context.progress->finish();
  return counts;
}

std::vector<std::string> vectorise(const VectoriseCommand& command, const Context& context) {
  const Nomenclature nomenclature = nomenclature_of_map(command.nomenclature, command.maps.map);
  const auto line = [](const std::string& what, const VectoriseCounts& counts) {
    std::string text = join_text(what, ": ", counts.polygons, " polygons, ", counts.vertices, " vertices, ",
                                 fixed(static_cast<double>(counts.cm2) / 1e8, 2), " ha");
    if (counts.outlines.held_back + counts.outlines.collapsing > 0)
      text += join_text("; of ", counts.outlines.arcs, " borders ", counts.outlines.held_back, " keep vertices so that none cross, ",
                        counts.outlines.collapsing, " so that no patch is lost");
    return text;
  };
  std::vector<std::string> lines;
  if (command.zones.path.empty()) {
    if (std::filesystem::path(command.output).extension().empty())
      throw UserError(join_text("vectorise -o ", command.output, ": expected without zones a file, ", command.output, ".",
                                join_list(polygon_formats(), ", ."), "; a folder with --zones"));
    if (command.formats != VectoriseOptions{}.formats)
      throw UserError(join_text("vectorise --formats ", join_list(command.formats, ","),
                                ": is for the files of --zones; expected without zones one file, whose name says its format (-o ",
                                command.output, ")"));
    require_polygon_format(command.output);
    lines.push_back(line(command.output, vectorise_zone(command.maps, nomenclature, command, nullptr, 0, {command.output}, context)));
    return lines;
  }
  if (command.formats.empty()) throw UserError("vectorise --formats: expected at least one of " + join_list(polygon_formats(), ", "));
  for (const std::string& format : command.formats) require_polygon_format("vectorise --formats: polygons." + format);
  const Zones zones = read_zones(command.zones, CoverageReader(command.maps, nomenclature, nullptr).grid());
  lines = zones.notes;
  const std::vector<std::string> names = zone_names(zones);
  for (std::size_t i = 0; i < zones.zones.size(); ++i) {
    std::vector<std::string> files;
    for (const std::string& format : command.formats) files.push_back(command.output + "/" + zone_file(command, names[i], format));
    lines.push_back(line(join_list(files, ", "),
                         vectorise_zone(command.maps, nomenclature, command, &zones, static_cast<std::uint32_t>(i + 1), files, context)));
  }
  if (!zones.outside.empty())
    lines.push_back(join_text(counted(zones.outside.size(), "zone lies", "zones lie"), " outside of the map and ",
                              zones.outside.size() == 1 ? "has" : "have", " no file: ", join_list(zones.outside, ", ")));
  return lines;
}

nlohmann::json to_json(const VectoriseCounts& counts) {
  return {{"polygons", counts.polygons},
          {"vertices", counts.vertices},
          {"hectares", static_cast<double>(counts.cm2) / 1e8},
          {"arcs", counts.outlines.arcs},
          {"held_back", counts.outlines.held_back},
          {"collapsing", counts.outlines.collapsing}};
}

}  // namespace millesime
