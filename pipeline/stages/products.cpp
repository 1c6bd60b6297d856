#include "pipeline/stages/internal/products.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/checksum.h"
#include "pipeline/core/counted.h"
#include "pipeline/core/error.h"
#include "pipeline/core/json_text.h"
#include "pipeline/core/version.h"
#include "pipeline/io/class_table.h"
#include "pipeline/io/qgis_project.h"
#include "pipeline/io/qml.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/stages/vectorise.h"

namespace millesime {
namespace fs = std::filesystem;
namespace {

constexpr const char *kQmlType = "application/xml", *kSldType = "application/vnd.ogc.sld+xml";

// Media types of polygons, as registered with IANA or as the formats' own pages have them.
const char* type_of_polygons(const fs::path& file) {
  static const std::map<std::string, const char*> types = {
      {".gpkg", "application/geopackage+sqlite3"}, {".fgb", "application/vnd.flatgeobuf"},  {".parquet", "application/vnd.apache.parquet"},
      {".pmtiles", "application/vnd.pmtiles"},     {".mbtiles", "application/vnd.sqlite3"}, {".zip", "application/zip"}};
  const auto type = types.find(file.extension().string());
  return type == types.end() ? "application/octet-stream" : type->second;
}

// QGIS opens them, and takes the style beside them.
bool opens_in_qgis(const fs::path& file) {
  return file.extension() == ".gpkg" || file.extension() == ".fgb" || file.extension() == ".parquet";
}

// The same file under a second name: it is as large as a country, and whoever makes it again writes a new one. Nobody may write into it:
// QGIS opens a GeoPackage for writing if it can, and changes it by that alone.
void link_or_copy(const std::string& from, const std::string& to) {
  std::error_code error;
  fs::create_hard_link(from, to, error);
  if (error) {
    AtomicFile file(to);
    fs::copy_file(from, file.temporary(), fs::copy_options::overwrite_existing, error);
    if (error) throw UserError(join_text(to, ": cannot be copied from ", from, ": ", error.message()));
    file.commit();
  }
  constexpr fs::perms kWrite = fs::perms::owner_write | fs::perms::group_write | fs::perms::others_write;
  fs::permissions(to, kWrite, fs::perm_options::remove, error);  // where the file system has permissions
}

}  // namespace

Products::Products(const Publication& publication, const MapSummary& summary, std::string folder)
    : publication_(publication),
      summary_(summary),
      nomenclature_(named_in(publication.nomenclature, language_of(publication.options.language))),
      level1_(level_legend(LevelMap::level1, nomenclature_)),
      deepest_(level_legend(LevelMap::deepest, nomenclature_)),
      language_(language_of(publication.options.language)),
      edition_(edition_of(publication.period, publication.year)),
      folder_(std::move(folder)) {}

void Products::add_file(const std::string& key, const std::string& file, const std::string& title, const char* media_type) {
  assets_.push_back({.key = key, .file = file, .title = title, .media_type = media_type, .roles = {"metadata"}, .band = {}, .grid = {}});
}

void Products::write_map() {
  write_classes(publication_.classification, "", "map", say("Land-cover map", "Carte d’occupation des sols"), nomenclature_, summary_);
}

void Products::write_regularised(const MapSummary& summary) {
  write_classes(publication_.regularised, kRegularised, "regularised",
                say("Land-cover map without small patches", "Carte d’occupation des sols régularisée"), nomenclature_, summary);
}

void Products::write_level(LevelMap map, const MapSummary& summary) {
  const bool groups = map == LevelMap::level1;
  write_classes(groups ? publication_.level1 : publication_.deepest, groups ? kLevel1 : kDeepest, groups ? "level1" : "deepest",
                groups ? say("Land-cover map of groups", "Carte des groupes d’occupation des sols")
                       : say("Land-cover map at the deepest level that is sure", "Carte d’occupation des sols au niveau sûr le plus fin"),
                groups ? level1_ : deepest_, summary);
}

void Products::write_classes(const std::string& source, const std::string& suffix, const std::string& key, const std::string& title,
                             const Nomenclature& legend, const MapSummary& summary) {
  const std::string name = publication_.name + suffix;
  write_cog(source, path(suffix + ".tif"),
            {.compression = publication_.options.compression, .classes = true, .nomenclature = &legend, .band_names = {"class"}});
  write_text(path(suffix + ".qml"), class_style(legend));
  write_text(path(suffix + ".clr"), color_table(legend));
  write_text(path(suffix + ".sld"), sld_style(legend));
  std::map<int, std::int64_t> pixels;
  for (const ClassSummary& c : summary.classes) pixels[c.code] = c.pixels;
  write_value_table(path(suffix + ".tif.vat.dbf"), legend, pixels);
  const bool wide = RasterReader(source).info().type != PixelType::u8;
  const StacBand band{"class", say("Land-cover class", "Classe d’occupation des sols"), "", 0, 0, 0, &legend, wide ? "uint16" : "uint8"};
  assets_.push_back({key, name + ".tif", title, kCogMediaType, {"data"}, band, summary.grid});
  add_file(key + "_style", name + ".qml", title + say(": QGIS style", " : style QGIS"), kQmlType);
  add_file(key + "_sld", name + ".sld",
           title + say(": style for GeoServer and MapServer (SLD)", " : style pour GeoServer et MapServer (SLD)"), kSldType);
  add_file(key + "_colors", name + ".clr", title + say(": colours for ArcGIS and GRASS", " : couleurs pour ArcGIS et GRASS"), "text/plain");
  add_file(key + "_classes", name + ".tif.vat.dbf",
           title + say(": classes with numbers of pixels, for ArcGIS", " : classes et nombres de pixels, pour ArcGIS"),
           "application/vnd.dbf");
}

void Products::write_number(const std::string& source, const std::string& suffix, const ColorRamp& ramp, double maximum,
                            const std::string& title, const StacBand& band) {
  if (source.empty()) return;
  write_cog(source, path(suffix + ".tif"),
            {.compression = publication_.options.compression, .classes = false, .nomenclature = nullptr, .band_names = {band.name}});
  write_text(path(suffix + ".qml"), number_style(ramp, maximum, band.unit));
  assets_.push_back({band.name, publication_.name + suffix + ".tif", title, kCogMediaType, {"data"}, band, {}});
  add_file(band.name + "_style", publication_.name + suffix + ".qml", title + say(": QGIS style", " : style QGIS"), kQmlType);
}

void Products::write_polygons() {
  if (publication_.polygons.empty()) return;
  fs::create_directories(folder_ + "/" + kPolygonFolder);
  std::set<std::string> styled;
  for (const PublishedPolygons& polygons : publication_.polygons) {
    const fs::path file(polygons.file);
    const std::string name = std::string(kPolygonFolder) + "/" + file.filename().string(), stem = file.stem().string();
    link_or_copy(polygons.file, folder_ + "/" + name);
    const std::string title = say("Polygons of the classes, ", "Polygones des classes, ") + stem;
    assets_.push_back({stem + "_" + file.extension().string().substr(1), name, title, type_of_polygons(file), {"data"}, {}, {}});
    if (!opens_in_qgis(file) || !styled.insert(stem).second) continue;
    const std::string style = std::string(kPolygonFolder) + "/" + stem + ".qml";
    write_text(folder_ + "/" + style, polygon_style(nomenclature_, kClassField));
    add_file(stem + "_style", style, title + say(": QGIS style", " : style QGIS"), kQmlType);
  }
  const std::string sld = publication_.name + kPolygonStyle;
  write_text(folder_ + "/" + sld, sld_polygon_style(nomenclature_, kClassField));
  add_file("polygons_sld", sld,
           say("Style of the polygons for GeoServer and MapServer (SLD)", "Style des polygones pour GeoServer et MapServer (SLD)"),
           kSldType);
}

// The maps, their confidence, validity and uncertainty, and polygons.
void Products::write_qgis() {
  QgisProject project;
  project.title = join_text(publication_.options.title_or_default(), " ", edition_);
  project.crs = summary_.grid.crs;
  project.extent = summary_.grid.extent();
  std::set<std::string> shown;
  for (const PublishedPolygons& polygons : publication_.polygons) {
    const fs::path file(polygons.file);
    if (opens_in_qgis(file) && shown.insert(file.stem()).second)  // one of its formats
      project.layers.push_back({.title = file.stem().string(),
                                .group = say("Polygons", "Polygones"),
                                .file = std::string(kPolygonFolder) + "/" + file.filename().string(),
                                .style = category_renderer(nomenclature_, kClassField),
                                .vector = true,
                                .visible = false});
  }
  const std::string classes = class_style(nomenclature_), maps = say("Maps", "Cartes"),
                    quality = say("Confidence and validity", "Confiance et validité");
  if (!publication_.regularised.empty())
    project.layers.push_back({.title = say("Regularised map", "Carte régularisée"),
                              .group = maps,
                              .file = publication_.name + kRegularised + ".tif",
                              .style = classes});
  project.layers.push_back({.title = project.title, .group = maps, .file = publication_.name + ".tif", .style = classes});
  for (const auto& [source, suffix, title] :
       {std::tuple{&publication_.deepest, kDeepest, say("Deepest level that is sure", "Niveau sûr le plus fin")},
        {&publication_.level1, kLevel1, say("Groups", "Groupes")}})
    if (!source->empty())
      project.layers.push_back({.title = title,
                                .group = maps,
                                .file = publication_.name + suffix + ".tif",
                                .style = read_text(path(std::string(suffix) + ".qml")),
                                .visible = false});
  for (const auto& [source, suffix, title] :
       {std::tuple{&publication_.confidence, kConfidence, say("Confidence, %", "Confiance, %")},
        {&publication_.validity, kValidity, say("Validity, valid acquisitions", "Validité, acquisitions valides")},
        {&publication_.uncertainty, kUncertainty, say("Uncertainty, %", "Incertitude, %")}})
    if (!source->empty())
      project.layers.push_back({.title = title,
                                .group = quality,
                                .file = publication_.name + suffix + ".tif",
                                .style = read_text(path(std::string(suffix) + ".qml")),
                                .visible = false});
  write_qgis_project(project, path(".qgz"));
  add_file("qgis_project", publication_.name + ".qgz", say("QGIS project of all layers", "Projet QGIS de toutes les couches"),
           "application/zip");
}

void Products::write_accuracy(const std::optional<AreaAccuracy>& areas) {
  if (!publication_.accuracy.empty()) {
    auto json = nlohmann::ordered_json::parse(read_text(publication_.accuracy));
    if (areas && !json.contains("sampling")) json["areas"] = areas_json(*areas);  // a sample of points has brought its own
    write_document("accuracy", "accuracy.json",
                   say("Accuracy, calibration and areas with intervals", "Exactitude, calibration et surfaces avec intervalles"),
                   "application/json", json_text(json, 1) + "\n");
  }
  if (!publication_.results.empty())
    write_document("results", "RESULTS.txt", say("Accuracy in the layout of iota2", "Exactitude, dans la présentation d’iota2"),
                   "text/plain", read_text(publication_.results));
}

void Products::write_document(const std::string& key, const std::string& file, const std::string& title, const std::string& media_type,
                              const std::string& text) {
  write_text(folder_ + "/" + file, text);
  add_file(key, file, title, media_type.c_str());
}

std::string Products::write_stac() {
  const std::size_t n = nomenclature_.classes.size();
  StacItem item;
  item.id = publication_.name;
  item.title = join_text(publication_.options.title_or_default(), " ", edition_);
  const bool confidence = !publication_.confidence.empty(), validity = !publication_.validity.empty();
  const std::string quality =
      confidence && validity ? say(" with confidence and number of valid acquisitions", ", avec confiance et nombre d’acquisitions valides")
      : confidence           ? say(" with confidence", ", avec confiance")
      : validity             ? say(" with number of valid acquisitions", ", avec nombre d’acquisitions valides")
                             : std::string();
  item.description = language_ == Language::fr
                         ? join_text("Carte d’occupation des sols de ", edition_, quality, " ; ", n, n > 1 ? " classes (" : " classe (",
                                     nomenclature_.name, ").")
                         : join_text("Land-cover map of ", edition_, quality, "; ", counted(nomenclature_.size(), "class", "classes"), " (",
                                     nomenclature_.name, ").");
  if (const std::string tiles = join_list(publication_.left_out, ", "); !tiles.empty())
    item.description += say(" Incomplete: without the tiles ", " Incomplète : sans les tuiles ") + tiles + ".";
  item.licence = publication_.options.licence;
  const auto [first, last] = days_of(publication_.period, publication_.year);
  item.start = first.iso();
  item.end = last.iso();
  item.grid = summary_.grid;
  item.level = "L4";
  item.language = language_;
  item.lineage = say(
      "Supervised classification of the time series of satellite images, tile by tile, mosaicked without dependence on the order of the "
      "tiles.",
      "Classification supervisée des séries temporelles d’images satellites, tuile par tuile, assemblée sans que l’ordre des tuiles "
      "compte.");
  item.software_version = version();
  item.assets = assets_;
  item.collection = publication_.collection;
  item.collection_id = publication_.options.collection;
  const std::string text = json_text(stac_item(item, folder_), 1) + "\n";
  write_text(path(".json"), text);
  return xxh3(text);
}

}  // namespace millesime
