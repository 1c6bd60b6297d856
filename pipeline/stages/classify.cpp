#include "pipeline/stages/classify.h"

#include <filesystem>
#include <map>
#include <optional>
#include <set>

#include "models/base/model_file.h"
#include "pipeline/core/class_groups.h"
#include "pipeline/core/class_meanings.h"
#include "pipeline/core/error.h"
#include "pipeline/core/source_name.h"
#include "pipeline/core/text.h"
#include "pipeline/imagery/exogenous.h"
#include "pipeline/io/layer_choice.h"
#include "pipeline/io/source_files.h"
#include "pipeline/stages/layout.h"
#include "pipeline/stages/levels.h"
#include "pipeline/stages/planning.h"
#include "pipeline/stages/tiles.h"
#include "pipeline/stages/train.h"

namespace millesime {
namespace {

namespace fs = std::filesystem;

// Keys of the configuration that shape what the units make.
const std::vector<std::string> kClassifyOptions = {"source.resampling",
                                                   "classify.probabilities",
                                                   "classify.all_classes",
                                                   "classify.precision",
                                                   "classify.smooth",
                                                   "classify.levels",
                                                   "classify.level_confidence",
                                                   "classify.early",
                                                   "classify.smooth_reach",
                                                   "classify.smooth_tolerance",
                                                   "classify.missing_sources",
                                                   "classify.uncertainty",
                                                   "regions.blend_m",
                                                   "regions.layer",
                                                   "regions.field",
                                                   "year"};  // models of raw series place dates by it

// UserError where the classes of model.path are not those that the map is published with; what differs a little.
std::string note_on_model(const Config& config) {
  if (config.model.path.empty()) return "";
  return once(config, "meanings of model.path", [&] {
    const Nomenclature published = Nomenclature::load(config.nomenclature);
    const ModelSpec spec = ModelFile::read(config.model.path).spec;
    const std::string advice =
        "set nomenclature to the one that the model learned with, or, where the classes are the same, give them its names as name_en or "
        "alias";
    const std::string note =
        compare_meanings({"the model " + config.model.path, spec.nomenclature}, {"the nomenclature " + published.name, published}, advice);
    for (const int code : spec.classes)
      if (!published.index_of_code(code))
        throw UserError(join_text("the model ", config.model.path, " maps class ", code, ", which the nomenclature ", published.name,
                                  " does not have; ", advice));
    return note;
  });
}

// Before any tile.
void check_classify(const Config& config) {
  if (config.classify.levels) require_groups_apart(Nomenclature::load(config.nomenclature));
}

void check_classify_files(const Config& config) {
  Nomenclature::load(config.nomenclature);
  note_on_model(config);
  if (!config.regions.path.empty() && config.model.path.empty()) require_regions(config.regions);
  require_exogenous(config.exogenous);
  config.tiles.mapped.require_files();
}

std::optional<std::vector<Unit>> plan_classify(const Config& config) {
  const Layout layout(config);
  // Regions are those of the samples: models_of() says whose model maps each.
  const auto models = models_of(config);
  if (!models) return std::nullopt;
  const bool regional = !config.regions.path.empty() && config.model.path.empty();
  std::vector<Unit> units;
  const std::vector<std::string> region_files =
                                     config.regions.path.empty() ? std::vector<std::string>{} : files_of_source(config.regions.path),
                                 exogenous = files_of_exogenous(config.exogenous);
  std::optional<std::map<int, int>>
      groups;  // of levels: those of the nomenclature that the map is published with, whatever the model knows
  std::string groups_text;
  if (config.classify.levels) {
    groups = groups_of_classes(Nomenclature::load(config.nomenclature));
    for (const auto& [code, group] : *groups) groups_text += join_text(groups_text.empty() ? "" : " ", code, ":", group);
  }
  std::vector<std::string> keys = source_keys(config, {"resampling"});
  for (const std::string& key : kClassifyOptions)
    if (!key.starts_with("source.")) keys.push_back(key);
  for (const auto& tile : tiles_of(config)) {
    Unit unit{.stage = "classify",
              .key = tile,
              .tile = tile,
              .inputs = {layout.census(tile), layout.footprint(tile)},
              .outputs = {},
              .config_keys = keys,
              .facts = {},
              .run = {}};
    ClassifyRequest request;
    request.year = config.year, request.resampling = config.sources.front().resampling;
    for (std::size_t source = 1; source < config.sources.size(); ++source)
      request.other_resampling.push_back(config.sources[source].resampling);
    request.exogenous = config.exogenous, request.options = config.classify, request.mapped = config.tiles.mapped;
    for (const std::string& file : request.mapped.files()) unit.inputs.push_back(file);
    for (std::string& box : request.mapped.boxes()) unit.facts.push_back(std::move(box));
    request.options.groups = groups;
    if (groups) unit.facts.push_back("groups of classes = " + groups_text);
    if (!config.model.path.empty()) request.options.last_day = last_day_of(config.period, config.year);  // others learn the same days
    if (request.options.last_day > 0) unit.facts.push_back(join_text("the season is known until day ", request.options.last_day));
    for (int seed = 0; seed < layout.seeds; ++seed) {
      SeedMap::Files output{{},
                            layout.classification(tile, seed),
                            layout.confidence(tile, seed),
                            seed == 0 ? layout.validity(tile) : "",  // the same for every seed
                            config.classify.probabilities ? layout.probabilities(tile, seed) : "",
                            false};  // names and colours may change after the training: the stages that make the map add them
      if (config.classify.uncertainty != "none") output.uncertainty = layout.uncertainty(tile, seed);
      if (config.classify.levels) output.level1 = layout.level1(tile, seed), output.deepest = layout.deepest(tile, seed);
      for (const auto& model : models->trained)
        if (model.seed == seed) output.models.push_back({model.region, model.file});
      for (const auto& model : output.models) unit.inputs.push_back(model.file);
      for (const auto& file : {output.classification, output.confidence, output.validity, output.probabilities, output.level1,
                               output.deepest, output.uncertainty})
        if (!file.empty()) unit.outputs.push_back(file);
      request.maps.push_back(std::move(output));
    }
    request.footprint = layout.footprint(tile);
    if (regional) {
      request.regions = config.regions, request.substitutes = models->substitutes;
      unit.inputs.insert(unit.inputs.end(), region_files.begin(), region_files.end());
      if (const std::string part = part_of_source(config.regions.path); !part.empty()) unit.facts.push_back("regions.path = " + part);
      for (const auto& [region, other] : models->substitutes)
        unit.facts.push_back(region + " is mapped by " + (other.empty() ? "all samples" : other));
    }
    unit.inputs.insert(unit.inputs.end(), exogenous.begin(), exogenous.end());
    for (const auto& entry : config.exogenous) unit.facts.push_back(entry.identity());
    const bool is_first = tile == tiles_of(config).front();  // says what concerns all
    unit.run = [request, layout, tile, config, is_first, roots = source_roots(config)](const Context& context) mutable {
      if (const std::string note = is_first ? note_on_model(config) : ""; !note.empty()) context.progress->note(note);
      TileImages images = TileImages::read(layout.census(tile), roots);
      request.census = images.main();
      request.others.assign(images.sources.begin() + 1, images.sources.end());
      nlohmann::json counts = classify_tile(request, context);
      for (const auto& [region, other] : request.substitutes)
        counts["regions_without_samples"][region] = other.empty() ? "all samples" : other;
      return counts;
    };
    units.push_back(std::move(unit));
  }
  return units;
}

}  // namespace

Stage classify_stage() {
  return {.name = "classify",
          .summary = "computes class and confidence of every pixel of each tile",
          .reads = "images of a tile, models",
          .writes =
              "class and confidence map of each tile and seed (confidence: 100 x probability of the class, rounded down: 0.867 is 86), "
              "validity map of each tile, optional probabilities and uncertainty",
          .command = "classify",
          .example = "millesime run france-2021.toml --to classify",
          .revision = 9,
          .papers = {"Tomasi & Manduchi 1998, ICCV (bilateral filter)", "Schindler 2012, IEEE TGRS 50 (smoothing of land cover)"},
          .options = kClassifyOptions,
          .kept_when_mending = false,
          .side_by_side = true,
          .of_any_edition = true,
          .units_from = {"sample"},
          .plan = plan_classify,
          .check = check_classify,
          .check_files = check_classify_files};
}

Options ClassifyCommand::declare() {
  Options o;
  o.add("model", &model, "trained model (.safetensors)").path().required();
  o.add("tile", &tile, "folder of the tile's products, e.g. l2a/T31TCJ").path().required();
  o.add("output", &output, "folder for classification.tif, confidence.tif and validity.tif").path().required();
  o.add("year", &year,
        "only products of this year; default: that of the products or, where they are of several, that of the model's samples")
      .range(0, 2100);
  period.declare_days(o);
  o.add("sensor", &source.sensor, "sensor of the products, a name in configs/sensors or a file").names("sensor");
  o.add("variant", &source.variant, "which of the sensor's variants of its images is read; default: the first");
  o.add("skip_damaged", &source.skip_damaged, "leave out products that cannot be read");
  o.add("resampling", &source.resampling, "method of resampling bands of other pixels to the tile's grid")
      .choices({"nearest", "bilinear", "cubic"});
  o.add("also", &also, "further sources of the model, name=sensor,root or name=sensor,root,variant, e.g. asc=sentinel1_s1tiling,s1,ASC")
      .repeated();
  o.add("exogenous", &exogenous,
        "static inputs of the model: name=path of a raster (,nodata=-9999 where the file lacks it), or name=path,field of polygons "
        "(,layer=NAME "
        "where the file has several)")
      .repeated();
  mapped.declare(o);
  o.add("trust_model", &trust_model, "run a model that is a program (TorchScript, .pt), which can do anything that you can");
  options.declare(o);
  return o;
}

namespace {

// "asc=sentinel1_s1tiling,s1,ASC"
SourceOptions further_source(const std::string& text) {
  const auto equal = text.find('=');
  const std::vector<std::string> parts = equal == std::string::npos ? std::vector<std::string>{} : split_text(text.substr(equal + 1), ',');
  constexpr std::size_t kFewest = 2, kMost = 3;
  if (parts.size() < kFewest || parts.size() > kMost || equal == 0)
    throw UserError(join_text("--also ", text, ": expected name=sensor,root or name=sensor,root,variant"));
  return {.name = text.substr(0, equal), .sensor = parts[0], .root = parts[1], .variant = parts.size() == kMost ? parts[2] : ""};
}

}  // namespace

int year_of_several(const std::set<int>& years, const Provenance& model, const std::string& tile) {
  const int learned = model.years.size() > 1 ? 0 : model.year;
  if (years.contains(learned)) return learned;
  throw UserError(join_text(tile, ": its products are of the years ", *years.begin(), " to ", *years.rbegin(),
                            learned ? join_text(", and the model's samples of ", learned) : std::string(),
                            "; choose a year with --year, or days with --start and --end"));
}

nlohmann::json classify_command(const ClassifyCommand& command, const Context& context) {
  const fs::path folder = fs::absolute(command.tile).lexically_normal();  // "." and "T31TCJ" have a folder around them, too
  const fs::path named = folder.filename().empty() ? folder.parent_path() : folder;
  const Trust trust = command.trust_model ? Trust::programs : Trust::data_only;
  const ModelSpec spec = ModelFile::read(command.model, trust).spec;
  const auto sensor = make_sensor(command.source.sensor);
  int year = command.year;
  auto days = days_of(command.period, year);
  const auto take_census = [&] {
    return sensor->take_census({"", named.parent_path().string(), named.filename().string(), command.source.variant,
                                spec.sources.front().bands, days.first, days.second});
  };
  ClassifyRequest request;
  request.census = take_census();
  const auto& acquisitions = request.census.acquisitions;
  if (year == 0 && (command.period.start.empty() || command.period.end.empty())) {
    std::set<int> years;
    for (const Acquisition& acquisition : acquisitions) years.insert(acquisition.date.year());
    if (years.size() > 1) {
      year = year_of_several(years, spec.provenance, command.tile);
      context.progress->note(join_text(command.tile, ": mapped is ", year, ", the year of the model's samples; --year chooses another"));
      days = days_of(command.period, year);
      request.census = take_census();
    }
  }
  if (!request.census.damaged.empty() && !command.source.skip_damaged) {
    std::string list;
    for (const auto& damage : request.census.damaged) list += "\n  " + damage.product + ": " + damage.message;
    throw UserError(join_text(command.tile, ": damaged products; replace them or leave them out with --skip-damaged:", list));
  }
  if (acquisitions.empty())
    throw UserError(
        join_text(command.tile, ": no product to classify", year ? " in " + std::to_string(year) : "",
                  request.census.outside_period.empty() ? "" : "; there are those of " + years_of(request.census.outside_period)));
  if (!request.census.outside_period.empty())
    context.progress->note(join_text(command.tile, ": outside the period, not read: ", years_of(request.census.outside_period)));
  for (const std::string& text : command.also) {
    const SourceOptions source = further_source(text);
    CensusRequest beside{source.name, source.root, request.census.tile, source.variant, {}, days.first, days.second};
    for (const SourceSpec& each : spec.sources)
      if (each.name == source.name) beside.bands = each.bands;
    beside.grid = request.census.grid;
    request.others.push_back(make_sensor(source.sensor)->take_census(beside));
    request.other_resampling.push_back(command.source.resampling);
    if (const auto& damaged = request.others.back().damaged; !damaged.empty() && !command.source.skip_damaged)
      throw UserError(join_text(source.root, ": damaged products, e.g. ", damaged.front().product, ": ", damaged.front().message,
                                "; replace them or leave them out with --skip-damaged"));
    if (request.others.back().acquisitions.empty())
      context.progress->note(join_text(source.name, ": no acquisition under ", source.root, "; the tile is mapped without it"));
  }
  request.mapped = command.mapped;
  request.year = year ? year : acquisitions[acquisitions.size() / 2].date.year();
  request.resampling = command.source.resampling;
  request.options = command.options;
  if (!command.period.end.empty())
    request.options.last_day =
        last_day_of({.start = command.period.start, .end = {}, .until = command.period.end, .name = {}}, request.year);
  request.trust = trust;
  for (const auto& entry : command.exogenous) {
    const auto equal = entry.find('=');
    if (equal == std::string::npos) throw UserError(join_text("--exogenous ", entry, ": expected name=path"));
    ExogenousOptions input{.name = entry.substr(0, equal), .path = entry.substr(equal + 1), .field = ""};
    constexpr std::string_view kNodataOf = ",nodata=", kLayerOf = ",layer=";
    if (const auto told = input.path.rfind(kLayerOf); told != std::string::npos)
      input.layer = input.path.substr(told + kLayerOf.size()), input.path.resize(told);
    for (auto told = input.path.rfind(kNodataOf); told != std::string::npos; told = input.path.rfind(kNodataOf))
      input.nodata.push_back(input.path.substr(told + kNodataOf.size())), input.path.resize(told);
    if (const auto comma = input.path.rfind(','); comma != std::string::npos && !std::filesystem::exists(input.path))
      input.field = input.path.substr(comma + 1), input.path.resize(comma);
    for (const StaticSpec& known : spec.statics)
      if (known.name == input.name + kCategory) input.kind = "category";
    request.exogenous.push_back(std::move(input));
  }
  const std::string out = command.output + "/";
  request.maps = {{{{"", command.model}},
                   out + "classification.tif",
                   out + "confidence.tif",
                   out + "validity.tif",
                   command.options.probabilities ? out + "probabilities.tif" : ""}};
  if (command.options.uncertainty != "none") request.maps.front().uncertainty = out + "uncertainty.tif";
  if (command.options.levels) request.maps.front().level1 = out + "level1.tif", request.maps.front().deepest = out + "deepest.tif";
  return classify_tile(request, context);
}

}  // namespace millesime
