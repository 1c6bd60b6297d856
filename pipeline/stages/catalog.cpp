#include "pipeline/stages/catalog.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/counted.h"
#include "pipeline/core/error.h"
#include "pipeline/core/first_of.h"
#include "pipeline/core/json_text.h"
#include "pipeline/core/text.h"
#include "pipeline/stages/layout.h"
#include "pipeline/stages/tiles.h"

namespace millesime {
namespace fs = std::filesystem;
namespace {

std::string lines_of(const std::vector<Damage>& damaged) {
  std::string text;
  for (const Damage& damage : damaged) text += "\n  " + damage.product + ": " + damage.message;
  return text;
}

void require_undamaged(const SourceCensus& census, const std::string& root) {
  if (census.damaged.empty()) return;
  throw UserError(join_text("tile ", census.tile, ": ", census.damaged.size(), " of ",
                            counted(census.damaged.size() + static_cast<std::size_t>(census.n_products()), "product"), " under ", root,
                            " cannot be used:", lines_of(census.damaged),
                            "\nReplace them, or leave them out (which is recorded) with --skip-damaged (source.skip_damaged = true)."));
}

void require_acquisitions(const SourceCensus& census, const std::string& root, Date first, Date last) {
  if (!census.acquisitions.empty()) return;
  std::string others = years_of(census.outside_period);
  if (!others.empty()) {
    const auto [earliest, latest] = std::ranges::minmax_element(census.outside_period, {}, &OutsidePeriod::date);
    others += join_text(", from ", earliest->date.iso(), " to ", latest->date.iso());
  }
  throw UserError(join_text("tile ", census.tile, ": no acquisition from ", first.iso(), " to ", last.iso(), " under ", root, "; ",
                            !census.damaged.empty() ? "every product is damaged:" + lines_of(census.damaged)
                            : others.empty()        ? "there is no product of the tile"
                                                    : "there are products of " + others +
                                                   "; set year, period or --until to days of these, or add the missing products"));
}

nlohmann::json counts_of(const SourceCensus& census) {
  nlohmann::json damaged = nlohmann::json::array();
  for (const Damage& damage : census.damaged) damaged.push_back({{"product", damage.product}, {"message", damage.message}});
  return {{"acquisitions", census.acquisitions.size()},
          {"products", census.n_products()},
          {"first", census.acquisitions.front().date.iso()},
          {"last", census.acquisitions.back().date.iso()},
          {"damaged", damaged},
          {"superseded", census.superseded},
          {"merged", census.merged},
          {"ignored", census.ignored},
          {"outside_period", census.outside_period.size()}};
}

// Of a source that need not have the tile.
SourceCensus census_beside(const SourceOptions& source, const std::string& tile, const Grid& grid, Date first, Date last) {
  CensusRequest request = census_request(source, tile, first, last);
  request.grid = grid;
  return make_sensor(source.sensor)->take_census(request);
}

TileImages images_of(const std::vector<SourceOptions>& sources, const std::string& tile, Date first, Date last) {
  TileImages images{tile, {}, {}};
  for (const SourceOptions& source : sources) {
    const bool is_main = images.sources.empty();
    SourceCensus census = is_main ? make_sensor(source.sensor)->take_census(census_request(source, tile, first, last))
                                  : census_beside(source, tile, images.grid, first, last);
    if (!source.skip_damaged) require_undamaged(census, source.root);
    if (is_main) {
      require_acquisitions(census, source.root, first, last);
      images.grid = census.grid;
    }
    images.sources.push_back(std::move(census));
  }
  return images;
}

nlohmann::json counts_of(const TileImages& images) {
  nlohmann::json counts = counts_of(images.main());
  for (std::size_t i = 1; i < images.sources.size(); ++i) {
    const SourceCensus& census = images.sources[i];
    counts["sources"][census.source] = {{"acquisitions", census.acquisitions.size()}, {"products", census.n_products()}};
  }
  return counts;
}

constexpr std::size_t kNamedRasters = 5;  // of no pattern

std::string text_of_unmatched(const std::vector<std::string>& files, const std::string& sensor) {
  const std::vector<std::string> first = first_of(files, kNamedRasters);
  return join_text(counted(files.size(), "raster"), files.size() == 1 ? " fits" : " fit", " no pattern of ", sensor,
                   ", not read: ", join_list(first, ", "), files.size() > first.size() ? "..." : "",
                   "; if they are images of it, `millesime sensors show ", sensor, "` says how files are named");
}

// Rasters below the root of a source that neither it nor another source reads, and that are no other input or product.
std::vector<std::string> unmatched_of(const Config& config, const SourceOptions& source) {
  const auto absolute = [](const std::string& path) { return fs::absolute(path).lexically_normal().string(); };
  const auto unmatched = [&](const SourceOptions& of) {
    std::set<std::string> files;
    for (const std::string& file : make_sensor(of.sensor)->unmatched(of.root)) files.insert(absolute(of.root + "/" + file));
    return files;
  };
  std::set<std::string> files = unmatched(source);
  const auto take_out = [&](const std::string& path) {
    std::erase_if(files, [&, name = absolute(path)](const std::string& file) { return file == name || file.starts_with(name + "/"); });
  };
  if (!files.empty()) take_out(config.output);
  for (const std::string& file : files.empty() ? std::vector<std::string>{} : files_of_exogenous(config.exogenous)) take_out(file);
  for (const SourceOptions& other : config.sources) {
    if (&other == &source || files.empty()) continue;
    if (const std::string root = absolute(other.root); root != absolute(source.root)) {
      if (root.starts_with(absolute(source.root) + "/")) take_out(root);
      continue;
    }
    const std::set<std::string> of_neither = unmatched(other);
    std::erase_if(files, [&](const std::string& file) { return !of_neither.contains(file); });
  }
  std::vector<std::string> names;
  for (const std::string& file : files) names.push_back(fs::path(file).lexically_relative(absolute(source.root)).string());
  return names;
}

nlohmann::json run_catalog(const Config& config, const std::string& tile, bool tells_unmatched, const std::string& file,
                           const Context& context) {
  const auto [first, last] = config.days();
  context.progress->start("catalog " + tile, 1, "tile");
  const TileImages images = images_of(config.sources, tile, first, last);
  write_text(file, json_text(images.to_json(), 1) + "\n");
  for (const SourceCensus& census : images.sources) {
    const std::string which = images.sources.size() > 1 ? join_text("tile ", tile, ", ", census.source) : "tile " + tile;
    if (!census.outside_period.empty())
      context.progress->note(
          join_text(which, ": outside the period ", first.iso(), " to ", last.iso(), ", not read: ", years_of(census.outside_period)));
    if (census.acquisitions.empty()) context.progress->note(which + ": no acquisition; the tile is mapped without it");
    for (const std::string& note : census.notes) context.progress->note(join_text(which, ": ", note));
  }
  nlohmann::json counts = counts_of(images);
  if (tells_unmatched)
    for (const SourceOptions& source : config.sources)
      if (const std::vector<std::string> files = unmatched_of(config, source); !files.empty()) {
        context.progress->note(join_text(source.root, ": ", text_of_unmatched(files, source.sensor)));
        counts["unmatched"][source.name] = {{"rasters", files.size()}, {"first", first_of(files, kNamedRasters)}};
      }
  context.progress->advance(1);
  context.progress->finish();
  return counts;
}

// "3 new (A, B, and 1 more)"
std::string some_of(const std::vector<std::string>& names, const char* what) {
  constexpr std::size_t kNamed = 2;
  if (names.empty()) return join_text("0 ", what);
  return join_text(names.size(), " ", what, " (", join_list(first_of(names, kNamed), ", "),
                   names.size() > kNamed ? join_text(", and ", names.size() - kNamed, " more") : "", ")");
}

// Keys of the configuration that shape what the units make.
const std::vector<std::string> kCatalogOptions = {"year",         "period",         "source.name",    "source.sensor",
                                                  "source.bands", "source.variant", "source.invalid", "source.skip_damaged"};

std::optional<std::vector<Unit>> plan_catalog(const Config& config) {
  const Layout layout(config);
  const auto [first, last] = config.days();
  std::vector<Unit> units;
  std::vector<std::shared_ptr<const Sensor>> sensors;
  for (const SourceOptions& source : config.sources) sensors.push_back(make_sensor(source.sensor));
  const std::vector<std::string> tiles = tiles_of(config);
  for (const std::string& tile : tiles) {
    Unit unit;
    unit.stage = "catalog";
    unit.key = unit.tile = tile;
    unit.outputs = {layout.census(tile)};
    unit.config_keys = source_keys(config, {"name", "bands", "variant", "invalid", "skip_damaged"});
    unit.config_keys.insert(unit.config_keys.end(), {"year", "period"});
    for (std::size_t s = 0; s < sensors.size(); ++s) {
      const SourceOptions& source = config.sources[s];
      const auto& sensor = sensors[s];
      const std::string of = &source == &config.sources.front() ? "" : " of " + source.name;
      unit.facts.push_back("sensor" + of + " = " + sensor->file().name + " " + sensor->file().digest);
      unit.looked_up["products" + of] = {[sensor, request = census_request(source, tile, first, last)] { return sensor->listing(request); },
                                         [tile, of](const std::string& then, const std::string& now) {
                                           return join_text("products of tile ", tile, of, ": ", change_of_listing(then, now));
                                         }};
      if (tile == tiles.front() && sensor->file().settings.contains("file"))
        unit.looked_up["rasters of no pattern" + of] = {[config, source] { return join_list(unmatched_of(config, source), ", "); },
                                                        [](const std::string& then, const std::string& now) {
                                                          return join_text("rasters of no pattern: ", now.empty() ? "none" : now, ", then ",
                                                                           then.empty() ? "none" : then);
                                                        }};
    }
    unit.run = [config, tile, is_first = tile == tiles.front(), file = layout.census(tile)](const Context& context) {
      return run_catalog(config, tile, is_first, file, context);  // what is of no tile is told once
    };
    units.push_back(std::move(unit));
  }
  return units;
}

// The longest time without an acquisition.
std::string longest_gap(const SourceCensus& census) {
  std::size_t at = 0;
  int days = 0;
  for (std::size_t i = 0; i + 1 < census.acquisitions.size(); ++i)
    if (const int gap = census.acquisitions[i + 1].date - census.acquisitions[i].date; gap > days) days = gap, at = i;
  return days == 0 ? "" : join_text("; longest gap ", counted(days, "day"), " after ", census.acquisitions[at].date.iso());
}

std::string text_of(const SourceCensus& census) {
  std::string text = census.tile + "\n";
  if (!census.acquisitions.empty())
    text += join_text("  ", counted(census.acquisitions.size(), "acquisition"), " from ", counted(census.n_products(), "product"), ", ",
                      census.acquisitions.front().date.iso(), " to ", census.acquisitions.back().date.iso(), longest_gap(census),
                      "\n  grid ", to_text(census.grid), "\n  bands ", join_list(census.bands, ", "), "\n");
  else
    text += "  no acquisition\n";
  for (const Damage& damage : census.damaged) text += "  damaged: " + damage.product + ": " + damage.message + "\n";
  for (const std::string& day : census.merged) text += "  two passes merged: " + day + "\n";
  for (const std::string& product : census.superseded) text += "  replaced by a newer version: " + product + "\n";
  for (const std::string& entry : census.ignored) text += "  not a product: " + entry + "\n";
  for (const std::string& note : census.notes) text += "  " + note + "\n";
  if (!census.outside_period.empty()) text += "  outside the period: " + years_of(census.outside_period) + "\n";
  for (const OutsidePeriod& outside : census.outside_period) text += "    " + outside.product + "\n";
  return text;
}

}  // namespace

std::string change_of_listing(const std::string& then, const std::string& now) {
  using Listing = std::map<std::string, std::string>;
  const auto read = [](const std::string& text) {
    const auto listing = nlohmann::json::parse(text, nullptr, false);
    return listing.is_object() ? listing.get<Listing>() : Listing();
  };
  const Listing before = read(then), after = read(now);
  std::vector<std::string> fresh, changed, removed;
  for (const auto& [name, state] : after)
    if (const auto old = before.find(name); old == before.end())
      fresh.push_back(name);
    else if (old->second != state)
      changed.push_back(name);
  for (const auto& [name, state] : before)
    if (!after.contains(name)) removed.push_back(name);
  return join_text(some_of(fresh, "new"), ", ", some_of(changed, "changed"), ", ", some_of(removed, "removed"));
}

Stage catalog_stage() {
  return {.name = "catalog",
          .summary = "finds the products of each tile and checks them",
          .reads = "images: folders of products, or lists of STAC items",
          .writes = "the census of each tile",
          .command = "catalog",
          .example = "millesime run france-2021.toml --to catalog",
          .revision = 7,
          .papers = {},
          .options = kCatalogOptions,
          .plan = plan_catalog};
}

TileImages usable_images(const Config& config, const std::string& tile) {
  const auto [first, last] = config.days();
  return images_of(config.sources, tile, first, last);
}

Options CatalogCommand::declare() {
  Options o;
  o.section("");
  o.add("root", &root, "folder of the products, <root>/<tile>/<product>").path().required();
  o.add("sensor", &sensor, "sensor of the products, a name in configs/sensors or a file").names("sensor");
  o.add("variant", &variant, "which of the sensor's variants of its images is read; default: the first");
  o.add("year", &year, "only products of this year; 0: all").range(0, 2100);
  period.declare_days(o);
  o.add("tiles", &tiles, "tiles to check; default: all that are found").names("tile");
  o.add("bands", &bands, "bands that every product must have; default: those that any product of the tile has");
  o.add("json", &json, "print JSON instead of text");
  return o;
}

bool CatalogReport::damaged() const {
  return std::ranges::any_of(tiles, [](const SourceCensus& census) { return !census.damaged.empty(); });
}

std::string CatalogReport::to_text() const {
  std::string text;
  std::map<std::string, std::string> spelled;
  for (const SourceCensus& census : tiles) {
    text += text_of(census);
    if (const auto [other, is_new] = spelled.emplace(lower(census.tile), census.tile); !is_new)
      text += join_text("  differs from the tile ", other->second, " in the case of letters alone: rename one of them\n");
  }
  return unmatched.empty() ? text : text + text_of_unmatched(unmatched, sensor) + "\n";
}

nlohmann::ordered_json CatalogReport::to_json() const {
  nlohmann::ordered_json document;
  document["root"] = root;
  document["tiles"] = nlohmann::ordered_json::array();
  for (const SourceCensus& census : tiles) document["tiles"].push_back(census.to_json());
  document["unmatched"] = {{"rasters", unmatched.size()}, {"first", first_of(unmatched, kNamedRasters)}};
  return document;
}

CatalogReport catalog(const CatalogCommand& command, const Context& context) {
  const auto sensor = make_sensor(command.sensor);
  std::vector<std::string> names = command.tiles.empty() ? sensor->found_tiles(command.root) : command.tiles;
  std::ranges::sort(names);
  const auto [first, last] = days_of(command.period, command.year);
  CatalogReport report;
  report.root = command.root;
  report.sensor = sensor->file().name;
  report.unmatched = sensor->unmatched(command.root);
  context.progress->start("catalog", static_cast<std::int64_t>(names.size()), "tiles");
  for (const std::string& tile : names) {
    report.tiles.push_back(sensor->take_census({"", command.root, tile, command.variant, command.bands, first, last}));
    context.progress->advance(1);
  }
  context.progress->finish();
  return report;
}

}  // namespace millesime
