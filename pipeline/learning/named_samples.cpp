// Which samples of which files; sample_input.h declares these functions.

#include <algorithm>

#include "pipeline/core/error.h"
#include "pipeline/learning/sample_input.h"

namespace millesime {

SampleSelection select_samples(const Samples& samples, const std::string& file, SampleUse use, int seed,
                               const std::optional<std::string>& region) {
  if (use != SampleUse::all && (seed < 0 || seed >= samples.n_seeds))
    throw UserError(join_text(file, ": has splits for seeds 0 to ", samples.n_seeds - 1, ", requested is seed ", seed));
  int region_index = -1;
  if (region) {
    const auto it = std::find(samples.region_names.begin(), samples.region_names.end(), *region);
    if (it == samples.region_names.end()) return {&samples, file, {}};
    region_index = static_cast<int>(it - samples.region_names.begin());
  }
  SampleSelection selection{&samples, file, {}};
  for (std::int64_t i = 0; i < samples.size(); ++i) {
    if (region && samples.region[static_cast<std::size_t>(i)] != region_index) continue;
    if (use != SampleUse::all) {
      const Split split = samples.split_of(i, seed);
      if (split != Split::both && split != (use == SampleUse::learn ? Split::learn : Split::test)) continue;
    }
    selection.rows.push_back(i);
  }
  return selection;
}

std::vector<NamedSamples> load_named(const std::vector<std::string>& files, const std::string& nomenclature, const TableRules& rules,
                                     Progress* progress) {
  std::optional<Nomenclature> classes;
  if (!nomenclature.empty()) classes = Nomenclature::load(nomenclature);
  std::vector<NamedSamples> all;
  for (const auto& file : files)
    for (Samples& part : load_parts(file, classes ? &*classes : nullptr, rules)) {
      if (progress)
        for (const std::string& note : part.notes) progress->note(join_text(file, ": ", note));
      all.push_back({file, std::move(part)});
    }
  std::vector<FilePart> parts;
  for (NamedSamples& named : all) parts.push_back({named.file, &named.samples});
  number_groups(parts);
  return all;
}

std::vector<SampleSelection> select_labelled(const std::vector<NamedSamples>& all, SampleUse use, int seed,
                                             const std::optional<std::string>& region) {
  std::vector<SampleSelection> selections;
  for (const auto& [file, samples] : all) {
    auto selection = select_samples(samples, file, use, seed, region);
    std::erase_if(selection.rows, [&s = samples](std::int64_t row) { return s.label[static_cast<std::size_t>(row)] == 0; });
    if (!selection.rows.empty()) selections.push_back(std::move(selection));
  }
  return selections;
}

}  // namespace millesime
