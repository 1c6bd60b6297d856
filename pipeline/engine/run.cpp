#include "pipeline/engine/run.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <filesystem>
#include <mutex>
#include <new>
#include <optional>
#include <set>
#include <thread>

#include "kernels/base/device_error.h"
#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/interruption.h"
#include "pipeline/engine/editions.h"
#include "pipeline/engine/lock.h"
#include "pipeline/engine/progress.h"
#include "pipeline/engine/time_left.h"
#include "pipeline/stages/planning.h"
#include "pipeline/stages/tiles.h"

namespace millesime {
namespace fs = std::filesystem;
namespace {

using Clock = std::chrono::steady_clock;

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
      throw UserError(join_text(before.path, " changed while it was being used; run again when no program writes it"));
  }
}

struct Executed {
  nlohmann::json counts;
  std::string edition;  // another one that had made the same; "": it was computed
};

// Runs one unit, or takes what another edition has made of the same, and writes its manifest last.
Executed execute(const Stage& stage, const Unit& unit, Config& config, const Layout& layout, const Context& context,
                 const std::optional<Manifest>& known, bool may_take) {
  Manifest manifest;
  manifest.unit = unit.name();
  manifest.code = code_of(stage);
  manifest.config = shaping_config(unit, config);
  manifest.inputs = fingerprints(unit.inputs, known ? &known->inputs : nullptr);
  manifest.device = context.device.text();
  manifest.papers = stage.papers;
  // From here on the old outputs have no manifest, so that an interruption while they are replaced is detected.
  const std::string file = layout.manifest(unit.stage, unit.key);
  fs::remove(file);
  const auto made = may_take ? take_from_another_edition(unit, manifest, layout) : std::nullopt;
  if (made)
    manifest.counts = made->manifest.counts, manifest.device = made->manifest.device;
  else
    manifest.counts = unit.run(context);
  require_unchanged(manifest.inputs);
  manifest.outputs = fingerprints(unit.outputs, made ? &made->manifest.outputs : nullptr);
  for (auto* files : {&manifest.inputs, &manifest.outputs})
    for (auto& entry : *files) entry.path = path_in_manifest(entry.path, layout.root, config.file);
  write_manifest(manifest, file);
  return {manifest.counts, made ? made->edition : ""};
}

// False: it was taken from another edition.
bool run_one(const Stage& stage, const Unit& unit, const std::string& why, Config& world, const Layout& layout, const Context& context,
             RunObserver& observer) {
  observer.unit_starts(unit, why);
  const auto started = Clock::now();
  const bool may_take = stage.of_any_edition && why != kForced;
  std::error_code kept;
  fs::remove(layout.failure(unit.stage, unit.key), kept);  // of an earlier attempt, whatever becomes of this one
  const Executed done = execute(stage, unit, world, layout, context, known_manifest(layout, unit), may_take);
  if (!done.edition.empty()) {
    observer.unit_taken(unit, done.edition);
    return false;
  }
  observer.unit_done(unit, std::chrono::duration<double>(Clock::now() - started).count(), done.counts);
  return true;
}

std::unique_ptr<WaitingLock> lock_of(const Unit& unit, const Layout& layout, const Context& context) {
  return std::make_unique<WaitingLock>(layout.lock(unit.stage, unit.key), [&](const std::string& holder) {
    context.progress->note(join_text("waiting for ", holder, ", which works on ", unit.name()));
  });
}

// Inside a catch block: what happened, in words.
std::string failure_text() {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return "out of memory; give a smaller --memory, or fewer --jobs, so that less is in memory at a time";
  } catch (const UserError& error) {
    return error.what();
  } catch (const DeviceError& error) {
    return error.what();
  } catch (const Bug& error) {
    return join_text("internal error: ", error.what(), "; please report this");
  } catch (const std::exception& error) {
    return join_text("unexpected error: ", error.what(), "; please report this");
  } catch (...) {
    return "unexpected error of an unknown kind; please report this";
  }
}

// Inside a catch block: every later unit would fail too (device lost), or the program itself is at fault.
bool ends_the_run() {
  try {
    throw;
  } catch (const DeviceLost&) {
    return true;
  } catch (const Bug&) {
    return true;
  } catch (...) {
    return false;
  }
}

// Recorded for `millesime status`. If the disk is full, the run has reported the failure and continues without a record.
void record_failure(const Layout& layout, const Unit& unit, const std::string& message, const Context& context) {
  try {
    write_text(layout.failure(unit.stage, unit.key), message + "\n");
  } catch (const UserError& error) {
    context.progress->note(error.what());
  }
}

// The units of one wave that have to run, several at a time.
class Wave {
 public:
  Wave(const Stage& stage, const Config& world, const Layout& layout, const Context& context, RunObserver& observer, RunOutcome& outcome)
      : stage_(stage), world_(world), layout_(layout), context_(context), observer_(observer), outcome_(outcome) {}

