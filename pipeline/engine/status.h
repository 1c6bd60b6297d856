#pragma once
// What `millesime status` shows: every unit of a production, from its manifest, its failure and, on a cluster, the queue.

#include <string>
#include <vector>

#include "pipeline/engine/plan.h"

namespace millesime {

struct UnitStatus {
  std::string stage, key;
  std::string state;   // done, to run, queued, running, failed, damaged; unknown: a stage whose units are not known yet (key "")
  std::string detail;  // why, in words
  std::string log;     // of the cluster's task that ran it last, "" for none
};

// `verify` reads every finished output and compares it with its checksum.
std::vector<UnitStatus> status(const std::vector<Stage>& stages, const Config& config, bool verify);

}  // namespace millesime
