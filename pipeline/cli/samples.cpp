#include <cstdio>
#include <iostream>
#include <optional>

#include "pipeline/cli/command.h"
#include "pipeline/core/counted.h"
#include "pipeline/core/error.h"
#include "pipeline/core/json_text.h"
#include "pipeline/core/nomenclature.h"
#include "pipeline/core/samples.h"
#include "pipeline/core/table_rules.h"
#include "pipeline/engine/run.h"
#include "pipeline/learning/audit.h"
#include "pipeline/learning/unread_options.h"
#include "pipeline/stages/next_samples.h"
#include "pipeline/stages/sample.h"
#include "pipeline/stages/tiles.h"

namespace millesime {
namespace {

void print_summary(const std::vector<Samples>& parts, bool json) {
  std::cout << (json ? json_text(samples_summary(parts), 1) + "\n" : to_text(parts));
}

// A line a unit that runs, and one of what became of the polygons.
class UnitLines : public RunObserver {
 public:
  explicit UnitLines(bool quiet) : quiet_(quiet) {}
  void unit_starts(const Unit& unit, const std::string& why) override {
    if (!quiet_) std::fprintf(stderr, "%s  (%s)\n", unit.name().c_str(), why.c_str());
  }
  void unit_done(const Unit& unit, double, const nlohmann::json& counts) override {
    if (!quiet_ && unit.stage == "sample") std::fprintf(stderr, "%s: %s\n", unit.name().c_str(), text_of_sample_counts(counts).c_str());
  }
  void unit_failed(const Unit&, const std::string&) override {}
  void stage_up_to_date(const Stage&, std::size_t) override {}

