#include "pipeline/stages/publish.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/checksum.h"
#include "pipeline/core/class_names.h"
#include "pipeline/core/counted.h"
#include "pipeline/core/error.h"
#include "pipeline/core/json_text.h"
#include "pipeline/core/manifest.h"
#include "pipeline/core/version.h"
#include "pipeline/io/class_table.h"
#include "pipeline/io/geodesy.h"
#include "pipeline/io/map_input.h"
#include "pipeline/io/picture.h"
#include "pipeline/io/qgis_project.h"
#include "pipeline/io/qml.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/stac.h"
#include "pipeline/stages/layout.h"
#include "pipeline/stages/mosaic.h"
#include "pipeline/stages/tiles.h"
#include "pipeline/stages/train.h"

namespace millesime {
namespace {

namespace fs = std::filesystem;

constexpr int kMapSide = 1400, kQualitySide = 900;  // px of the report's images: sharp at the width of the page, a few 100 kB
constexpr int kStrip = 512;                         // rows that are read at a time: a row of blocks

constexpr const char* kQmlMediaType = "application/xml";

}  // namespace

MapSummary summarise(const std::string& classification, const std::string& confidence, const std::string& validity,
                     const Context& context) {
  const RasterReader classes(classification);
  const Grid& grid = classes.grid();
  std::vector<RasterReader> numbers;
  for (const auto* file : {&confidence, &validity}) {
    numbers.emplace_back(file->empty() ? classification : *file);
    require_same(grid, numbers.back().grid(), *file + " and " + classification);
  }
  const std::optional<PixelAreas> areas = pixel_areas(grid);
  struct Sum {
    std::int64_t pixels = 0, confidence = 0, cm2 = 0;
  };
  std::vector<Sum> sums(std::size_t{kMaxCode} + 1);  // by code
  std::int64_t validity_sum = 0;
  int highest_validity = 0;
  std::vector<std::uint16_t> code;
  std::vector<std::uint8_t> percent, times;
  std::vector<std::int64_t> cm2(static_cast<std::size_t>(grid.cols));
  context.progress->start("statistics", grid.pixels(), "px");
  for (const Window& strip : split(grid.whole(), grid.cols, kStrip, 1)) {
    const auto pixels = static_cast<std::size_t>(strip.pixels());
    code.resize(pixels);
    percent.assign(pixels, 0);
    times.assign(pixels, 0);
    classes.read(strip, 0, code.data());
    if (!confidence.empty()) numbers[0].read(strip, 0, percent.data());
    if (!validity.empty()) numbers[1].read(strip, 0, times.data());
    for (std::size_t i = 0; i < pixels; ++i) {
      const std::size_t col = i % cm2.size();
      if (areas && col == 0) areas->row_cm2(0, strip.row + static_cast<int>(i / cm2.size()), strip.width, cm2);
      if (code[i] == 0) continue;
      sums[code[i]].pixels += 1;
      sums[code[i]].confidence += percent[i];
      sums[code[i]].cm2 += cm2[col];
      validity_sum += times[i];
      highest_validity = std::max(highest_validity, static_cast<int>(times[i]));
    }
    context.progress->advance(strip.pixels());
  }
  context.progress->finish();

  MapSummary summary;
  summary.grid = grid;
  summary.in_degrees = !metres_per_unit(grid.crs);
  std::int64_t confidence_sum = 0, cm2_sum = 0;
  const auto mean = [](std::int64_t sum, std::int64_t n) { return n ? static_cast<double>(sum) / static_cast<double>(n) : 0.0; };
  for (int c = 1; c <= kMaxCode; ++c) {
    const Sum& sum = sums[static_cast<std::size_t>(c)];
    if (!sum.pixels) continue;
    summary.classes.push_back({c, sum.pixels, mean(sum.confidence, sum.pixels), hectares_of_cm2(sum.cm2)});
    summary.mapped += sum.pixels;
    cm2_sum += sum.cm2;
    confidence_sum += sum.confidence;
  }
  if (areas) summary.mapped_ha = hectares_of_cm2(cm2_sum);
  summary.confidence = mean(confidence_sum, summary.mapped);
  summary.validity = mean(validity_sum, summary.mapped);
  summary.highest_validity = highest_validity;
  return summary;
}

namespace {

void require_known(const MapSummary& summary, const Nomenclature& nomenclature, const std::string& file) {
  std::string unknown;
  for (const ClassSummary& c : summary.classes)
    if (!nomenclature.index_of_code(c.code)) unknown += join_text(unknown.empty() ? "" : ", ", c.code, " (", c.pixels, " px)");
  if (!unknown.empty())
    throw UserError(join_text(file, ": expected classes of the nomenclature ", nomenclature.name, ", got also code ", unknown,
                              "; use the nomenclature of the map"));
}

// Area estimates from the accuracy of the final map; empty if one of them is missing.
std::optional<AreaAccuracy> estimate_areas(const std::optional<AccuracyReport>& accuracy, const MapSummary& summary) {
  if (!accuracy || !summary.mapped_ha) return std::nullopt;
  const bool has_final = accuracy->final_map && accuracy->final_map->confusion.total() > 0;
  if (!has_final && accuracy->runs.size() != 1) return std::nullopt;
  const ConfusionMatrix& confusion = has_final ? accuracy->final_map->confusion : accuracy->runs.front().confusion;
  std::map<int, double> mapped;
  for (const ClassSummary& c : summary.classes) mapped[c.code] = c.ha;
  return adjust_areas(confusion, mapped);
}

class Products {
 public:
  // `folder`: where the files are made.
  Products(const Publication& publication, const MapSummary& summary, std::string folder)
      : publication_(publication), summary_(summary), folder_(std::move(folder)) {}

