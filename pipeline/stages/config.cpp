#include "pipeline/stages/config.h"

#include <filesystem>
#include <limits>

#include "kernels/base/device_request.h"
#include "models/base/option_readers.h"
#include "pipeline/core/class_numbers.h"
#include "pipeline/core/error.h"
#include "pipeline/core/internal/toml.h"
#include "pipeline/core/source_name.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace {

constexpr double kUnbounded = std::numeric_limits<double>::infinity();
const std::string kEverySource = "source.*.";  // of an assignment

}  // namespace

std::pair<Date, Date> Config::days() const { return days_of(period, year); }
std::string Config::edition() const { return edition_of(period, year); }

std::string Config::to_toml() {
  std::string text = declare().to_toml(source_sections(sources));
  for (SourceOptions& source : sources) {
    Options of_source;
    declare_source(source, of_source);
    text += "\n[[source]]\n" + of_source.to_toml();
  }
  for (ExogenousOptions& entry : exogenous) text += "\n[[exogenous]]\n" + entry.declare().to_toml();
  return text;
}

Options Config::declare() {
  Options o;
  o.section("");
  o.add("year", &year, "the year that is mapped").range(1980, 2100).required();
  o.add("nomenclature", &nomenclature, "the classes: a name in configs/nomenclatures, or a file").names("nomenclature");
  o.add("output", &output, "folder of the products, which are in <output>/<edition>, the edition being the year or period.name").path();
  o.add("device", &device, "where kernels and models run: auto, cpu, cuda or cuda:N").names("device");
  o.add("threads", &threads, "threads to compute with; 0: all cores that this process may use").range(0, 1024);
  o.add("memory", &memory, "limit of memory, e.g. 8GiB; default: the free memory of the machine or its container");

  const std::vector<std::string> sections = source_sections(sources);
  for (std::size_t i = 0; i < sources.size(); ++i) {
    o.section(sections[i]);
    declare_source(sources[i], o);
  }

  o.section("tiles");
  o.add("names", &tiles.names, "tiles to map; default: all that are found under the root of the first source").names("tile");
  tiles.mapped.declare(o);

  o.section("period");
  period.declare(o);

  o.section("time");
  o.add("step_days", &time.step_days, "interval between the dates of the regular time grid")
      .unit("days")
      .range(1, 366)
      .read_by(reader::kRegular);
  o.add("start", &time.start, "first date of the time grid; default: the earliest acquisition over all tiles")
      .dates()
      .read_by(reader::kRegular);
  o.add("end", &time.end, "last date of the time grid; default: the latest acquisition over all tiles").dates().read_by(reader::kRegular);
  o.add("dates", &time.dates, "the dates of the time grid themselves, instead of start, end and step_days")
      .dates()
      .read_by(reader::kRegular);
  o.add(
       "own_dates", &time.own_dates,
       "sources whose own acquisitions, of all tiles, are their time grid, so that nothing is interpolated between them; default: those of "
       "syntheses (sentinel2_l3a)")
      .read_by(reader::kRegular);
  time.declare_gap_fill(o);
  time.declare_axis(o);

  o.section("reference");
  o.add("path", &reference.path, "polygons for training and testing, any vector format and CRS").path();
  o.add("layer", &reference.layer, "layer in that file; needed if several of them hold polygons");
  o.add("class_field", &reference.class_field, "field that holds the class code or name");
  o.add("learn_ratio", &reference.learn_ratio,
        "share of a class's polygons, within tile and region, for training; the others are for testing; with several seeds, of those that "
        "are "
        "not held out for the final map")
      .range(0, 1);
  o.add("final_ratio", &reference.final_ratio,
        "share of a class's polygons, within tile and region, that is held out from every seed and judges the final map alone; -1: "
        "1 - learn_ratio with several seeds, and with one seed its test polygons; 0: none, the final map is not judged")
      .range(-1, 1);
  o.add("seeds", &reference.seeds, "number of runs with different splits").range(1, 100);
  o.add("random_seed", &reference.random_seed, "seed of the first split").range(0, kUnbounded);
  o.add("split", &reference.split,
        "what is never divided between training and testing: a polygon; a block of block_km: accuracy by blocks is what a place without "
        "polygons of its own may expect; both: half of what tests are whole blocks, half polygons of the others, and the report has both "
        "accuracies; auto: both where the polygons of a tile lie in more than five blocks, else polygon")
      .choices({"auto", "both", "polygon", "block"});
  o.add("block_km", &reference.block_km, "side of the squares of split = \"block\"").unit("km").range(0.1, 1000);
  o.add("erosion_m", &reference.erosion_m, "width of the border of each polygon that is left out of the samples").unit("m").range(0, 1000);

  o.section("sample");  // selects training pixels within each tile and region; [train] selects among those of all tiles
  sample.declare(o);

  o.section("regions");
  o.add("path", &regions.path, "eco-climatic regions, one model each; none: one model for all").path();
  o.add("layer", &regions.layer, "layer in that file; needed if several of them hold polygons");
  o.add("field", &regions.field, "field that names the region");
  o.add("blend_m", &regions.blend_m, "distance from a region's border within which the neighbouring models are blended")
      .unit("m")
      .range(0, 100000);
  o.add("without_samples", &regions.without_samples,
        "model of a region without samples or without a name: one of all samples, that of the nearest region, or an error")
      .choices({"all", "nearest", "error"});

  o.section("model");
  o.add("name", &model.name, kModelHelp).names("architecture");
  o.add("input", &model.input, "series as acquired (raw), on the regular time grid, or what the architecture prefers")
      .choices({"auto", "raw", "regular"});
  o.add("indices", &model.indices, "spectral indices in addition to the bands, for regular input; radar has VH - VV without being asked")
      .names("index");
  o.add("sources", &model.sources, kSourcesHelp);
  o.add("coordinates", &model.coordinates, kCoordinatesHelp);
  o.add("parameters", &model.parameters, "parameters of the architecture, e.g. d_model=128; `millesime model list` shows them");
  o.add("path", &model.path, "classify with this trained model instead of training one").path();

  train.declare(o);
  train_selection.declare(o);

  o.section("classify");
  classify.declare(o);

  o.section("fuse");
  fuse.declare(o);  // of the maps of several seeds

  o.section("mosaic");
  o.add("crs", &mosaic.crs, "reference system of the national map; default: that of most tiles, their UTM zone");
  o.add("resolution", &mosaic.resolution, "pixel size of the national map; 0: the pixels of the tiles, in the unit of the CRS")
      .unit("units of the CRS, m for EPSG:2154")
      .range(0, kUnbounded);
  o.add("sheet_px", &mosaic.sheet_px, "side of the sheets in which the map is computed and updated").unit("px").range(64, 65536);

  o.section("regularise");
  o.add("enabled", &regularise.enabled, "make the regularised map");
  regularise.declare(o);

  o.section("vectorise");
  o.add("enabled", &vectorise.enabled, "make polygons of the map: of the regularised one if there is one");
  o.add("whole", &vectorise.whole, "with zones, make also one layer of the whole map");
  vectorise.declare(o);

  o.section("publish");
  o.add("title", &publish.title, kPublishTitleHelp);
  o.add("language", &publish.language, "language of the report, of titles and of the names of classes in palettes, styles and tables")
      .choices({"en", "fr"});
  o.add("compression", &publish.compression, "compression of the products").choices({"DEFLATE", "ZSTD", "LZW"});
  o.add("licence", &publish.licence, "licence of the products, an SPDX identifier");
  o.add("collection", &publish.collection, "identifier of the STAC collection of all editions");
  o.add("provider", &publish.provider, "who publishes the maps, for the STAC collection; default: nobody is named");
  o.add("provider_url", &publish.provider_url, "page of the provider");
  return o;
}

