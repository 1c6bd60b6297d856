#pragma once
// The data of `millesime status`: every unit of a production, from its manifest, its failure and, on a cluster, the queue.

#include <string>
#include <vector>

#include "pipeline/engine/plan.h"

namespace millesime {

struct UnitStatus {
  std::string stage, key;
  std::string state;   // done, to run, queued, running, failed, damaged; unknown: a stage whose units are not known yet (key "")
  std::string detail;  // why, in words
  std::string log;     // of the last task of the cluster that ran it, "" for none
};

// Of a stage of which nothing was sent yet, the job that is to submit it comes first, as "plan/<stage>". `verify` reads every finished
// output and compares it with its checksum.
std::vector<UnitStatus> status(const std::vector<Stage>& stages, const Config& config, bool verify);

}  // namespace millesime