  std::string path(const std::string& ending) const { return folder_ + "/" + publication_.name + ending; }

  void write_map() {
    write_cog(publication_.classification, path(".tif"),
              {.compression = publication_.options.compression,
               .classes = true,
               .nomenclature = &publication_.nomenclature,
               .band_names = {"class"}});
    write_text(path(".qml"), class_style(publication_.nomenclature));
    write_text(path(".clr"), color_table(publication_.nomenclature));
    write_text(path(".sld"), sld_style(publication_.nomenclature));
    std::map<int, std::int64_t> pixels;
    for (const ClassSummary& c : summary_.classes) pixels[c.code] = c.pixels;
    write_value_table(path(".tif.vat.dbf"), publication_.nomenclature, pixels);
    const bool wide = RasterReader(publication_.classification).info().type != PixelType::u8;
    const StacBand band{"class", "Land-cover class", "", 0, 0, 0, &publication_.nomenclature, wide ? "uint16" : "uint8"};
    assets_.push_back({"map", publication_.name + ".tif", "Land-cover map", kCogMediaType, {"data"}, band});
    const auto add = [&](const char* key, const char* ending, const char* title, const char* media_type) {
      assets_.push_back({key, publication_.name + ending, title, media_type, {"metadata"}, std::nullopt});
    };
    add("map_style", ".qml", "QGIS style of the map", kQmlMediaType);
    add("map_sld", ".sld", "Style of the map for GeoServer and MapServer (SLD)", "application/vnd.ogc.sld+xml");
    add("map_colors", ".clr", "Colours of the map for ArcGIS and GRASS", "text/plain");
    add("map_classes", ".tif.vat.dbf", "Classes of the map with numbers of pixels, for ArcGIS", "application/vnd.dbf");
  }

  void write_number(const std::string& source, const std::string& suffix, const ColorRamp& ramp, double maximum, const std::string& title,
                    const StacBand& band) {
    if (source.empty()) return;
    write_cog(source, path(suffix + ".tif"),
              {.compression = publication_.options.compression, .classes = false, .nomenclature = nullptr, .band_names = {band.name}});
    write_text(path(suffix + ".qml"), number_style(ramp, maximum, band.unit));
    assets_.push_back({band.name, publication_.name + suffix + ".tif", title, kCogMediaType, {"data"}, band});
    assets_.push_back(
        {band.name + "_style", publication_.name + suffix + ".qml", "QGIS style: " + title, kQmlMediaType, {"metadata"}, std::nullopt});
  }

  void write_accuracy(const std::optional<AreaAccuracy>& areas) {
    if (!publication_.accuracy.empty()) {
      auto json = nlohmann::ordered_json::parse(read_text(publication_.accuracy));
      if (areas) json["areas"] = areas_json(*areas);
      write_document("accuracy", "accuracy.json", "Accuracy, calibration and areas with intervals", "application/json",
                     json_text(json, 1) + "\n");
    }
    if (!publication_.results.empty())
      write_document("results", "RESULTS.txt", "Accuracy in the layout of iota2", "text/plain", read_text(publication_.results));
  }

  void write_document(const std::string& key, const std::string& file, const std::string& title, const std::string& media_type,
                      const std::string& text) {
    write_text(folder_ + "/" + file, text);
    assets_.push_back({key, file, title, media_type, {"metadata"}, std::nullopt});
  }

