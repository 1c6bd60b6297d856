#pragma once
// Site: the resources that tasks of each stage request from a cluster (configs/sites/*.toml). Every option is declared once, in site.cpp.

#include <map>
#include <string>
#include <vector>

#include "pipeline/core/options.h"
#include "pipeline/stages/stage.h"

namespace millesime {

struct TaskResources {
  std::string partition, account, qos;
  std::string time;    // Slurm's own: minutes, HH:MM:SS, D-HH:MM:SS
  std::string memory;  // 8GiB
  int cpus = 1, gpus = 0;
  int at_once = 0;                    // maximum number of tasks of the stage that run at the same time; 0: no limit
  std::vector<std::string> options;   // further options of sbatch, e.g. "--constraint=a100"
  std::vector<std::string> prologue;  // shell lines before the program starts, e.g. "module load gdal"
  std::string launcher;               // words before the program, e.g. "apptainer exec --nv millesime.sif"

  void declare(Options& options_of_site);  // in the section that is open
};

inline constexpr const char* kPlanJob = "plan";  // the job that submits stages whose units were not known before

struct Site {
  std::string program;                          // "": the program that submits
  int largest_array = 1000;                     // tasks of one job array; Slurm's MaxArraySize - 1
  TaskResources every;                          // [stages]
  std::map<std::string, TaskResources> stages;  // [stages.NAME]; other values are those of [stages]

  // A name in configs/sites, a file, or "" for Slurm's defaults. `known`: the stages that may be named, besides kPlanJob. UserError
  // with file and line.
  static Site load(const std::string& name_or_file, const std::vector<Stage>& known);

  // The declarations of the keys that load() reads; the options point into this Site.
  Options declare(const std::vector<std::string>& known);
};

}  // namespace millesime
