#pragma once
// The plan as Slurm jobs: an array a stage, a task a work unit, each stage after the one before it. A task runs
// `millesime run CONFIG --unit STAGE/KEY`, which decides by manifests: a repeated task ends at once, a task whose inputs failed
// fails with a message, and the others continue.
//
// Units that depend on results (regions with samples, sheets of the grids) cannot be submitted before these exist. The
// stages up to there are submitted, followed by a job "plan" that submits the rest.

#include <map>
#include <string>
#include <vector>

#include "pipeline/engine/plan.h"
#include "pipeline/engine/slurm.h"

namespace millesime {

// The command with which tasks start the program.
struct ClusterCall {
  std::string program, config, folder;  // full paths; folder: where tasks run
  std::vector<std::string> arguments;   // --set and --tiles, as they were given
  std::string site;                     // as it was given
};

// The last task of a unit. "plan/<stage>" is the job that submits <stage> and those after it.
struct SentTask {
  std::string job;
  int index = 0;
  std::string log;
};
using SentTasks = std::map<std::string, SentTask>;  // by unit name
SentTasks sent_tasks(const Layout& layout);
// Those that wait or run now. UserError if tasks were submitted and Slurm does not answer.
SentTasks tasks_under_way(const Layout& layout);

struct StageJobs {
  std::string stage;
  std::vector<std::string> units;              // that are submitted, in the order of the jobs' tasks
  std::vector<std::vector<ClusterJob>> waves;  // jobs that run concurrently, after those of the previous wave
  std::vector<std::string> in_queue;           // numbers of jobs that hold units of this stage already
  std::vector<std::string> units_in_queue;     // these units
  std::vector<std::string> blocked;            // not submitted: "mosaic/c1_r2, because it depends on classify/T31TCJ (...)"
};

// The units to submit. `in_queue`: units that wait or run already, by name.
std::vector<StageJobs> plan_jobs(const std::vector<Stage>& stages, const Config& config, const Selection& selection, const Site& site,
                                 const ClusterCall& call, const SentTasks& in_queue);

struct SentJob {
  std::string stage, job, script;
  std::size_t tasks = 0;
  std::vector<std::string> after;
};
struct Submission {
  std::vector<SentJob> sent;
  std::vector<std::string> units_in_queue, blocked;
};
// Submits it and records it in the folder work/slurm of the output, with the scripts and the logs.
Submission submit(const std::vector<Stage>& stages, const Config& config, const Selection& selection, const Site& site,
                  const ClusterCall& call);

}  // namespace millesime