 private:
  bool quiet_;
};

// Which tile a polygon in an overlap belongs to is decided by the footprints of all tiles: with some tiles chosen, too, the footprints are
// those of the whole production, and the samples those that it takes.
RunOutcome extract(const Config& config, const std::vector<std::string>& tiles, const Context& context, RunObserver& observer) {
  const Selection chosen{.tiles = tiles, .to = "sample"};
  check_selection(stage_list(), config, chosen);
  restricted_to(config, chosen);  // names a tile that is not of it, before hours of work
  if (!tiles.empty())
    if (const RunOutcome footprints = run(stage_list(), config, {.to = "footprint"}, context, observer); !footprints.complete())
      return footprints;
  return run(stage_list(), config, chosen, context, observer);
}

void require_complete(const RunOutcome& outcome, const std::vector<std::string>& tiles) {
  if (outcome.complete()) return;
  std::string message = "the samples of some tiles could not be extracted";
  for (const auto& failure : outcome.failed) message += "\n  failed: " + failure.unit + ": " + failure.message;
  for (const auto& unit : outcome.blocked) message += "\n  not run, because a unit that it needs is missing: " + unit;
  if (!tiles.empty())
    message +=
        "\nThe footprints of all tiles decide which of them takes a polygon in an overlap; correct the cause, or take a tile that is not "
        "meant out of the configuration (tiles.names)";
  throw UserError(message);
}

void add_extract(CLI::App& group, Program& program) {
  struct Extract {
    ProductionFlags production;
    std::vector<std::string> tiles;
    std::string output;
    Options declare() {
      Options o;
      production.declare(o);
      o.add("tiles", &tiles,
            "only the samples of these tiles, which are those that the whole production takes; the footprints of all tiles are made, too, "
            "since they decide which tile a polygon in an overlap belongs to")
          .names("tile");
      o.add("output", &output, "write the samples to one file; default: one file a tile, as run does").path();
      return o;
    }
  };
  add_command<Extract>(
      group, program,
      {"extract",
       "Extract the series at the pixels of the reference polygons from images",
       {"config"},
       {"millesime samples extract france.toml", "millesime samples extract france.toml --tiles T31TCJ -o toulouse.safetensors"}},
      [](Call<Extract>& call) {
        const Extract& command = call.command;
        const Config config = command.production.load();
        UnitLines observer(call.resources.quiet);
        require_complete(extract(config, command.tiles, call.resources.context(&config), observer), command.tiles);
        std::vector<std::string> files;
        for (const auto& tile : command.tiles.empty() ? tiles_of(config) : command.tiles) files.push_back(Layout(config).samples(tile));
        if (!command.output.empty()) {
          write_parts(join_samples(files), command.output);
          files = {command.output};
        }
        for (const auto& file : files) std::cout << file << "\n";
        return 0;
      });
}

void add_audit(CLI::App& group, Program& program) {
  struct Command : AuditCommand {
    Options declare() {
      Options options = AuditCommand::declare();
      options.add("set", &assignments, "options of `millesime train`, e.g. train.epochs=30; may be repeated")
          .repeated()
          .names("training setting");
      return options;
    }
  };
  add_command<Command>(group, program,
                       {"audit",
                        "List polygons with doubtful labels, judged by models that did not learn from them",
                        {},
                        {"millesime samples audit --samples samples.safetensors -o suspicious.csv",
                         "millesime samples audit --samples samples.safetensors --reference reference.shp -o suspicious.gpkg"}},
                       [](Command& command, const Context& context) {
                         warn(unread_assignments(command.assignments, {command.model}));
                         const auto found = audit(command, context);
                         std::printf("%s that models would label differently, the most suspicious first, in %s\n",
                                     counted(found.size(), "polygon").c_str(), command.output.c_str());
                         return 0;
                       });
}

}  // namespace

void add_samples(CLI::App& app, Program& program) {
  CLI::App& group = add_group(app, program, {"samples", "Labelled series: from images, from and to tables"});
  add_extract(group, program);
  add_audit(group, program);

  struct Import {
    std::string table, output, nomenclature;
    TableRules rules;
    Options declare() {
      Options o;
      o.add("table", &table, "one row a sample: label, optional group, x, y, then <BAND>_<YYYYMMDD>; an empty cell is missing")
          .path()
          .required();
      o.add("output", &output, "samples file to write").path().required();
      o.add("nomenclature", &nomenclature, "for labels that are class names").names("nomenclature");
      rules.declare(o);
      return o;
    }
  };
  add_command<Import>(group, program,
                      {.name = "import",
                       .summary = "Convert a table (CSV) to a samples file",
                       .positional = {"table"},
                       .examples = {"millesime samples import series.csv -o samples.safetensors",
                                    "millesime samples import series.csv --static elevation --missing=-3000 -o samples.safetensors"},
                       .needs = Needs::nothing},
                      [](Import& command, const Context&) {
                        const std::optional<Nomenclature> classes =
                            command.nomenclature.empty() ? std::nullopt : std::optional(Nomenclature::load(command.nomenclature));
                        const std::vector<Samples> parts = read_parts_csv(command.table, classes ? &*classes : nullptr, command.rules);
                        write_parts(parts, command.output);
                        print_summary(parts, false);
                        return 0;
                      });

  struct Export {
    std::string samples, output;
    Options declare() {
      Options o;
      o.add("samples", &samples, "samples file").path().required();
      o.add("output", &output, "table (CSV) to write").path().required();
      return o;
    }
  };
  add_command<Export>(group, program,
                      {.name = "export",
                       .summary = "Convert a samples file to a table (CSV)",
                       .positional = {"samples"},
                       .examples = {"millesime samples export samples.safetensors -o series.csv"},
                       .needs = Needs::nothing},
                      [](Export& command, const Context&) {
                        write_samples_csv(read_parts(command.samples), command.output);
                        return 0;
                      });

  struct Info {
    std::string samples;
    bool json = false;
    TableRules rules;
    Options declare() {
      Options o;
      o.add("samples", &samples, "samples file, .safetensors or .csv").path().required();
      o.add("json", &json, "as JSON");
      rules.declare(o);
      return o;
    }
  };
  add_command<Info>(group, program,
                    {.name = "info",
                     .summary = "Classes, bands, dates and gaps of a samples file",
                     .positional = {"samples"},
                     .examples = {"millesime samples info samples.safetensors"},
                     .needs = Needs::nothing},
                    [](Info& command, const Context&) {
                      print_summary(load_parts(command.samples, nullptr, command.rules), command.json);
                      return 0;
                    });
  add_command<NextSamplesCommand>(
      group, program,
      {.name = "next",
       .summary = "Places whose label would teach most, spread over the map, as polygons to label in a GIS",
       .positional = {"map"},
       .examples =
           {"millesime samples next OCS_2021.tif --uncertainty OCS_2021_uncertainty.tif -o places.gpkg",
            "millesime samples next OCS_2021.tif --uncertainty OCS_2021_uncertainty.tif --polygons parcels.gpkg -o parcels_to_label.gpkg"},
       .needs = Needs::threads},
      [](NextSamplesCommand& command, const Context& context) {
        for (const std::string& line : next_samples(command, context)) std::cout << line << "\n";
        return 0;
      });
}

}  // namespace millesime