namespace {

std::string text_of(const toml::node& node, const std::string& origin, std::string_view key) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return join_text(number->get());
  if (const auto* number = node.as_floating_point()) return join_text(number->get());
  throw UserError(join_text(origin, ": ", key, ": expected a text, a number or a list of them"));
}

std::vector<ExogenousOptions> read_exogenous(const std::string& file) {
  const auto folder = std::filesystem::path(file).parent_path();
  std::vector<ExogenousOptions> list;
  const toml::table root = toml::parse_file(file);  // Options::read_toml has already checked its syntax
  const auto* tables = root["exogenous"].as_array();
  if (!tables) {
    if (root.contains("exogenous")) throw UserError(join_text(file, ": exogenous: expected tables [[exogenous]] with name and path"));
    return list;
  }
  for (const auto& node : *tables) {
    const auto* table = node.as_table();
    ExogenousOptions entry;
    Options o = entry.declare();
    const std::string origin = join_text(file, ":", node.source().begin.line, ": [[exogenous]]");
    if (!table) throw UserError(join_text(origin, ": expected a table with name and path"));
    for (const auto& [key, value] : *table) {
      Option& option = o.at(std::string(key.str()), origin);
      if (const auto* several = value.as_array()) {
        std::vector<std::string> values;
        for (const auto& element : *several) values.push_back(text_of(element, origin, key.str()));
        option.set_list(values, origin);
      } else {
        option.set(text_of(value, origin, key.str()), origin);
      }
    }
    if (entry.name.empty() || entry.path.empty()) throw UserError(join_text(origin, ": needs both name and path"));
    for (const auto& other : list)
      if (other.name == entry.name) throw UserError(join_text(origin, ": the name \"", entry.name, "\" is used twice"));
    entry.path = source_in(folder, entry.path);
    list.push_back(std::move(entry));
  }
  return list;
}

}  // namespace

