#pragma once
// Runs a plan: unit after unit, each whole or not at all.

#include <string>
#include <vector>

#include "pipeline/engine/plan.h"

namespace millesime {

struct UnitFailure {
  std::string unit, message;
};

struct RunOutcome {
  int ran = 0, up_to_date = 0;
  std::vector<UnitFailure> failed;   // the others went on
  std::vector<std::string> blocked;  // not run because something they need failed
  bool complete() const { return failed.empty() && blocked.empty(); }
};

// What is told while a plan runs.
class RunObserver {
 public:
  virtual ~RunObserver() = default;
  virtual void unit_starts(const Unit& unit, const std::string& why) = 0;
  virtual void unit_done(const Unit& unit, double seconds, const nlohmann::json& counts) = 0;
  virtual void unit_failed(const Unit& unit, const std::string& message) = 0;
  virtual void stage_up_to_date(const Stage& stage, std::size_t units) = 0;
};

// Stages are planned one after the other, because the units of one may follow from the results of another. Holds the output
// folder's lock while it runs.
RunOutcome run(const std::vector<Stage>& stages, const Config& config, const Selection& selection, const Context& context,
               RunObserver& observer);

// What `millesime status` shows.
struct UnitStatus {
  std::string stage, key, state, detail;  // done, to run, failed, unknown
};
std::vector<UnitStatus> status(const std::vector<Stage>& stages, const Config& config, bool verify);

}  // namespace millesime
