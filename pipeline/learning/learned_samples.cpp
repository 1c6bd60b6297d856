#include "pipeline/learning/learned_samples.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "pipeline/core/checksum.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace {

bool names_sum(const nlohmann::json& provenance, const std::string& sum) {
  for (const auto& file : provenance.at("samples"))
    if (file.at("xxh3") == sum) return true;
  return provenance.contains("base") && names_sum(provenance.at("base").at("provenance"), sum);
}

// The groups of a selection that have a sample with a digest of this kind: who has seen a part of a polygon knows the rest of it.
template <class IsKnown>
std::unordered_set<std::int64_t> groups_with(const SampleSelection& selection, const std::vector<std::uint64_t>& digests,
                                             const IsKnown& is_known) {
  std::unordered_set<std::int64_t> groups;
  for (std::size_t i = 0; i < digests.size(); ++i)
    if (is_known(digests[i])) groups.insert(selection.samples->group_of(selection.rows[i]));
  return groups;
}

}  // namespace

std::vector<std::uint64_t> digests_of_polygons(const std::vector<NamedSamples>& all, const std::vector<SampleSelection>& selections) {
  std::unordered_set<std::int64_t> groups;
  for (const SampleSelection& selection : selections)
    for (const std::int64_t row : selection.rows) groups.insert(selection.samples->group_of(row));
  std::vector<std::uint64_t> digests;
  for (const NamedSamples& named : all) {
    std::vector<std::int64_t> rows;
    for (std::int64_t row = 0; row < named.samples.size(); ++row)
      if (groups.contains(named.samples.group_of(row))) rows.push_back(row);
    for (const std::uint64_t digest : digests_of(named.samples, rows))
      if (digest != 0 && (digests.empty() || digests.back() != digest))
        digests.push_back(digest);  // samples of a polygon follow each other
  }
  std::ranges::sort(digests);
  digests.erase(std::unique(digests.begin(), digests.end()), digests.end());
  return digests;
}

void LearnedShare::add(const LearnedShare& other) {
  samples += other.samples, known += other.known, all_samples += other.all_samples;
  of_old_digests = of_old_digests || other.of_old_digests;
}

std::string LearnedShare::to_text() const {
  const std::string old =
      of_old_digests ? "the model's digests of samples are of an earlier version and tell no rows of tables: whether it learned from "
                       "these is told of whole files alone"
                     : "";
  if (!any()) return old;
  const double share = 100.0 * static_cast<double>(known) / static_cast<double>(samples);
  const std::string part = samples == all_samples ? join_text(known, " of the ", samples)
                                                  : join_text("about ", fixed(std::max(share, 0.1), 1), " % of the ", all_samples);
  return join_text(part, " samples are of polygons that the model learned from, or was calibrated with: the accuracy is optimistic",
                   old.empty() ? "" : "; ", old);
}

bool knows_file(const ModelSpec& spec, const std::string& file) { return names_sum(spec.provenance.to_json(), xxh3_of_file(file)); }

LearnedShare learned_share(const ModelSpec& spec, const SampleSelection& judging, bool is_whole) {
  SampleSelection labelled = judging;
  std::erase_if(labelled.rows, [&](std::int64_t row) { return judging.samples->label[static_cast<std::size_t>(row)] == 0; });
  LearnedShare share;
  share.all_samples = std::ssize(labelled.rows);
  SampleDigests known = spec.provenance.known;
  if (!judging.samples->reference.empty()) known.merge(spec.provenance.known_polygons);
  share.of_old_digests = judging.samples->reference.empty() && !spec.provenance.known_polygons.empty();
  if (known.empty() || (share.of_old_digests && is_whole && knows_file(spec, judging.file))) {
    share.samples = share.all_samples;
    if (is_whole && knows_file(spec, judging.file)) share.known = share.samples;
    return share;
  }
  const auto digests = digests_of(*judging.samples, labelled.rows);
  const auto groups = groups_with(labelled, digests, [&](std::uint64_t digest) { return known.contains(digest); });
  for (std::size_t i = 0; i < digests.size(); ++i) {
    if (!known.keeps_all() && !known.tells(digests[i])) continue;
    ++share.samples;
    share.known += groups.contains(judging.samples->group_of(labelled.rows[i]));
  }
  return share;
}

std::vector<SampleSelection> without_learned(const std::vector<SampleSelection>& selections, const std::vector<std::uint64_t>& learned) {
  std::vector<SampleSelection> others;
  for (const SampleSelection& selection : selections) {
    SampleSelection other = selection;
    other.rows.clear();
    const auto digests = digests_of(*selection.samples, selection.rows);
    const auto groups = groups_with(selection, digests, [&](std::uint64_t digest) { return std::ranges::binary_search(learned, digest); });
    for (std::size_t i = 0; i < digests.size(); ++i) {
      const bool is_any = digests[i] == 0 && !groups.empty();  // without an observation it may be one of them
      if (!is_any && !groups.contains(selection.samples->group_of(selection.rows[i]))) other.rows.push_back(selection.rows[i]);
    }
    if (!other.rows.empty()) others.push_back(std::move(other));
  }
  return others;
}

std::vector<SampleSelection> fair_samples(const std::string& what, const std::string& use, const std::string& instead,
                                          const std::vector<SampleSelection>& given, const std::vector<std::uint64_t>& learned,
                                          const Context& context) {
  auto fair = without_learned(given, learned);
  if (fair.empty() && !given.empty())
    throw UserError(join_text(what, ": all of its samples learn, too; expected samples of other polygons, or leave out --", use, instead));
  if (const std::int64_t left_out = count_rows(given) - count_rows(fair); left_out > 0)
    context.progress->note(
        join_text(what, ": ", left_out, " of ", count_rows(given), " samples are of polygons that learn, and are left out of the ", use));
  return fair;
}

std::int64_t count_rows(const std::vector<SampleSelection>& selections) {
  std::int64_t rows = 0;
  for (const SampleSelection& selection : selections) rows += std::ssize(selection.rows);
  return rows;
}

}  // namespace millesime
