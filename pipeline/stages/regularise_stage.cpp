#include "pipeline/stages/regularise.h"

#include "pipeline/stages/layout.h"
#include "pipeline/stages/mosaic.h"

namespace millesime {
namespace {

RegulariseCommand command_of(const Config& config) {
  RegulariseCommand command;
  static_cast<RegulariseOptions&>(command) = config.regularise;
  command.map = mosaic_maps(config).classification;
  command.nomenclature = config.nomenclature;
  command.output = Layout(config).regularised();
  return command;
}

std::optional<std::vector<Unit>> plan_regularise(const Config& config) {
  if (!config.regularise.enabled) return std::vector<Unit>{};
  const auto mosaic_units = mosaic_stage().plan(config);
  if (!mosaic_units) return std::nullopt;
  Unit unit;
  unit.stage = "regularise";
  unit.key = "map";
  for (const Unit& sheet : *mosaic_units) unit.inputs.insert(unit.inputs.end(), sheet.outputs.begin(), sheet.outputs.end());
  unit.outputs = {Layout(config).regularised(), Layout(config).regularised() + ".aux.xml"};
  unit.config_keys = {"regularise"};
  unit.facts = {"classes = " + Nomenclature::load(config.nomenclature).to_json()};
  unit.run = [config](const Context& context) {
    const RegulariseCounts counts = regularise(command_of(config), context);
    return nlohmann::json{{"pixels", counts.pixels},
                          {"mapped", counts.mapped},
                          {"by_majority", counts.by_majority},
                          {"by_sieve", counts.by_sieve},
                          {"passes", counts.passes}};
  };
  return std::vector<Unit>{std::move(unit)};
}

}  // namespace

Stage regularise_stage() {
  return {.name = "regularise",
          .summary = "removes what is below the minimum mapping unit, if regularise.enabled",
          .reads = "the national map",
          .writes = "the map at 20 m, which publish makes OCS_<edition>_regularised.tif of",
          .command = "regularise",
          .example = "millesime run france-2021.toml --set regularise.enabled=true --from regularise --to regularise",
          .revision = 1,
          .papers = {},
          .options = {"regularise"},
          .kept_when_mending = false,
          .side_by_side = true,
          .units_from = {"catalog"},
          .plan = plan_regularise};
}

}  // namespace millesime
