#include <cstdio>
#include <iostream>

#include <nlohmann/json.hpp>

#include "pipeline/cli/command.h"
#include "pipeline/core/text.h"
#include "pipeline/engine/site.h"

namespace millesime {
namespace {

// The reference page: every option of a configuration, from its declaration.
std::string option_tables(const Options& options) {
  std::string page, table;
  for (const auto& option : options.all()) {
    const auto dot = option.key().rfind('.');
    const std::string section = dot == std::string::npos ? "" : option.key().substr(0, dot);
    if (section != table || &option == &options.all().front()) {
      page += "\n## " + (section.empty() ? std::string("top level") : "[" + section + "]") +
              "\n\n| key | type | default | unit | range | meaning |\n|---|---|---|---|---|---|\n";
      table = section;
    }
    page += "| `" + option.key() + "` | " + option.type() + " | " +
            (option.is_required() ? "required" : "`" + option.default_text() + "`") + " | " + option.unit() + " | " + option.range_text() +
            " | " + option.help() + " |\n";
  }
  return page;
}

std::string reference_page() {
  Config config;
  Site site;
  return "# Configuration reference\n\nMade from the declarations by `millesime config reference`. Keys are TOML; on the command line "
         "`--set key=value`.\n" +
         option_tables(config.declare()) +
         "\n## [[exogenous]]\n\nAny number of static inputs: `name`, and `path` of a raster of any CRS and resolution.\n"
         "\n# Site reference\n\nOf `millesime submit --site` (configs/sites). The keys of `[stages]` apply to every stage; "
         "`[stages.NAME]` has the same keys for one stage, `[stages.plan]` for the job that submits stages that cannot be planned "
         "before.\n" +
         option_tables(site.declare({}));
}

}  // namespace

void add_config(CLI::App& app, Invocation& invocation) {
  auto* sub = app.add_subcommand("config", "Show a configuration, or the reference of all options");
  sub->require_subcommand(1);
  struct Show {
    std::string config;
    std::vector<std::string> assignments;
    bool json = false;
  };
  auto show = std::make_shared<Show>();
  auto* show_sub = sub->add_subcommand("show", "Every key with value, default, unit and origin");
  show_sub->add_option("config", show->config, "configuration of the production (TOML)")->required()->type_name("CONFIG");
  show_sub->add_option("--set", show->assignments, "set an option, key=value; may be repeated")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->take_all();
  show_sub->add_flag("--json", show->json, "as JSON");
  add_examples(*show_sub, {"millesime config show france.toml"});
  show_sub->callback([&invocation, show] {
    invocation.action = [show] {
      Config loaded = Config::load(show->config, show->assignments);  // every check of a run
      const Options values = loaded.declare();                        // as a run uses them: paths resolved, the recipe of the model applied
      // Compared with defaults, so that the origins of this file's values are kept.
      Config fresh;
      Options options = fresh.declare();
      options.read_toml(show->config, {"exogenous"});
      for (const auto& assignment : show->assignments) options.set(assignment);
      apply_recipe(options, fresh.model.name);
      nlohmann::json list = nlohmann::json::array();
      for (std::size_t i = 0; i < options.all().size(); ++i) {
        const Option& option = options.all()[i];
        const std::string value = values.all()[i].value_text();
        list.push_back({{"key", option.key()},
                        {"value", value},
                        {"default", option.default_text()},
                        {"unit", option.unit()},
                        {"range", option.range_text()},
                        {"origin", option.origin()},
                        {"help", option.help()}});
        if (!show->json)
          std::printf("%-40s = %-24s %s\n%-42s %s (default %s; %s)\n", option.key().c_str(), value.c_str(), option.unit().c_str(), "",
                      option.help().c_str(), option.default_text().c_str(), option.origin().c_str());
      }
      if (show->json) std::cout << list.dump(1) << "\n";
      return 0;
    };
  });
  auto* reference = sub->add_subcommand("reference", "The reference page of every option, as Markdown");
  add_examples(*reference, {"millesime config reference > REFERENCE.md"});
  reference->callback([&invocation] {
    invocation.action = [] {
      std::cout << reference_page();
      return 0;
    };
  });
}

}  // namespace millesime