  // Returns the outputs that are missing now.
  std::set<std::string> run(const std::vector<const PlannedUnit*>& units, int jobs) {
    units_ = units, jobs_ = jobs;
    if (jobs == 1) {
      work(context_, false);
    } else {
      JointProgress joint(join_text(stage_.name, " (", jobs, " units concurrently)"), *context_.progress);
      std::vector<std::unique_ptr<Progress>> parts;
      std::vector<std::jthread> workers;
      for (int job = 0; job < jobs; ++job) {
        Context share = share_of(context_, job, jobs);
        share.progress = parts.emplace_back(joint.part()).get();
        workers.emplace_back([this, share] { work(share, true); });
      }
    }
    if (fatal_) std::rethrow_exception(fatal_);
    return lacking_;
  }

 private:
  void work(const Context& context, bool side_by_side) {
    Config world = world_;
    LockedObserver observer(*this);
    while (const auto place = next()) {
      const PlannedUnit* planned = units_[*place];
      try {
        const auto own = lock_of(planned->unit, layout_, context);  // `status` sees that it runs
        const bool ran = run_one(stage_, planned->unit, planned->why, world, layout_, context, observer);
        const std::lock_guard lock(mutex_);
        ++(ran ? outcome_.ran : outcome_.taken);
        time_left_.ends(*place, Clock::now());
        tell_the_rest();
      } catch (const Interrupted&) {  // no failure: the unit runs again
        const std::lock_guard lock(mutex_);
        if (!fatal_) fatal_ = std::current_exception();
        next_ = units_.size();
      } catch (...) {
        const std::string message = failure_text();
        const std::lock_guard lock(mutex_);
        if (!side_by_side) context.progress->finish();
        time_left_.ends(*place, Clock::now());
        outcome_.failed.push_back({planned->unit.name(), message});
        lacking_.insert(planned->unit.outputs.begin(), planned->unit.outputs.end());
        observer_.unit_failed(planned->unit, message);
        record_failure(layout_, planned->unit, message, context);
        if (!ends_the_run()) continue;
        if (!fatal_) fatal_ = std::current_exception();
        next_ = units_.size();  // units that run beside it end first
      }
    }
  }

  // The place of the next unit.
  std::optional<std::size_t> next() {
    const std::lock_guard lock(mutex_);
    if (next_ == units_.size()) return std::nullopt;
    time_left_.begins(next_, Clock::now());
    return next_++;
  }

  void tell_the_rest() {
    if (const std::size_t done = time_left_.ended(); done < units_.size())
      observer_.stage_goes_on(stage_, done, units_.size(), time_left_.seconds(units_.size(), jobs_, Clock::now()));
  }

  // Concurrent units report one at a time.
  class LockedObserver : public RunObserver {
   public:
    explicit LockedObserver(Wave& wave) : wave_(wave) {}
    void unit_starts(const Unit& unit, const std::string& why) override {
      const std::lock_guard lock(wave_.mutex_);
      wave_.observer_.unit_starts(unit, why);
    }
    void unit_done(const Unit& unit, double seconds, const nlohmann::json& counts) override {
      const std::lock_guard lock(wave_.mutex_);
      wave_.observer_.unit_done(unit, seconds, counts);
    }
    void unit_taken(const Unit& unit, const std::string& edition) override {
      const std::lock_guard lock(wave_.mutex_);
      wave_.observer_.unit_taken(unit, edition);
    }
    void unit_failed(const Unit&, const std::string&) override {}
    void stage_up_to_date(const Stage&, std::size_t) override {}

   private:
    Wave& wave_;
  };

  const Stage& stage_;
  const Config& world_;
  const Layout& layout_;
  const Context& context_;
  RunObserver& observer_;
  RunOutcome& outcome_;
  std::vector<const PlannedUnit*> units_;
  int jobs_ = 1;
  TimeLeft time_left_;
  std::size_t next_ = 0;
  std::set<std::string> lacking_;
  std::exception_ptr fatal_;
  std::mutex mutex_;
};

}  // namespace

int units_side_by_side(const Stage& stage, std::size_t units, int wanted, const Context& context, std::int64_t unit_memory) {
  if (!stage.side_by_side || units < 2) return 1;
  const auto most = static_cast<int>(std::min<std::size_t>(units, 1024));
  if (wanted > 0) {  // asked for, but not more than can work at all
    const auto possible = unit_memory > 0 ? std::clamp<std::int64_t>(context.memory_bytes / unit_memory, 1, most) : most;
    return std::min(wanted, static_cast<int>(possible));
  }
  const auto fit = std::clamp<std::int64_t>(context.memory_bytes / std::max(kUnitMemory, unit_memory), 1, most);
  const int places = context.device.kind == Device::Kind::cpu ? context.threads : context.devices;
  return std::min({most, places, static_cast<int>(fit)});
}

Context share_of(const Context& all, int job, int jobs) {
  Context share = all;
  share.threads = std::max(1, all.threads / jobs + (job < all.threads % jobs ? 1 : 0));
  share.memory_bytes = all.memory_bytes / jobs;
  if (all.device.kind != Device::Kind::cpu) share.device.index += job % all.devices, share.devices = 1;
  return share;
}

