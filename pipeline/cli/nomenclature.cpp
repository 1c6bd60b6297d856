#include "pipeline/core/nomenclature.h"

#include <iostream>

#include "pipeline/cli/command.h"
#include "pipeline/core/json_text.h"
#include "pipeline/stages/names_language.h"
#include "pipeline/stages/nomenclature_convert.h"

namespace millesime {

void add_nomenclature(CLI::App& app, Program& program) {
  CLI::App& group = add_group(app, program, {"nomenclature", "Show classes, or convert maps to other classes"});
  struct Show {
    std::string nomenclature;
    bool json = false;
    Options declare() {
      Options o;
      o.add("nomenclature", &nomenclature, "a name such as oso23, or a file (TOML, CSV, name:code, iota2's nomenclature.cfg or color.txt)")
          .required()
          .names("nomenclature");
      o.add("json", &json, "as JSON");
      return o;
    }
  };
  add_command<Show>(group, program,
                    {.name = "show",
                     .summary = "Codes, names and colours of a nomenclature",
                     .positional = {"nomenclature"},
                     .examples = {"millesime nomenclature show oso23"},
                     .needs = Needs::nothing},
                    [](Show& command, const Context&) {
                      const Nomenclature nomenclature = Nomenclature::load(command.nomenclature);
                      std::cout << (command.json ? nomenclature.to_json() + "\n" : to_text(nomenclature));
                      return 0;
                    });

  struct Convert {
    std::string map, from, to, output;
    NamesLanguage names;
    Options declare() {
      Options o;
      o.add("map", &map, "class map").path().required();
      o.add("from", &from, "nomenclature of the map").required().names("nomenclature");
      o.add("to", &to, "nomenclature of the result; that of --from must have a mapping to it").required().names("nomenclature");
      names.declare(o);
      o.add("output", &output, "map to write").path().required();
      return o;
    }
  };
  add_command<Convert>(group, program,
                       {.name = "convert",
                        .summary = "Convert a class map to another nomenclature",
                        .positional = {"map"},
                        .examples = {"millesime nomenclature convert OCS_2021.tif --from oso23 --to oso17 -o OCS17_2021.tif"},
                        .needs = Needs::nothing},
                       [](Convert& command, const Context&) {
                         std::cout << json_text(convert_map(command.map, Nomenclature::load(command.from),
                                                            command.names.named(Nomenclature::load(command.to)), command.output),
                                                1)
                                   << "\n";
                         return 0;
                       });
}

}  // namespace millesime
