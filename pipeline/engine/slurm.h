#pragma once
// Slurm, through its commands: job arrays of work units. Independent of stages and manifests.

#include <string>
#include <vector>

#include "pipeline/engine/site.h"

namespace millesime {

// One job: an array of tasks, each of which is one line of shell.
struct ClusterJob {
  std::string name;                // "millesime-classify"
  std::vector<std::string> tasks;  // command lines, quoted; task i of the array runs tasks[i]
  std::string folder;              // where it runs
  std::string log;                 // file; %A and %a in its name stand for job and task
  TaskResources resources;
};

std::string shell_quoted(const std::string& word);  // one word of a shell command
std::string job_script(const ClusterJob& job);      // the script for sbatch

// Submits a script; it starts when the jobs in `after` have ended, with or without errors. Returns the job's number. UserError with the
// message of sbatch.
std::string send_job(const std::string& script_file, const std::vector<std::string>& after);

struct ClusterTask {
  std::string job;
  int index = 0;      // in its array
  std::string state;  // PENDING, RUNNING...
  std::string node;   // "" while it waits
};
struct ClusterQueue {
  std::vector<ClusterTask> tasks;  // of this user, that wait or run
  std::string lack;                // "" or why they are not known: "squeue is not in the PATH"
};
ClusterQueue tasks_in_queue();

}  // namespace millesime
