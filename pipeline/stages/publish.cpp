#include "pipeline/stages/publish.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include "pipeline/core/class_meanings.h"
#include "pipeline/core/error.h"
#include "pipeline/core/manifest.h"
#include "pipeline/core/stratified_sample.h"
#include "pipeline/core/version.h"
#include "pipeline/io/map_input.h"
#include "pipeline/io/picture.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/stac.h"
#include "pipeline/io/uncertainty_map.h"
#include "pipeline/stages/internal/products.h"
#include "pipeline/stages/train.h"

namespace millesime {
namespace {

namespace fs = std::filesystem;

// A report has at most 3 MB for the noisiest map: pictures are read by those who have no script, print, or listen; the rest zooms.
constexpr int kMapSide = 640, kQualitySide = 420;                      // px of the pictures
constexpr std::size_t kMapBytes = 1'200'000, kQualityBytes = 250'000;  // of the levels that zoom

void require_known(const MapSummary& summary, const Nomenclature& nomenclature, const std::string& file) {
  std::map<int, std::int64_t> pixels;
  for (const ClassSummary& c : summary.classes) pixels[c.code] = c.pixels;
  require_codes(file, pixels, nomenclature);
}

// Those of a sample of points, or of the accuracy of the final map; empty if one of them is missing, and for points that are no sample.
std::optional<AreaAccuracy> estimate_areas(const std::optional<AccuracyReport>& accuracy, const MapSummary& summary) {
  if (!accuracy) return std::nullopt;
  std::map<int, double> mapped;
  for (const ClassSummary& c : summary.classes) mapped[c.code] = c.ha;
  if (!accuracy->sampling.empty()) {
    std::optional<AreaAccuracy> areas = accuracy->areas;
    if (areas && summary.mapped_ha)  // the page shows what was counted, not what the sample says of it
      for (AreaEstimate& c : areas->classes) c.mapped_area = mapped.contains(c.code) ? mapped.at(c.code) : 0;
    return areas;
  }
  const ConfusionMatrix* confusion = judging_matrix(*accuracy);
  if (!confusion || !summary.mapped_ha) return std::nullopt;
  return adjust_areas(*confusion, mapped);
}

struct Statistics {
  double minimum = 0, maximum = 0, mean = 0;
};

// Of the pixels with a value.
Statistics statistics_of(const std::string& file) {
  if (file.empty()) return {};
  const RasterReader raster(file);
  std::vector<std::uint8_t> values;
  std::int64_t sum = 0, n = 0;
  std::uint8_t lowest = 255, highest = 0;
  for (const Window& strip : split(raster.grid().whole(), raster.grid().cols, kMapBlock, 1)) {
    values.resize(static_cast<std::size_t>(strip.pixels()));
    raster.read(strip, 0, values.data());
    for (const std::uint8_t value : values) {
      sum += value, n += value != 0;
      if (value != 0) lowest = std::min(lowest, value), highest = std::max(highest, value);
    }
  }
  return n == 0 ? Statistics{} : Statistics{double(lowest), double(highest), static_cast<double>(sum) / static_cast<double>(n)};
}

// Of the map: each zone counts once, whatever its formats, and none beside a layer of the whole map.
std::optional<std::int64_t> number_of_polygons(const std::vector<PublishedPolygons>& files) {
  if (files.empty()) return std::nullopt;
  const bool has_whole = std::ranges::any_of(files, &PublishedPolygons::whole);
  std::set<std::string> counted;
  std::int64_t polygons = 0;
  for (const PublishedPolygons& file : files)
    if (file.whole == has_whole && counted.insert(fs::path(file.file).stem()).second) polygons += file.polygons;
  return polygons;
}

ReportData report_of(const Publication& publication, const MapSummary& summary, const Products& products) {
  ReportData data;
  data.language = products.language();
  data.title = publication.options.title_or_default();
  data.edition = products.edition();
  data.days = days_of(publication.period, publication.year);
  data.nomenclature = products.nomenclature();
  data.summary = summary;
  const auto layer_of = [&](const std::string& suffix) {
    const std::string path = products.path(suffix + ".tif");
    return ReportLayer{publication.name + suffix + ".tif", read_reduced(path, kQualitySide), read_pyramid(path, kQualityBytes)};
  };
  const std::string map = products.path(".tif");
  data.map = {publication.name + ".tif", read_reduced_classes(map, kMapSide, data.nomenclature),
              read_class_pyramid(map, kMapBytes, data.nomenclature)};
  if (!publication.confidence.empty()) data.confidence = layer_of(kConfidence);
  if (!publication.validity.empty()) data.validity = layer_of(kValidity);
  data.polygons = number_of_polygons(publication.polygons);
  for (const StacAsset& asset : products.assets()) data.files.push_back({asset.file, asset.title});
  for (const std::string& file : publication.census) data.census.push_back(TileImages::read(file).main());
  data.curves = ndvi_curves(publication.samples);
  data.version = version();
  data.licence = publication.options.licence;
  data.config = publication.config;
  data.models = publication.models;
  data.unmapped = publication.unmapped;
  data.notes = publication.notes;
  data.left_out = publication.left_out;
  data.papers = publication.papers;
  return data;
}

}  // namespace

void publish_collection(const std::string& file, const PublishOptions& options, const Nomenclature& nomenclature) {
  const Language language = language_of(options.language);
  const Nomenclature named = named_in(nomenclature, language);
  StacCollection collection;
  collection.id = options.collection;
  collection.title = options.title_or_default();
  collection.language = language;
  collection.description =
      join_text(say(language, "Yearly land-cover maps, ", "Cartes annuelles d’occupation des sols, "), nomenclature.name,
                say(language, ": class, confidence and number of valid acquisitions of each pixel.",
                    " : classe, confiance et nombre d’acquisitions valides de chaque pixel."));
  collection.licence = options.licence;
  collection.provider = options.provider;
  collection.provider_url = options.provider_url;
  collection.nomenclature = &named;
  write_stac_collection(collection, file);
}

std::string PublishOptions::title_or_default() const {
  return title.empty() ? say(language_of(language), "Land cover", "Occupation des sols") : title;
}

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
  const auto summary_of = [&](const std::string& file, const Nomenclature& nomenclature) {
    std::optional<MapSummary> found;
    if (file.empty()) return found;
    found = summarise(file, "", "", context);
    require_known(*found, nomenclature, file);
    return found;
  };
  const std::optional<MapSummary> regularised = summary_of(publication.regularised, publication.nomenclature),
                                  level1 = summary_of(publication.level1, level_legend(LevelMap::level1, publication.nomenclature)),
                                  deepest = summary_of(publication.deepest, level_legend(LevelMap::deepest, publication.nomenclature));
  context.progress->start("products", 6, "files");
  products.write_map();
  context.progress->advance(1);
  const auto titled = [&](const char* english, const char* french) { return say(products.language(), english, french); };
  products.write_number(
      publication.confidence, kConfidence, confidence_ramp(), 100,
      titled("Confidence: probability of the class, %", "Confiance : probabilité de la classe, %"),
      {"confidence", titled("Probability of the class", "Probabilité de la classe"), "%", static_cast<double>(summary.lowest_confidence),
       static_cast<double>(summary.highest_confidence), summary.confidence, nullptr});
  context.progress->advance(1);
  products.write_number(
      publication.validity, kValidity, validity_ramp(), std::max(1, summary.highest_validity),
      titled("Validity: number of valid acquisitions", "Validité : nombre d’acquisitions valides"),
      {"validity", titled("Number of valid acquisitions", "Nombre d’acquisitions valides"), "",
       static_cast<double>(summary.lowest_validity), static_cast<double>(summary.highest_validity), summary.validity, nullptr});
  const Statistics of_uncertainty = statistics_of(publication.uncertainty);
  products.write_number(
      publication.uncertainty, kUncertainty, uncertainty_ramp(), 100,
      titled("Uncertainty: how little is known of the class, %", "Incertitude : ce qui manque pour connaître la classe, %"),
      {kUncertaintyBand, titled("Uncertainty of the class", "Incertitude de la classe"), "%", of_uncertainty.minimum,
       of_uncertainty.maximum, of_uncertainty.mean, nullptr});
  context.progress->advance(1);
  if (regularised) products.write_regularised(*regularised);
  if (level1) products.write_level(LevelMap::level1, *level1);
  if (deepest) products.write_level(LevelMap::deepest, *deepest);
  products.write_polygons();
  context.progress->advance(1);
  products.write_qgis();
  products.write_accuracy(areas);
  ReportData report = report_of(publication, summary, products);
  report.accuracy = accuracy;
  report.areas = areas;
  report.regularised = regularised;
  products.write_document("report", "report.html", titled("Report", "Rapport"), "text/html", report_html(report));
  context.progress->advance(1);
  const std::string checksum = products.write_stac();
  const std::string note = set.commit(checksum.substr(0, 16));
  context.progress->advance(1);
  context.progress->finish();
  if (!note.empty()) context.progress->note(note);
  return {{"pixels", summary.grid.pixels()}, {"mapped", summary.mapped}, {"classes", summary.classes.size()}};
}

