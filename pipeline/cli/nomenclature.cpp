#include "pipeline/core/nomenclature.h"

#include <iostream>

#include "pipeline/cli/command.h"
#include "pipeline/stages/nomenclature_convert.h"

namespace millesime {

void add_nomenclature(CLI::App& app, Invocation& invocation) {
  auto* sub = app.add_subcommand("nomenclature", "Show classes, or convert maps to other classes");
  sub->require_subcommand(1);
  struct Show {
    std::string file;
    bool json = false;
  };
  auto show = std::make_shared<Show>();
  auto* show_sub = sub->add_subcommand("show", "Codes, names and colours of a nomenclature");
  show_sub
      ->add_option("nomenclature", show->file,
                   "a name such as oso23, or a file (TOML, CSV, name:code, iota2's nomenclature.cfg or color.txt)")
      ->required()
      ->type_name("NAME");
  show_sub->add_flag("--json", show->json, "as JSON");
  add_examples(*show_sub, {"millesime nomenclature show oso23"});
  show_sub->callback([&invocation, show] {
    invocation.action = [show] {
      const Nomenclature nomenclature = Nomenclature::load(show->file);
      std::cout << (show->json ? nomenclature.to_json() + "\n" : to_text(nomenclature));
      return 0;
    };
  });

  struct Convert {
    std::string map, from, to, output;
  };
  auto convert = std::make_shared<Convert>();
  auto* convert_sub = sub->add_subcommand("convert", "Convert a class map to another nomenclature");
  convert_sub->add_option("map", convert->map, "class map")->required()->type_name("MAP");
  convert_sub->add_option("--from", convert->from, "nomenclature of the map")->required()->type_name("NAME");
  convert_sub->add_option("--to", convert->to, "nomenclature of the result; that of --from must have a mapping to it")
      ->required()
      ->type_name("NAME");
  convert_sub->add_option("-o,--output", convert->output, "map to write")->required()->type_name("FILE");
  add_examples(*convert_sub, {"millesime nomenclature convert OCS_2021.tif --from oso23 --to oso17 -o OCS17_2021.tif"});
  convert_sub->callback([&invocation, convert] {
    invocation.action = [convert] {
      std::cout << convert_map(convert->map, Nomenclature::load(convert->from), Nomenclature::load(convert->to), convert->output).dump(1)
                << "\n";
      return 0;
    };
  });
}

}  // namespace millesime
