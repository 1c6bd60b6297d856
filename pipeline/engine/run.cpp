#include "pipeline/engine/run.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <set>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/engine/lock.h"

namespace millesime {
namespace fs = std::filesystem;
namespace {

std::vector<Fingerprint> fingerprints(const std::vector<std::string>& files, const std::vector<Fingerprint>* known) {
  std::vector<Fingerprint> result;
  for (std::size_t i = 0; i < files.size(); ++i)
    result.push_back(known && known->size() == files.size() ? fingerprint(files[i], (*known)[i]) : fingerprint(files[i]));
  return result;
}

void require_unchanged(const std::vector<Fingerprint>& inputs) {
  for (const auto& before : inputs) {
    const Fingerprint now = fingerprint(before.path, before);
    if (now.xxh3 != before.xxh3)
      throw UserError(join_text(before.path, " changed while it was being used; run again when nobody writes it"));
  }
}

// Runs one unit and writes its manifest last.
nlohmann::json execute(const Stage& stage, const Unit& unit, Config& config, const Layout& layout, const Context& context,
                       const std::optional<Manifest>& known) {
  Manifest manifest;
  manifest.unit = unit.name();
  manifest.code = code_of(stage);
  manifest.config = shaping_config(unit, config);
  manifest.inputs = fingerprints(unit.inputs, known ? &known->inputs : nullptr);
  manifest.device = context.device.text();
  manifest.papers = stage.papers;
  // From here on the old outputs no longer have a witness, so that a kill in the middle of replacing them is seen.
  const std::string file = layout.manifest(unit.stage, unit.key);
  fs::remove(file);
  manifest.counts = unit.run(context);
  require_unchanged(manifest.inputs);
  manifest.outputs = fingerprints(unit.outputs, nullptr);
  for (auto& output : manifest.outputs) output.path = fs::path(output.path).lexically_relative(layout.root).string();
  write_manifest(manifest, file);
  return manifest.counts;
}

void run_one(const Stage& stage, const Unit& unit, const std::string& why, Config& world, const Layout& layout, const Context& context,
             RunObserver& observer) {
  observer.unit_starts(unit, why);
  const auto started = std::chrono::steady_clock::now();
  const auto counts = execute(stage, unit, world, layout, context, known_manifest(layout, unit));
  fs::remove(layout.failure(unit.stage, unit.key));
  observer.unit_done(unit, std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count(), counts);
}

}  // namespace

RunOutcome run(const std::vector<Stage>& stages, const Config& config, const Selection& selection, const Context& context,
               RunObserver& observer) {
  check_selection(stages, selection);
  const Layout layout(config);
  const OutputLock lock(layout.work());
  if (!lock.taken_over().empty()) context.progress->note("taking over from a run that did not end in order (" + lock.taken_over() + ")");
  remove_abandoned(layout.root);
  Config world = restricted_to(config, selection);
  write_text(layout.work() + "/effective.toml", world.declare().to_toml());

  RunOutcome outcome;
  std::set<std::string> lacking;  // outputs of failed and blocked units
  bool inside = selection.from.empty();
  for (const Stage& stage : stages) {
    inside = inside || stage.name == selection.from;
    if (!inside) continue;
    Selection only = selection;
    only.from = only.to = stage.name;
    const PlannedStage planned = make_plan(stages, config, only).front();
    if (!planned.known) {
      if (outcome.complete())
        throw UserError(join_text("the stage ", stage.name, " needs results of an earlier stage; run without --from ", selection.from));
      outcome.blocked.push_back(stage.name);
      break;
    }
    std::size_t up_to_date = 0;
    for (const auto& [unit, why] : planned.units) {
      const auto lack = std::ranges::find_if(unit.inputs, [&](const auto& input) { return lacking.contains(input); });
      if (lack != unit.inputs.end()) {
        outcome.blocked.push_back(unit.name());
        lacking.insert(unit.outputs.begin(), unit.outputs.end());
        continue;
      }
      if (why.empty()) {
        ++up_to_date;
        continue;
      }
      try {
        run_one(stage, unit, why, world, layout, context, observer);
        ++outcome.ran;
      } catch (const UserError& error) {
        context.progress->finish();
        outcome.failed.push_back({unit.name(), error.what()});
        lacking.insert(unit.outputs.begin(), unit.outputs.end());
        observer.unit_failed(unit, error.what());
        write_text(layout.failure(unit.stage, unit.key), std::string(error.what()) + "\n");
      }
    }
    outcome.up_to_date += static_cast<int>(up_to_date);
    if (up_to_date > 0) observer.stage_up_to_date(stage, up_to_date);
    if (stage.name == selection.to) break;
  }
  return outcome;
}

RunOutcome run_unit(const std::vector<Stage>& stages, const Config& config, const Selection& selection, const std::string& name,
                    const Context& context, RunObserver& observer) {
  const Layout layout(config);
  const OutputLock lock(layout.work(), Sharing::with_other_tasks);
  const NamedUnit named = unit_named(stages, config, selection, name);
  const Stage& stage = stages[named.stage];
  const Unit& unit = named.unit;
  const WaitingLock own(layout.stage(unit.stage) + "/." + unit.key + ".lock",
                        [&](const std::string& holder) { context.progress->note("waiting for " + holder + ", which works on " + name); });
  for (const auto& output : unit.outputs) remove_abandoned_of(output);
  Config world = restricted_to(config, selection);
  RunOutcome outcome;
  try {
    if (const auto earlier = unfinished_before(stages, world, selection, unit, named.stage + 1); !earlier.empty())
      throw UserError(join_text("not run, because it builds on ", earlier));
    if (const std::string why = reason_in(selection, stage, unit, world); !why.empty()) {
      run_one(stage, unit, why, world, layout, context, observer);
      ++outcome.ran;
    } else {
      ++outcome.up_to_date;
      observer.stage_up_to_date(stage, 1);
    }
  } catch (const UserError& error) {
    context.progress->finish();
    write_text(layout.failure(unit.stage, unit.key), std::string(error.what()) + "\n");
    throw with_context(name, error);
  }
  return outcome;
}

}  // namespace millesime