  // Map, confidence, validity, and what other stages put beside them.
  void write_qgis() {
    QgisProject project;
    project.title = join_text(publication_.options.title, " ", publication_.year);
    project.crs = summary_.grid.crs;
    project.extent = summary_.grid.extent();
    const auto relative = [&](const std::string& file) { return fs::path(file).lexically_relative(publication_.folder).generic_string(); };
    for (const std::string& file : publication_.vectors)
      project.layers.push_back({.title = fs::path(file).stem().string(),
                                .group = "Polygons",
                                .file = relative(file),
                                .style = category_renderer(publication_.nomenclature, "Classe"),
                                .vector = true,
                                .visible = false});
    const std::string classes = class_style(publication_.nomenclature), maps = "Maps", quality = "Confidence and validity";
    if (!publication_.regularised.empty())
      project.layers.push_back({.title = "Regularised map", .group = maps, .file = relative(publication_.regularised), .style = classes});
    project.layers.push_back({.title = project.title, .group = maps, .file = publication_.name + ".tif", .style = classes});
    for (const auto& [source, suffix, title] : {std::tuple{&publication_.confidence, kConfidence, "Confidence, %"},
                                                {&publication_.validity, kValidity, "Validity, valid acquisitions"}})
      if (!source->empty())
        project.layers.push_back({.title = title,
                                  .group = quality,
                                  .file = publication_.name + suffix + ".tif",
                                  .style = read_text(path(std::string(suffix) + ".qml")),
                                  .visible = false});
    write_qgis_project(project, path(".qgz"));
    assets_.push_back(
        {"qgis_project", publication_.name + ".qgz", "QGIS project of all layers", "application/zip", {"metadata"}, std::nullopt});
  }

  // Returns the item's checksum: the item has those of all other files.
  std::string write_stac() {
    StacItem item;
    item.id = publication_.name;
    item.title = join_text(publication_.options.title, " ", publication_.year);
    item.description = join_text("Land-cover map of ", publication_.year, " with confidence and number of valid acquisitions; ",
                                 counted(publication_.nomenclature.size(), "class", "classes"), " (", publication_.nomenclature.name, ").");
    item.licence = publication_.options.licence;
    const auto [first, last] = days_of(publication_.period, publication_.year);
    item.start = first.iso();
    item.end = last.iso();
    item.grid = summary_.grid;
    item.level = "L4";
    item.lineage =
        "Supervised classification of the year's Sentinel-2 time series, tile by tile, mosaicked without dependence on the order of the "
        "tiles.";
    item.software_version = version();
    item.assets = assets_;
    item.collection = publication_.collection;
    item.collection_id = publication_.options.collection;
    const std::string text = json_text(stac_item(item, folder_), 1) + "\n";
    write_text(path(".json"), text);
    return xxh3(text);
  }

