#include "pipeline/stages/catalog.h"

#include <algorithm>
#include <optional>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/counted.h"
#include "pipeline/core/error.h"
#include "pipeline/core/json_text.h"
#include "pipeline/core/text.h"
#include "pipeline/stages/layout.h"
#include "pipeline/stages/tiles.h"

namespace millesime {
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

nlohmann::json run_catalog(const std::vector<SourceOptions>& sources, const std::string& tile, Date first, Date last,
                           const std::string& file, const Context& context) {
  context.progress->start("catalog " + tile, 1, "tile");
  const TileImages images = images_of(sources, tile, first, last);
  write_text(file, json_text(images.to_json(), 1) + "\n");
  for (const SourceCensus& census : images.sources) {
    const std::string which = images.sources.size() > 1 ? join_text("tile ", tile, ", ", census.source) : "tile " + tile;
    if (!census.outside_period.empty())
      context.progress->note(
          join_text(which, ": outside the period ", first.iso(), " to ", last.iso(), ", not read: ", years_of(census.outside_period)));
    if (census.acquisitions.empty()) context.progress->note(which + ": no acquisition; the tile is mapped without it");
    for (const std::string& note : census.notes) context.progress->note(join_text(which, ": ", note));
  }
  context.progress->advance(1);
  context.progress->finish();
  return counts_of(images);
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
  for (const std::string& tile : tiles_of(config)) {
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
      unit.looked_up["state of the products" + of] = [sensor, request = census_request(source, tile, first, last)] {
        return sensor->listing_digest(request);
      };
    }
    unit.run = [sources = config.sources, tile, begin = first, end = last, file = layout.census(tile)](const Context& context) {
      return run_catalog(sources, tile, begin, end, file, context);
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
  if (!census.outside_period.empty()) text += "  outside the period: " + years_of(census.outside_period) + "\n";
  for (const OutsidePeriod& outside : census.outside_period) text += "    " + outside.product + "\n";
  return text;
}

}  // namespace

Stage catalog_stage() {
  return {.name = "catalog",
          .summary = "finds the products of each tile and checks them",
          .reads = "folders of L2A products",
          .writes = "the census of each tile",
          .command = "catalog",
          .example = "millesime run france-2021.toml --to catalog",
          .revision = 5,
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
  for (const SourceCensus& census : tiles) text += text_of(census);
  return text;
}

nlohmann::ordered_json CatalogReport::to_json() const {
  nlohmann::ordered_json document;
  document["root"] = root;
  document["tiles"] = nlohmann::ordered_json::array();
  for (const SourceCensus& census : tiles) document["tiles"].push_back(census.to_json());
  return document;
}

CatalogReport catalog(const CatalogCommand& command, const Context& context) {
  const auto sensor = make_sensor(command.sensor);
  std::vector<std::string> names = command.tiles.empty() ? sensor->found_tiles(command.root) : command.tiles;
  std::ranges::sort(names);
  const auto [first, last] = days_of(command.period, command.year);
  CatalogReport report;
  report.root = command.root;
  context.progress->start("catalog", static_cast<std::int64_t>(names.size()), "tiles");
  for (const std::string& tile : names) {
    report.tiles.push_back(sensor->take_census({"", command.root, tile, command.variant, command.bands, first, last}));
    context.progress->advance(1);
  }
  context.progress->finish();
  return report;
}

}  // namespace millesime
