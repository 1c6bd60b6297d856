#pragma once
// Stages and their work units, for the engine. pipeline/stages/stage_list.cpp has all stages, in order.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/core/context.h"
#include "pipeline/core/options.h"

namespace millesime {

struct Config;

// A piece of work that is done completely or not at all.
struct Unit {
  std::string stage, key;                // "classify", "T31TCJ"
  std::string tile;                      // the tile it belongs to, "" for work over all tiles
  std::vector<std::string> inputs;       // files; the unit is up to date only if their content is unchanged
  std::vector<std::string> outputs;      // files, written atomically by run()
  std::vector<std::string> config_keys;  // options (or sections) that affect the result
  std::vector<std::string> facts;        // texts that affect the result, in addition to config and inputs: "NAME = VALUE"
  // Facts that need a look at many files, by name: the state of a tile's images. They are looked up when the unit is compared, and not for
  // the units of other tiles when a single unit runs.
  struct LookedUp {
    std::function<std::string()> look;
    std::function<std::string(const std::string& then, const std::string& now)> change;  // what has changed, in words
  };
  std::map<std::string, LookedUp> looked_up = {};
  std::int64_t memory_bytes = 0;                      // that it needs at least, where that is known and more than usual
  std::function<nlohmann::json(const Context&)> run;  // returns the counts for the manifest
  std::string name() const { return stage + "/" + key; }
};

struct Stage {
  std::string name, summary, reads, writes;  // what `run --dry-run` and the stage's page say of it
  std::string command = {};                  // that does this alone, "classify"; "" for none
  std::string example = {};                  // one command line, which a test runs
  int revision = 1;                          // raised when its results change for the same inputs
  std::vector<std::string> papers;
  // Keys or sections of the configuration that affect its results: those of its units are among them.
  std::vector<std::string> options = {};
  bool kept_when_mending = false;  // `run --tiles` does not run its finished units again (training, and the samples that were learned from)
  bool side_by_side = true;        // units may run concurrently
  bool of_any_edition = false;     // what its units make does not name the edition: another edition of the year may have made the same
  // The stages whose results determine the units of this stage: regions depend on samples, sheets on the grids of the census.
  std::vector<std::string> units_from = {};
  // Stages whose units of all tiles it joins into one result: these were made with the same options.
  std::vector<std::string> joins = {};
  // The units of this stage, or empty if an earlier stage has to run first.
  std::function<std::optional<std::vector<Unit>>(const Config&)> plan;
  // UserError where the configuration lacks what this stage needs; before any stage runs.
  std::function<void(const Config&)> check = nullptr;
  // UserError where a file that the configuration names, and that this stage reads, is missing or lacks what is read in it (a layer, a
  // field): before a run or a plan of one, so that hours of earlier stages are not for nothing.
  std::function<void(const Config&)> check_files = nullptr;
  std::function<bool(const Config&)> kept_while = nullptr;  // kept_when_mending holds only while this does
};

// The whole pipeline, in order.
const std::vector<Stage>& stage_list();

}  // namespace millesime