 private:
  const Publication& publication_;
  const MapSummary& summary_;
  std::string folder_;
  std::vector<StacAsset> assets_;
};

// The collection above the editions: what a production's folder holds now.
void write_collection(const Publication& publication) {
  StacCollection collection;
  collection.id = publication.options.collection;
  collection.title = publication.options.title;
  collection.description = join_text("Yearly land-cover maps, ", publication.nomenclature.name,
                                     ": class, confidence and number of valid acquisitions of each pixel.");
  collection.licence = publication.options.licence;
  collection.provider = publication.options.provider;
  collection.provider_url = publication.options.provider_url;
  collection.nomenclature = &publication.nomenclature;
  write_stac_collection(collection, publication.collection);
}

ReportData report_of(const Publication& publication, const MapSummary& summary, const Products& products) {
  ReportData data;
  data.title = publication.options.title;
  data.year = publication.year;
  data.nomenclature = publication.nomenclature;
  data.summary = summary;
  data.map = read_reduced_classes(products.path(".tif"), kMapSide, publication.nomenclature);
  if (!publication.confidence.empty()) data.confidence = read_reduced(products.path(std::string(kConfidence) + ".tif"), kQualitySide);
  if (!publication.validity.empty()) data.validity = read_reduced(products.path(std::string(kValidity) + ".tif"), kQualitySide);
  for (const std::string& file : publication.census) data.census.push_back(TileImages::read(file).main());
  data.curves = ndvi_curves(publication.samples);
  data.version = version();
  data.licence = publication.options.licence;
  data.config = publication.config;
  data.models = publication.models;
  data.unmapped = publication.unmapped;
  data.notes = publication.notes;
  data.papers = publication.papers;
  return data;
}

}  // namespace

nlohmann::json publish(const Publication& publication, const Context& context) {
  const MapSummary summary = summarise(publication.classification, publication.confidence, publication.validity, context);
  require_known(summary, publication.nomenclature, publication.classification);
  if (summary.mapped == 0)
    throw UserError(join_text(publication.classification, ": no pixel of the map has a class, so nothing is published; is there a valid ",
                              "observation at all (`millesime catalog`), and does the grid of the map, ", to_text(summary.grid),
                              ", suit the tiles (mosaic.crs, mosaic.resolution)?"));
  std::optional<AccuracyReport> accuracy;
  if (!publication.accuracy.empty()) accuracy = read_accuracy(publication.accuracy);
  const std::optional<AreaAccuracy> areas = estimate_areas(accuracy, summary);

  FileSet set(publication.folder, publication.form);
  Products products(publication, summary, set.staging());
  context.progress->start("products", 5, "files");
  products.write_map();
  context.progress->advance(1);
  products.write_number(publication.confidence, kConfidence, confidence_ramp(), 100, "Confidence: probability of the class, %",
                        {"confidence", "Probability of the class", "%", 0, 100, summary.confidence, nullptr});
  context.progress->advance(1);
  products.write_number(
      publication.validity, kValidity, validity_ramp(), std::max(1, summary.highest_validity), "Validity: number of valid acquisitions",
      {"validity", "Number of valid acquisitions", "", 0, static_cast<double>(summary.highest_validity), summary.validity, nullptr});
  context.progress->advance(1);
  products.write_qgis();
  products.write_accuracy(areas);
  ReportData report = report_of(publication, summary, products);
  report.accuracy = accuracy;
  report.areas = areas;
  products.write_document("report", "report.html", "Report", "text/html", report_html(report));
  context.progress->advance(1);
  const std::string checksum = products.write_stac();
  const std::string note = set.commit(checksum.substr(0, 16));
  if (!publication.collection.empty()) write_collection(publication);
  context.progress->advance(1);
  context.progress->finish();
  if (!note.empty()) context.progress->note(note);
  return {{"pixels", summary.grid.pixels()}, {"mapped", summary.mapped}, {"classes", summary.classes.size()}};
}

Options PublishCommand::declare() {
  Options o;
  o.add("folder", &folder,
        "folder with classification.tif, confidence.tif, validity.tif and, after validate, accuracy.json and RESULTS.txt")
      .path()
      .required();
  o.add("output", &output, "folder of the products; default: the same folder").path();
  o.add("nomenclature", &nomenclature, "the classes: a name in configs/nomenclatures, or a file").names("nomenclature");
  o.add("year", &year, "the year that the map shows").range(1980, 2100).required();
  o.add("title", &options.title, "title of the report and of the STAC item");
  o.add("compression", &options.compression, "compression of the products").choices({"DEFLATE", "ZSTD", "LZW"});
  o.add("licence", &options.licence, "licence of the products, an SPDX identifier");
  return o;
}

namespace {

// Products are copies of the files: they have to be as products are. Own maps are not read for this.
void require_own_form(const std::string& file, MapKind kind) {
  if (file.empty()) return;
  const RasterInfo info = RasterReader(file).info();
  const bool nodata_is_0 = !info.nodata || *info.nodata == 0;
  if (info.bands == 1 && nodata_is_0 && (info.type == PixelType::u8 || (info.type == PixelType::u16 && kind == MapKind::classes))) return;
  const MapInput map(file, kind);  // says so if it is no such map at all
  throw UserError(
      join_text(file, ": expected ", kind == MapKind::classes ? "class codes of 8 or 16 bits" : "whole numbers of 8 bits",
                " with 0 for no data, as products have them, got another form (", map.form().assumed,
                "); `millesime mosaic --classification ... --confidence ... --validity ... -o DIR` brings maps of any form, also "
                "a single one, into this one"));
}

}  // namespace

nlohmann::json publish(const PublishCommand& command, const Context& context) {
  const auto where_it_is = [&](const std::string& name) {
    const std::string file = command.folder + "/" + name;
    return fs::exists(file) ? file : std::string();
  };
  Publication publication;
  publication.classification = where_it_is("classification.tif");
  if (publication.classification.empty())
    throw UserError(join_text(command.folder, ": expected classification.tif (and confidence.tif, validity.tif), as `millesime mosaic -o ",
                              command.folder, "` writes them"));
  publication.confidence = where_it_is("confidence.tif");
  publication.validity = where_it_is("validity.tif");
  require_own_form(publication.classification, MapKind::classes);
  require_own_form(publication.confidence, MapKind::confidence);
  require_own_form(publication.validity, MapKind::validity);
  publication.accuracy = where_it_is("accuracy.json");
  publication.results = where_it_is("RESULTS.txt");
  publication.folder = command.output.empty() ? command.folder : command.output;
  publication.name = join_text("OCS_", command.year);
  publication.year = command.year;
  publication.nomenclature = Nomenclature::load(command.nomenclature);
  publication.options = command.options;
  return publish(publication, context);
}

}  // namespace millesime
