#pragma once
// Runs a plan: unit after unit, each completely or not at all.

#include <string>
#include <vector>

#include "pipeline/engine/plan.h"

namespace millesime {

struct UnitFailure {
  std::string unit, message;
};

struct RunOutcome {
  int ran = 0, up_to_date = 0;
  int kept = 0;                      // by --tiles, though they would run without it
  int taken = 0;                     // from another edition, which had made the same
  std::vector<UnitFailure> failed;   // the others went on
  std::vector<std::string> blocked;  // not run because something they need failed or was never finished
  std::vector<std::string> lacking;  // what of the latter was not to run: "classify/T31TDJ"
  bool complete() const { return failed.empty() && blocked.empty(); }
};

// Events while a plan runs.
class RunObserver {
 public:
  virtual ~RunObserver() = default;
  virtual void unit_starts(const Unit& unit, const std::string& why) = 0;
  virtual void unit_done(const Unit& unit, double seconds, const nlohmann::json& counts) = 0;
  virtual void unit_taken(const Unit&, const std::string& /*edition*/) {}  // instead of being computed
  virtual void unit_failed(const Unit& unit, const std::string& message) = 0;
  virtual void stage_up_to_date(const Stage& stage, std::size_t units) = 0;
  virtual void unit_kept(const Unit&, const std::string& /*why*/) {}  // by --tiles; why: it would run without
  // After each unit of a stage with several: the number done, and an estimate of the remaining time.
  virtual void stage_goes_on(const Stage&, std::size_t /*done*/, std::size_t /*units*/, double /*seconds_left*/) {}
};

// Number of units of a stage that run concurrently, each with its share of threads and memory, on a GPU of its own where there are several.
// It does not change results. `wanted` 0: one a thread, or one a GPU, if each has kUnitMemory and `unit_memory`; one if the stage must not
// be shared.
inline constexpr std::int64_t kUnitMemory = std::int64_t{1} << 30;
int units_side_by_side(const Stage& stage, std::size_t units, int wanted, const Context& context, std::int64_t unit_memory = 0);
// The share of one of `jobs` units that run concurrently.
Context share_of(const Context& all, int job, int jobs);

// Stages are planned one after the other, because the units of one may follow from the results of another. Holds the output
// folder's lock while it runs. The observer is called by one thread at a time.
//
// A unit that fails is recorded (Layout::failure), by whatever exception, and the others go on. Two failures end the run, recorded
// and thrown on: a device that is lost, and a fault of the program (Bug).
RunOutcome run(const std::vector<Stage>& stages, const Config& config, const Selection& selection, const Context& context,
               RunObserver& observer, int jobs = 1);

// Runs one unit, as a task of a cluster does: beside the tasks of other units; a second process on the same unit waits for the first.
// Nothing to do when it is up to date. A failure is recorded for `millesime status` and thrown, also when what the unit builds on is
// not finished (UserError).
RunOutcome run_unit(const std::vector<Stage>& stages, const Config& config, const Selection& selection, const std::string& name,
                    const Context& context, RunObserver& observer);

}  // namespace millesime