namespace {

// Acquisitions outside the period are not read, so that dates of the grid there would repeat the nearest ones.
void require_grid_in_period(const Config& config) {
  const auto [first, last] = config.days();
  const auto check = [&, first = first, last = last](const std::string& key, const std::string& text) {
    if (text.empty()) return;
    if (const Date date = Date::parse(text); date < first || date > last)
      throw UserError(
          join_text(config.file, ": ", key, ": ", date.iso(), " lies outside the period, ", first.iso(), " to ", last.iso(),
                    ", of which alone acquisitions are read; set period.start and period.end to the days that the map is about"));
  };
  check("time.start", config.time.start);
  check("time.end", config.time.end);
  for (const std::string& date : config.time.dates) check("time.dates", date);
}

}  // namespace

Config::Config() : sources{{.sensor = "sentinel2_theia"}} {}

Options Config::read(const std::string& from, const std::vector<std::string>& assignments) {
  file = from;
  sources = named_sources(file);
  Options options = declare();
  options.read_toml(file, {"exogenous", "source"});
  options.read_tables(file, "source", source_sections(sources));
  for (const auto& assignment : assignments)
    if (assignment.starts_with(kEverySource))
      for (const std::string& section : source_sections(sources)) options.set(section + "." + assignment.substr(kEverySource.size()));
    else
      options.set(assignment);
  apply_recipe(options, model.name);
  // Whether there is such a device, the machine knows that computes; a wrong word is known here.
  if (!is_device_request(device))
    throw UserError(join_text(options.find("device")->origin(), ": device: expected auto, cpu, cuda or cuda:N, got \"", device, "\""));
  return options;
}

Config Config::load(const std::string& file, const std::vector<std::string>& assignments) {
  Config config;
  Options options = config.read(file, assignments);
  options.require_all();
  resolve_sources(config.sources, file);
  for (std::size_t s = 1; s < config.sources.size(); ++s)
    config.model.indices_of[config.sources[s].name] =
        indices_elsewhere(config.model.indices, SensorFile::load(config.sources[s].sensor), config.sources[s].bands);
  config.model.indices = own_indices(config.model.indices, SensorFile::load(config.sources.front().sensor));
  const auto is_default = [&](const char* key) { return options.find(key)->origin() == "default"; };
  if (is_default("time.own_dates") && is_default("time.step_days"))
    for (const SourceOptions& source : config.sources)
      if (SensorFile::load(source.sensor).syntheses) config.time.own_dates.push_back(source.name);
  for (const std::string& name : config.time.own_dates)
    if (std::ranges::find(config.sources, name, &SourceOptions::name) == config.sources.end())
      throw UserError(join_text(file, ": time.own_dates: there is no [[source]] named \"", name, "\""));
  config.sample.check("sample");
  config.train_selection.check("train");
  numbers_by_class(config.train.oversample_by_class, "train.oversample_by_class");
  config.exogenous = read_exogenous(file);
  if (options.find("output")->origin() == "default")  // relative to the configuration, like every other path
    config.output = (std::filesystem::path(file).parent_path() / config.output).lexically_normal().string();
  if (std::filesystem::exists(std::filesystem::path(file).parent_path() / config.nomenclature))
    config.nomenclature = (std::filesystem::path(file).parent_path() / config.nomenclature).lexically_normal().string();
  config.tiles.mapped.resolve(std::filesystem::path(file).parent_path().string());
  require_grid_in_period(config);
  config.edition();
  if (config.regions.path.empty() != config.regions.field.empty()) throw UserError(join_text(file, ": regions needs both path and field"));
  return config;
}

void require_reference(const Config& config) {
  if (config.model.path.empty() && (config.reference.path.empty() || config.reference.class_field.empty()))
    throw UserError(
        join_text(config.file, ": needs reference.path and reference.class_field for training, or model.path, a trained model"));
}

}  // namespace millesime
