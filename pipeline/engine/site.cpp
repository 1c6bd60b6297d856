#include "pipeline/engine/site.h"

#include <filesystem>
#include <regex>
#include <utility>

#include "pipeline/core/configs.h"
#include "pipeline/core/error.h"
#include "pipeline/core/nomenclature.h"
#include "pipeline/core/text.h"
#include "pipeline/engine/machine.h"

namespace millesime {
namespace fs = std::filesystem;
namespace {

std::string file_of(const std::string& name_or_file) {
  if (fs::is_regular_file(name_or_file)) return name_or_file;
  const fs::path known = fs::path(configs_folder()) / "sites" / (name_or_file + ".toml");
  if (fs::is_regular_file(known)) return known.string();
  if (const std::string here = name_or_file + ".toml"; fs::is_regular_file(here))
    throw UserError(join_text("--site ", name_or_file, ": expected a file or one of ", join_list(names_in_configs("sites"), ", "),
                              "; did you mean --site ", here, "?"));
  throw UserError(join_text("--site ", name_or_file, ": neither a file nor one of ", join_list(names_in_configs("sites"), ", "), " (",
                            known.parent_path().string(), "); README.md in that folder describes the format"));
}

// What Slurm would refuse only when the tasks are sent, with file and line.
void check_resources(const TaskResources& wanted, const std::string& section, Options& options) {
  const auto place = [&](const char* key) {
    const Option* option = options.find(section + "." + key);
    return join_text(option->origin(), ": ", option->key());
  };
  if (!wanted.memory.empty()) parse_memory(wanted.memory, place("memory"));
  static const std::regex time("[0-9]+(:[0-9]+){0,2}|[0-9]+-[0-9]+(:[0-9]+){0,2}|UNLIMITED|INFINITE", std::regex::icase);
  if (!wanted.time.empty() && !std::regex_match(wanted.time, time))
    throw UserError(join_text(place("time"), ": expected a time of Slurm (minutes, HH:MM:SS or D-HH:MM:SS), got \"", wanted.time, "\""));
  for (const auto& [key, name] :
       {std::pair("partition", wanted.partition), std::pair("account", wanted.account), std::pair("qos", wanted.qos)})
    if (name.find_first_of(" \t\r\n'\"\\#;") != std::string::npos)  // a line of sbatch would end there
      throw UserError(join_text(place(key), ": expected a name, or several joined by commas, got \"", name, "\""));
}

}  // namespace

void TaskResources::declare(Options& o) {
  o.add("partition", &partition, "partition; none: the cluster's default");
  o.add("account", &account, "account that is charged");
  o.add("qos", &qos, "quality of service");
  o.add("time", &time, "time limit of a task, in a format of Slurm: minutes, HH:MM:SS or D-HH:MM:SS; none: the partition's");
  o.add("memory", &memory, "memory of a task, e.g. 8GiB; the program uses at most nine tenths of it");
  o.add("cpus", &cpus, "cores of a task, and threads that it computes with").range(1, 1024);
  o.add("gpus", &gpus, "GPUs of a task").range(0, 16);
  o.add("at_once", &at_once, "maximum number of tasks of the stage that run at the same time; 0: no limit").range(0, 100000);
  o.add("options", &options, "further options of sbatch, e.g. \"--constraint=a100\"");
  o.add("prologue", &prologue, "shell lines before the program starts, e.g. \"module load gdal\"");
  o.add("launcher", &launcher,
        "words before the program, e.g. \"apptainer exec --nv /containers/millesime.sif\"; the job plan, which submits, takes only that of "
        "[stages.plan], and without one the program that submits");
}

Options Site::declare(const std::vector<std::string>& known) {
  Options o;
  o.section("");
  o.add("program", &program, "the program on the nodes; default: the one that submits");
  o.add("largest_array", &largest_array, "maximum number of tasks of one job array: the cluster's MaxArraySize - 1").range(1, 4000000);
  o.section("stages");
  every.declare(o);
  for (const auto& name : known) {
    o.section("stages." + name);
    stages[name].declare(o);
  }
  return o;
}

Site Site::load(const std::string& name_or_file, const std::vector<Stage>& stages) {
  std::vector<std::string> names = {kPlanJob};
  for (const auto& stage : stages) names.push_back(stage.name);
  Site site;
  if (name_or_file.empty()) {
    site.declare(names);
    return site;
  }
  const std::string file = file_of(name_or_file);
  {  // [stages] first: it has the defaults of [stages.NAME]
    Site shared;
    Options options = shared.declare(names);
    options.read_toml(file);
    check_resources(shared.every, "stages", options);
    for (const auto& name : names) check_resources(shared.stages[name], "stages." + name, options);
    site.every = shared.every;
  }
  for (const auto& name : names) site.stages[name] = site.every;
  site.stages[kPlanJob].launcher.clear();  // it submits, and in a container there is no Slurm
  site.declare(names).read_toml(file);
  return site;
}

}  // namespace millesime
