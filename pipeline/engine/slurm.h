#pragma once
// Slurm, through its own commands: job arrays of work units. Nothing here knows stages or manifests.

#include <optional>
#include <string>
#include <vector>

#include "pipeline/engine/site.h"

namespace millesime {

// One job: an array of tasks, each of which ends in one line of shell.
struct ClusterJob {
  std::string name;                // "millesime-classify"
  std::vector<std::string> tasks;  // command lines, quoted; task i of the array runs tasks[i]
  std::string folder;              // where it runs
  std::string log;                 // file; %A and %a stand for job and task
  TaskResources resources;
};

std::string shell_quoted(const std::string& word);  // one word of a shell command
std::string job_script(const ClusterJob& job);      // what sbatch reads

// Sends a script; starts when the jobs in `after` have ended, however they ended. Returns the job's number. UserError with sbatch's
// own words.
std::string send_job(const std::string& script_file, const std::vector<std::string>& after);

struct ClusterTask {
  std::string job;
  int index = 0;      // in its array
  std::string state;  // PENDING, RUNNING...
  std::string node;   // "" while it waits
};
// This user's tasks that wait or run; nothing when no Slurm answers here.
std::optional<std::vector<ClusterTask>> tasks_in_queue();

}  // namespace millesime
