#pragma once
// What a stage is, and what the engine needs to know of its work. pipeline/stages/stage_list.cpp has them all, in order.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/core/context.h"
#include "pipeline/core/options.h"

namespace millesime {

struct Config;

// A piece of work that is done whole or not at all.
struct Unit {
  std::string stage, key;                             // "classify", "T31TCJ"
  std::string tile;                                   // the tile it belongs to, "" for work over all tiles
  std::vector<std::string> inputs;                    // files; their content decides whether the unit is up to date
  std::vector<std::string> outputs;                   // files, written atomically by run()
  std::vector<std::string> config_keys;               // options (or sections) that shape the result
  std::vector<std::string> facts;                     // texts that shape the result, beside config and inputs
  std::function<nlohmann::json(const Context&)> run;  // returns the counts for the manifest
  std::string name() const { return stage + "/" + key; }
};

struct Stage {
  std::string name, summary, reads, writes;
  int revision = 1;  // raised when its results change for the same inputs
  std::vector<std::string> papers;
  bool kept_when_mending = false;  // `run --tiles` leaves its finished units as they are (training)
  bool side_by_side = true;        // units may run beside each other; false where one uses the whole machine by itself (training)
  // The stages whose results decide which units this stage has: regions come from samples, sheets from the grids of the census.
  std::vector<std::string> units_from = {};
  // The units of this stage, or nothing while an earlier stage has to run first to know them.
  std::function<std::optional<std::vector<Unit>>(const Config&)> plan;
};

// The whole pipeline, in order.
const std::vector<Stage>& stage_list();

}  // namespace millesime
