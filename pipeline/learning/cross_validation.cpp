#include "pipeline/learning/cross_validation.h"

#include <algorithm>
#include <map>
#include <random>
#include <utility>

#include "pipeline/core/chance.h"
#include "pipeline/core/error.h"

namespace millesime {
namespace {

// Name of the group of a sample. A part of a file (a tile) counts as a file, as if it had not been merged with others.
std::string group_name(const NamedSamples& file, std::size_t file_index, std::size_t sample, GroupBy by) {
  switch (by) {
    case GroupBy::polygon: return std::to_string(file.samples.group_of(static_cast<std::int64_t>(sample)));
    case GroupBy::region: return file.samples.region_names[static_cast<std::size_t>(file.samples.region[sample])];
    case GroupBy::file: return std::to_string(file_index);
  }
  throw Bug("unknown kind of group");
}

struct Group {
  std::vector<std::pair<std::size_t, std::size_t>> samples;  // file, sample
};

}  // namespace

Folds make_folds(const std::vector<NamedSamples>& all, int n_folds, GroupBy by, std::int64_t seed) {
  Folds folds;
  folds.n = n_folds;
  std::map<std::string, std::size_t> index_of_group;
  std::vector<Group> groups;
  for (std::size_t f = 0; f < all.size(); ++f) {
    const Samples& samples = all[f].samples;
    folds.of.emplace_back(samples.label.size(), -1);
    for (std::size_t i = 0; i < samples.label.size(); ++i) {
      if (samples.label[i] == 0) continue;  // not known
      const auto [at, fresh] = index_of_group.emplace(group_name(all[f], f, i, by), groups.size());
      if (fresh) groups.emplace_back();
      groups[at->second].samples.emplace_back(f, i);
    }
  }
  if (groups.size() < static_cast<std::size_t>(n_folds))
    throw UserError(join_text(all.empty() ? "" : all.front().file, ": ", groups.size(), " groups of labelled samples, expected at least ",
                              n_folds, ", one for each fold; use fewer folds"));

  std::map<int, std::vector<const Group*>> groups_of_class;
  for (const Group& group : groups) {
    const auto [f, i] = group.samples.front();
    groups_of_class[all[f].samples.label[i]].push_back(&group);
  }
  std::mt19937_64 random(static_cast<std::uint64_t>(seed));
  std::vector<std::size_t> samples_of_fold(static_cast<std::size_t>(n_folds), 0);
  for (auto& [label, members] : groups_of_class) {
    shuffle(members, random);
    std::ranges::stable_sort(members, std::greater{}, [](const Group* group) { return group->samples.size(); });
    std::vector<std::size_t> of_class(static_cast<std::size_t>(n_folds), 0);
    for (const Group* group : members) {
      std::size_t fold = 0;
      for (std::size_t k = 1; k < of_class.size(); ++k)
        if (std::pair(of_class[k], samples_of_fold[k]) < std::pair(of_class[fold], samples_of_fold[fold])) fold = k;
      of_class[fold] += group->samples.size();
      samples_of_fold[fold] += group->samples.size();
      for (const auto& [f, i] : group->samples) folds.of[f][i] = static_cast<int>(fold);
    }
  }
  return folds;
}

FoldSelections select_fold(const std::vector<NamedSamples>& all, const Folds& folds, int fold) {
  FoldSelections out;
  for (std::size_t f = 0; f < all.size(); ++f) {
    std::vector<std::int64_t> learn, test;
    for (std::size_t i = 0; i < folds.of[f].size(); ++i)
      if (folds.of[f][i] >= 0) (folds.of[f][i] == fold ? test : learn).push_back(static_cast<std::int64_t>(i));
    if (!learn.empty()) out.learn.push_back({&all[f].samples, all[f].file, std::move(learn)});
    if (!test.empty()) out.test.push_back({&all[f].samples, all[f].file, std::move(test)});
  }
  return out;
}

}  // namespace millesime