Options PublishCommand::declare() {
  Options o;
  o.add(
       "folder", &folder,
       "folder with classification.tif, confidence.tif, validity.tif, uncertainty.tif, level1.tif, deepest.tif, regularised.tif and, after "
       "validate, accuracy.json and RESULTS.txt")
      .path()
      .required();
  o.add("output", &output, "folder of the products; default: the same folder").path();
  o.add("nomenclature", &nomenclature, "the classes: a name in configs/nomenclatures, or a file").names("nomenclature");
  o.add("year", &year, "the year that the map shows").range(1980, 2100).required();
  period.declare(o);
  o.add("title", &options.title, kPublishTitleHelp);
  o.add("language", &options.language, "language of the report, of titles and of the names of classes").choices({"en", "fr"});
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
  const bool is_plain = info.bands == 1 && nodata_is_0 && !info.each.front().has_mask && !info.each.front().has_scale;
  if (is_plain && (info.type == PixelType::u8 || (info.type == PixelType::u16 && kind == MapKind::classes))) return;
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
  for (const auto& [file, name] : {std::pair{publication.confidence, "confidence.tif"}, {publication.validity, "validity.tif"}})
    if (file.empty()) context.progress->note(join_text(command.folder, " has no ", name, ": the products lack that layer"));
  publication.uncertainty = where_it_is("uncertainty.tif");
  publication.level1 = where_it_is("level1.tif"), publication.deepest = where_it_is("deepest.tif");
  require_own_form(publication.classification, MapKind::classes);
  require_own_form(publication.confidence, MapKind::confidence);
  require_own_form(publication.validity, MapKind::validity);
  require_own_form(publication.uncertainty, MapKind::confidence);
  for (const auto& levels : {publication.level1, publication.deepest}) require_own_form(levels, MapKind::classes);
  publication.accuracy = where_it_is("accuracy.json");
  publication.results = where_it_is("RESULTS.txt");
  publication.regularised = where_it_is("regularised.tif");
  require_own_form(publication.regularised, MapKind::classes);
  publication.folder = command.output.empty() ? command.folder : command.output;
  publication.name = "OCS_" + edition_of(command.period, command.year);
  publication.year = command.year;
  publication.period = command.period;
  publication.nomenclature = Nomenclature::load(command.nomenclature);
  publication.options = command.options;
  return publish(publication, context);
}

}  // namespace millesime
