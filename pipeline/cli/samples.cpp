#include <cstdio>
#include <iostream>
#include <optional>

#include "pipeline/cli/command.h"
#include "pipeline/core/error.h"
#include "pipeline/core/nomenclature.h"
#include "pipeline/core/samples.h"
#include "pipeline/engine/run.h"
#include "pipeline/learning/audit.h"
#include "pipeline/stages/sample.h"
#include "pipeline/stages/tiles.h"

namespace millesime {
namespace {

void print_summary(const std::vector<Samples>& parts, bool json) {
  std::cout << (json ? samples_summary(parts).dump(1) + "\n" : to_text(parts));
}

class QuietObserver : public RunObserver {
 public:
  void unit_starts(const Unit& unit, const std::string& why) override {
    std::fprintf(stderr, "%s  (%s)\n", unit.name().c_str(), why.c_str());
  }
  void unit_done(const Unit&, double, const nlohmann::json&) override {}
  void unit_failed(const Unit&, const std::string&) override {}
  void stage_up_to_date(const Stage&, std::size_t) override {}
};

void add_extract(CLI::App& sub, Invocation& invocation) {
  struct Extract {
    std::string config, output;
    std::vector<std::string> assignments, tiles;
    Resources resources;
  };
  auto command = std::make_shared<Extract>();
  auto* extract = sub.add_subcommand("extract", "Extract the series at the pixels of the reference polygons from images");
  extract->add_option("config", command->config, "configuration of the production (TOML)")->required()->type_name("CONFIG");
  extract->add_option("--tiles", command->tiles, "only these tiles")->delimiter(',')->type_name("TILES");
  extract->add_option("-o,--output", command->output, "write the samples of all tiles to one file  [default: one file a tile, as run does]")
      ->type_name("FILE");
  extract->add_option("--set", command->assignments, "set an option, key=value; may be repeated")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->take_all();
  command->resources.add_to(*extract);
  add_examples(*extract,
               {"millesime samples extract france.toml", "millesime samples extract france.toml --tiles T31TCJ -o toulouse.safetensors"});
  extract->callback([&invocation, command] {
    invocation.action = [command] {
      const Config config = Config::load(command->config, command->assignments);
      QuietObserver observer;
      const Selection selection{command->tiles, "", "sample", false};
      const RunOutcome outcome = run(stage_list(), config, selection, command->resources.context(&config), observer);
      if (!outcome.complete()) {
        std::string message = "the samples of some tiles could not be extracted";
        for (const auto& failure : outcome.failed) message += "\n  " + failure.unit + ": " + failure.message;
        throw UserError(message);
      }
      std::vector<std::string> files;
      for (const auto& tile : tiles_of(restricted_to(config, selection))) files.push_back(Layout(config).samples(tile));
      if (!command->output.empty()) {
        write_parts(join_samples(files), command->output);
        files = {command->output};
      }
      for (const auto& file : files) std::cout << file << "\n";
      return 0;
    };
  });
}

void add_audit(CLI::App& sub, Invocation& invocation) {
  struct Command : AuditCommand {
    Options declare() {
      Options options = AuditCommand::declare();
      options.add("set", &assignments, "options of `millesime train`, e.g. train.epochs=30");
      return options;
    }
  };
  add_declared<Command>(sub, invocation,
                        {"audit",
                         "List polygons with doubtful labels, judged by models that did not learn from them",
                         {},
                         {"millesime samples audit --samples samples.safetensors -o suspicious.csv",
                          "millesime samples audit --samples samples.safetensors --reference reference.shp -o suspicious.gpkg"}},
                        [](Command& command, const Context& context) {
                          const auto found = audit(command, context);
                          std::printf("%zu polygons that models would label differently, the most suspicious first, in %s\n", found.size(),
                                      command.output.c_str());
                          return 0;
                        });
}

}  // namespace

void add_samples(CLI::App& app, Invocation& invocation) {
  auto* sub = app.add_subcommand("samples", "Labelled series: from images, from and to tables");
  sub->require_subcommand(1);
  add_extract(*sub, invocation);
  add_audit(*sub, invocation);

  struct Convert {
    std::string input, output, nomenclature;
    bool json = false;
    TableRules tables;
  };
  const auto add_table_rules = [](CLI::App& command, TableRules& rules) {
    Options options;
    rules.declare(options);
    for (const Option& option : options.all()) {
      auto& list = option.key() == "static" ? rules.statics : option.key() == "ignore" ? rules.ignored : rules.missing;
      command.add_option(option.flag(), list, option.help())->delimiter(',')->expected(1)->take_all()->type_name("LIST");
    }
  };
  auto import = std::make_shared<Convert>();
  auto* import_sub = sub->add_subcommand("import", "Convert a table (CSV) to a samples file");
  import_sub
      ->add_option("table", import->input,
                   "one row a sample: label, optional group, x, y, then <BAND>_<YYYYMMDD>; an empty cell is missing")
      ->required()
      ->type_name("CSV");
  import_sub->add_option("-o,--output", import->output, "samples file to write")->required()->type_name("FILE");
  import_sub->add_option("--nomenclature", import->nomenclature, "for labels that are class names")->type_name("NAME");
  add_table_rules(*import_sub, import->tables);
  add_examples(*import_sub, {"millesime samples import series.csv -o samples.safetensors",
                             "millesime samples import series.csv --static elevation --missing=-3000 -o samples.safetensors"});
  import_sub->callback([&invocation, import] {
    invocation.action = [import] {
      const std::optional<Nomenclature> classes =
          import->nomenclature.empty() ? std::nullopt : std::optional(Nomenclature::load(import->nomenclature));
      const Samples samples = read_samples_csv(import->input, classes ? &*classes : nullptr, import->tables);
      write_samples(samples, import->output);
      print_summary({samples}, false);
      return 0;
    };
  });

  auto exported = std::make_shared<Convert>();
  auto* export_sub = sub->add_subcommand("export", "Convert a samples file to a table (CSV)");
  export_sub->add_option("samples", exported->input, "samples file")->required()->type_name("FILE");
  export_sub->add_option("-o,--output", exported->output, "table to write")->required()->type_name("CSV");
  add_examples(*export_sub, {"millesime samples export samples.safetensors -o series.csv"});
  export_sub->callback([&invocation, exported] {
    invocation.action = [exported] {
      write_samples_csv(read_parts(exported->input), exported->output);
      return 0;
    };
  });

  auto info = std::make_shared<Convert>();
  auto* info_sub = sub->add_subcommand("info", "Classes, bands, dates and gaps of a samples file");
  info_sub->add_option("samples", info->input, "samples file, .safetensors or .csv")->required()->type_name("FILE");
  info_sub->add_flag("--json", info->json, "as JSON");
  add_table_rules(*info_sub, info->tables);
  add_examples(*info_sub, {"millesime samples info samples.safetensors"});
  info_sub->callback([&invocation, info] {
    invocation.action = [info] {
      print_summary(load_parts(info->input, nullptr, info->tables), info->json);
      return 0;
    };
  });
}

}  // namespace millesime
