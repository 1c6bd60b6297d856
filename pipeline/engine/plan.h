#pragma once
// The plan: all work units, and for each whether it has to run and why.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "pipeline/core/manifest.h"
#include "pipeline/stages/layout.h"
#include "pipeline/stages/stage.h"

namespace millesime {

struct Selection {
  std::vector<std::string> tiles = {};  // what may be recomputed of tiles; empty: all
  std::string from = {}, to = {};       // stage names; empty: first, last
  bool force = false;
  bool partial = false;  // a map without the tiles that have none, instead of none

  bool chooses(const Unit& unit) const;  // units of no tile are always chosen
};

// UserError if a stage is unknown (suggests the nearest), if `from` comes after `to`, or if the configuration lacks what a chosen stage
// needs.
void check_selection(const std::vector<Stage>& stages, const Config& config, const Selection& selection);

struct PlannedUnit {
  Unit unit;
  std::string why;         // "" = up to date
  std::string needs = {};  // a unit that was never finished and is not to run now; "" = none
  std::string kept = {};   // why it would run without --tiles, which keeps it as it is (mending.h); "" = it would not
};

struct PlannedStage {
  const Stage* stage = nullptr;
  bool known = true;  // false: its units are known once the stages before it have run
  std::vector<PlannedUnit> units;
};

// Stages are planned one after the other: what the earlier ones leave to the later ones.
struct PlanSoFar {
  std::set<std::string> made_anew;                // outputs of units that will run
  std::map<std::string, std::string> unfinished;  // outputs of units that no manifest answers for and that are not to run: unit names
};
// The chosen units of one stage.
PlannedStage plan_stage(const Stage& stage, Config& world, const Selection& selection, PlanSoFar& so_far);
// For a stage that is not to run.
void pass_over(const Stage& stage, Config& world, PlanSoFar& so_far);

// The options that affect a unit, with their values. Paths are none of them: what lies there is an input, and a production is the same
// wherever it lies and however its folders are spelled. `as_known`: facts that are looked up (Unit::looked_up) are taken from there.
std::map<std::string, std::string> shaping_config(const Unit& unit, Config& config, const Manifest* as_known = nullptr);
std::map<std::string, std::string> options_of(const Unit& unit, Config& config);  // of them, those that are keys of the configuration
std::string code_of(const Stage& stage);                                          // program version and stage revision

// Why a unit has to run, or "" if its manifest agrees with configuration, inputs, code and outputs. `known` is that manifest,
// if it exists and is readable. Without a look at the images, these count as unchanged.
enum class Look { at_images, at_results };
std::string reason_to_run(const Stage& stage, const Unit& unit, Config& config, const std::optional<Manifest>& known,
                          Look look = Look::at_images);
// Why the outputs are not those that the manifest knows, or "".
std::string changed_output(const Unit& unit, const Manifest& known, const Config& config);
std::optional<Manifest> known_manifest(const Layout& layout, const Unit& unit);

// The production as the selection sees it. `--tiles` says what may be recomputed, not what the country consists of: the tiles stay
// those of the configuration; with --partial, the chosen ones and those that have a map. UserError for a tile that is not of it.
Config restricted_to(const Config& config, const Selection& selection);

inline constexpr const char* kForced = "--force";  // a reason to run

// One unit by its name, and the position of its stage in `stages`. UserError if there is none (suggests the nearest), or if its stage
// cannot be planned yet.
struct NamedUnit {
  std::size_t stage = 0;
  Unit unit;
};
NamedUnit unit_named(const std::vector<Stage>& stages, const Config& world, const std::string& name);

// Why the unit has to run in this selection, or ""; without regard to earlier units.
std::string reason_in(const Selection& selection, const Stage& stage, const Unit& unit, Config& config, Look look = Look::at_images);

// The units of the first stages, and what is known of them: for the question what has to run before others.
class EarlierUnits {
 public:
  EarlierUnits(const std::vector<Stage>& stages, Config& config, const Selection& selection, std::size_t n_stages);
  // A unit that has to run before this one, with the reason ("classify/T31TCJ (it has no manifest)"), or "". All units that it depends on
  // are checked; the images of its own tile are looked at, those of others were when the plan was made.
  std::string unfinished_before(const Unit& unit);

 private:
  Config& config_;
  Selection selection_;
  struct Earlier {
    const Stage* stage;
    Unit unit;
    std::optional<std::string> lack = {};  // once it was asked for
  };
  std::string lack_of(Earlier& earlier, const std::string& tile);

  std::vector<Earlier> units_;
  std::map<std::string, std::vector<std::size_t>> makers_;  // of each output
};
// Units of one stage in the order in which they can run: those of a wave depend only on earlier waves.
// (The mosaic's map consists of its sheets.)
std::vector<std::vector<PlannedUnit>> in_waves(std::vector<PlannedUnit> units);

// The plan of `stages` in the current state. Units whose inputs other units will make again are planned to run.
std::vector<PlannedStage> make_plan(const std::vector<Stage>& stages, const Config& config, const Selection& selection);

}  // namespace millesime