namespace {

std::int64_t most_memory(const std::vector<const PlannedUnit*>& units) {
  std::int64_t most = 0;
  for (const PlannedUnit* planned : units) most = std::max(most, planned->unit.memory_bytes);
  return most;
}

// For --partial: the production without the tiles that failed. UserError if none is left.
Config without_tiles(const Config& world, const std::set<std::string>& broken) {
  Config rest = world;
  rest.tiles.names.clear();
  for (const auto& tile : tiles_of(world)) (broken.contains(tile) ? rest.tiles.left_out : rest.tiles.names).push_back(tile);
  if (rest.tiles.names.empty()) throw UserError("--partial: every tile failed, there is no map to make; `millesime status` says why");
  return rest;
}

}  // namespace

RunOutcome run(const std::vector<Stage>& stages, const Config& config, const Selection& selection, const Context& context,
               RunObserver& observer, int jobs) {
  check_selection(stages, config, selection);
  const Layout layout(config);
  const OutputLock lock(layout.work());
  if (!lock.taken_over().empty()) context.progress->note("taking over from a run that was interrupted (" + lock.taken_over() + ")");
  if (!lock.note().empty()) context.progress->note(lock.note());
  if (!can_flush_folder(layout.work()))
    context.progress->note(layout.work() + ": this file system cannot flush folders (fsync); files are flushed, new names possibly later");
  remove_abandoned(layout.work());
  remove_abandoned(layout.root, Depth::this_folder);  // cubes have a lock of their own: somebody may be making one
  Config world = restricted_to(config, selection);
  write_text(layout.work() + "/effective.toml", world.to_toml());

  RunOutcome outcome;
  PlanSoFar so_far;
  std::set<std::string> lacking, broken;  // outputs of failed and blocked units; tiles that these belong to
  bool inside = selection.from.empty();
  for (const Stage& stage : stages) {
    inside = inside || stage.name == selection.from;
    if (!inside) {
      pass_over(stage, world, so_far);
      continue;
    }
    if (selection.partial && !broken.empty()) world = without_tiles(world, broken);
    so_far.made_anew.clear();
    PlannedStage planned = plan_stage(stage, world, selection, so_far);
    if (!planned.known) {
      if (outcome.complete() && so_far.unfinished.empty())
        throw UserError(join_text("the stage ", stage.name, " needs results of an earlier stage",
                                  selection.from.empty() ? "" : "; run without --from " + selection.from));
      outcome.blocked.push_back(stage.name);
      for (const auto& [output, unit] : so_far.unfinished)
        if (std::ranges::find(outcome.lacking, unit) == outcome.lacking.end()) outcome.lacking.push_back(unit);
      break;
    }
    std::size_t up_to_date = 0;
    for (const auto& wave : in_waves(std::move(planned.units))) {
      std::vector<const PlannedUnit*> to_run;
      for (const auto& unit : wave) {
        if (!unit.needs.empty() || std::ranges::any_of(unit.unit.inputs, [&](const auto& input) { return lacking.contains(input); })) {
          outcome.blocked.push_back(unit.unit.name());
          if (!unit.needs.empty() && std::ranges::find(outcome.lacking, unit.needs) == outcome.lacking.end())
            outcome.lacking.push_back(unit.needs);
          lacking.insert(unit.unit.outputs.begin(), unit.unit.outputs.end());
        } else if (!unit.kept.empty()) {
          ++outcome.kept, observer.unit_kept(unit.unit, unit.kept);
        } else if (unit.why.empty()) {
          ++up_to_date;
        } else {
          to_run.push_back(&unit);
        }
      }
      if (!to_run.empty())
        lacking.merge(Wave(stage, world, layout, context, observer, outcome)
                          .run(to_run, units_side_by_side(stage, to_run.size(), jobs, context, most_memory(to_run))));
      for (const auto& unit : wave)
        if (!unit.unit.tile.empty() && std::ranges::any_of(unit.unit.outputs, [&](const auto& o) { return lacking.contains(o); }))
          broken.insert(unit.unit.tile);
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
  Config world = restricted_to(config, selection);
  const NamedUnit named = [&] {
    const PlanBeingMade now(world);
    return unit_named(stages, world, name);
  }();
  const Stage& stage = stages[named.stage];
  const Unit& unit = named.unit;
  const auto own = lock_of(unit, layout, context);
  for (const auto& output : unit.outputs) remove_abandoned_of(output);
  RunOutcome outcome;
  try {
    std::string why;
    {
      const PlanBeingMade now(world);
      if (const auto earlier = EarlierUnits(stages, world, selection, named.stage + 1).unfinished_before(unit); !earlier.empty())
        throw UserError(join_text("not run, because it depends on ", earlier));
      why = reason_in(selection, stage, unit, world);
    }
    if (!why.empty()) {
      ++(run_one(stage, unit, why, world, layout, context, observer) ? outcome.ran : outcome.taken);
    } else {
      ++outcome.up_to_date;
      observer.stage_up_to_date(stage, 1);
    }
  } catch (const Interrupted&) {
    throw;
  } catch (...) {
    context.progress->finish();
    record_failure(layout, unit, failure_text(), context);
    try {
      throw;
    } catch (const UserError& error) {
      throw with_context(name, error);
    }
  }
  return outcome;
}

}  // namespace millesime
