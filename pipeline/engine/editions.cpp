#include "pipeline/engine/editions.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <vector>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"

namespace millesime {
namespace fs = std::filesystem;
namespace {

bool same_inputs(const Manifest& now, const Manifest& before) {
  return std::ranges::equal(now.inputs, before.inputs, [](const Fingerprint& a, const Fingerprint& b) {
    return a.xxh3 == b.xxh3 && fs::path(a.path).filename() == fs::path(b.path).filename();
  });
}

// The other editions beside this one that have a manifest of the unit, by name.
std::vector<fs::path> editions_with(const Unit& unit, const Layout& layout) {
  std::vector<fs::path> found;
  const fs::path own = fs::path(layout.root).lexically_normal();
  const fs::path manifest = fs::path(layout.manifest(unit.stage, unit.key)).lexically_relative(layout.root);
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(own.parent_path(), error))
    if (entry.path().filename() != own.filename() && fs::exists(entry.path() / manifest, error)) found.push_back(entry.path());
  std::ranges::sort(found);
  return found;
}

std::optional<Manifest> manifest_in(const fs::path& edition, const Unit& unit, const Layout& layout) {
  try {
    return read_manifest((edition / fs::path(layout.manifest(unit.stage, unit.key)).lexically_relative(layout.root)).string());
  } catch (const UserError&) {
    return std::nullopt;  // damaged, or removed since: that edition makes it again
  }
}

// All outputs, or none: false where a file is not what the manifest says.
bool take_outputs(const Unit& unit, const fs::path& edition, const Manifest& before, const Layout& layout) {
  std::vector<std::unique_ptr<AtomicFile>> taken;
  for (std::size_t i = 0; i < unit.outputs.size(); ++i) {
    const fs::path place = fs::path(unit.outputs[i]).lexically_relative(layout.root);
    if (place.string() != before.outputs[i].path) return false;  // its name says the edition
    AtomicFile& file = *taken.emplace_back(std::make_unique<AtomicFile>(unit.outputs[i]));
    std::error_code error;
    fs::remove(file.temporary(), error);
    fs::create_hard_link(edition / place, file.temporary(), error);
    if (error) fs::copy_file(edition / place, file.temporary(), fs::copy_options::overwrite_existing, error);
    if (error || fingerprint(file.temporary(), before.outputs[i]).xxh3 != before.outputs[i].xxh3) return false;
  }
  for (const auto& file : taken) file->commit();
  return true;
}

}  // namespace

std::optional<MadeBefore> take_from_another_edition(const Unit& unit, const Manifest& now, const Layout& layout) {
  for (const fs::path& edition : editions_with(unit, layout)) {
    const auto before = manifest_in(edition, unit, layout);
    if (!before || before->code != now.code || before->config != now.config || !same_inputs(now, *before)) continue;
    if (before->outputs.size() != unit.outputs.size()) continue;
    if (take_outputs(unit, edition, *before, layout)) return MadeBefore{edition.filename().string(), *before};
  }
  return std::nullopt;
}

}  // namespace millesime
