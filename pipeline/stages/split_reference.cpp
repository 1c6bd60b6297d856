// Which polygons, or blocks of them, learn, test, and judge the final map: sample.h.

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "pipeline/core/chance.h"
#include "pipeline/core/error.h"
#include "pipeline/core/land_blocks.h"
#include "pipeline/stages/sample.h"

namespace millesime {

std::uint64_t salt_of(const ReferenceOptions& options, std::size_t seed) {
  return mix(static_cast<std::uint64_t>(options.random_seed) + seed);
}

std::uint64_t random_number_of(std::int64_t id, std::uint64_t salt) { return mix(salt ^ static_cast<std::uint64_t>(id)); }

std::vector<std::vector<Split>> split_polygons(const std::vector<std::int64_t>& ids, const std::vector<std::string>& strata,
                                               const ReferenceOptions& options) {
  MILLESIME_CHECK(ids.size() == strata.size(), ids.size(), " polygons, ", strata.size(), " strata");
  std::map<std::string, std::vector<std::size_t>> members;
  for (std::size_t i = 0; i < ids.size(); ++i) members[strata[i]].push_back(i);
  const auto seeds = static_cast<std::size_t>(options.seeds);
  std::vector<std::vector<Split>> splits(seeds, std::vector<Split>(ids.size(), Split::test));
  const double kept_ratio = options.final_ratio < 0 ? options.learn_ratio : 1 - options.final_ratio;
  for (auto& [stratum, polygons] : members) {
    // Orders the polygons by random numbers of their ids and returns how many of them are the share, at least one.
    const auto draw = [&, &of = polygons](std::vector<std::size_t>& order, std::uint64_t salt, double share) {
      order = of;
      std::ranges::sort(order, {}, [&](std::size_t i) { return random_number_of(ids[i], salt); });
      return std::max<std::int64_t>(1, round_half_even(static_cast<double>(of.size()) * share));
    };
    std::vector<std::size_t> order;
    if (options.draws_final_set()) {
      const std::int64_t kept = draw(order, salt_of(options, 0), kept_ratio);
      for (std::size_t k = static_cast<std::size_t>(kept); k < order.size(); ++k)
        for (auto& split : splits) split[order[k]] = Split::final_map;
      order.resize(static_cast<std::size_t>(kept));
      polygons = order;
    }
    for (std::size_t seed = 0; seed < seeds; ++seed) {
      const std::int64_t learners = draw(order, salt_of(options, seed), options.learn_ratio);
      for (std::int64_t k = 0; k < learners; ++k) splits[seed][order[static_cast<std::size_t>(k)]] = Split::learn;
    }
  }
  return splits;
}

std::vector<std::vector<Split>> split_blocks(const std::vector<std::int64_t>& blocks, const std::vector<std::string>& strata,
                                             const ReferenceOptions& options) {
  MILLESIME_CHECK(blocks.size() == strata.size(), blocks.size(), " polygons, ", strata.size(), " strata");
  std::map<std::string, std::set<std::int64_t>> blocks_of;
  for (std::size_t i = 0; i < blocks.size(); ++i) blocks_of[strata[i]].insert(blocks[i]);
  // The share of these blocks, drawn by `seed`; every class has one among them that has one at all.
  const auto draw = [&](const std::set<std::int64_t>& of, std::uint64_t salt, double share) {
    std::vector<std::int64_t> order(of.begin(), of.end());
    std::ranges::sort(order, {}, [&](std::int64_t block) { return random_number_of(block, salt); });
    std::set<std::int64_t> drawn;
    for (const auto& of_stratum : blocks_of) {
      const std::set<std::int64_t>& own = of_stratum.second;
      if (std::ranges::any_of(own, [&](std::int64_t block) { return drawn.contains(block); })) continue;
      const auto first = std::ranges::find_if(order, [&](std::int64_t block) { return own.contains(block); });
      if (first != order.end()) drawn.insert(*first);
    }
    const auto wanted = std::max<std::int64_t>(1, round_half_even(static_cast<double>(order.size()) * share));
    for (const std::int64_t block : order)
      if (std::ssize(drawn) < wanted) drawn.insert(block);
    return drawn;
  };
  std::set<std::int64_t> used(blocks.begin(), blocks.end());
  if (options.draws_final_set())
    used = draw(used, salt_of(options, 0), options.final_ratio < 0 ? options.learn_ratio : 1 - options.final_ratio);
  std::vector<std::vector<Split>> splits;
  for (int seed = 0; seed < options.seeds; ++seed) {
    const auto learners = draw(used, salt_of(options, static_cast<std::size_t>(seed)), options.learn_ratio);
    auto& split = splits.emplace_back();
    for (const std::int64_t block : blocks)
      split.push_back(!used.contains(block) ? Split::final_map : learners.contains(block) ? Split::learn : Split::test);
  }
  return splits;
}

namespace {

std::vector<std::vector<Split>> split_both(const std::vector<std::int64_t>& ids, const std::vector<std::int64_t>& blocks,
                                           const std::vector<std::string>& strata, const ReferenceOptions& options) {
  ReferenceOptions of_blocks = options, of_polygons = options;
  const double tested = (1 - options.learn_ratio) / 2;  // as blocks, and as polygons of what is left
  of_blocks.learn_ratio = 1 - tested, of_polygons.learn_ratio = options.learn_ratio / (1 - tested);
  if (options.draws_final_set()) {
    const double final_ratio = (options.final_ratio < 0 ? 1 - options.learn_ratio : options.final_ratio) / 2;
    of_blocks.final_ratio = final_ratio, of_polygons.final_ratio = final_ratio / (1 - final_ratio);
  }
  const auto by_block = split_blocks(blocks, strata, of_blocks), by_polygon = split_polygons(ids, strata, of_polygons);
  std::vector<std::vector<Split>> splits = by_polygon;
  for (std::size_t seed = 0; seed < splits.size(); ++seed) {
    std::map<std::string, std::vector<std::size_t>> without_learner;  // strata, with their polygons in blocks that learn
    std::set<std::string> learns;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      Split& split = splits[seed][i];
      const Split block = by_block[seed][i];
      if (block == Split::final_map || (block == Split::test && split != Split::final_map)) split = block;
      if (split == Split::learn) learns.insert(strata[i]);
      if (split == Split::test && block == Split::learn) without_learner[strata[i]].push_back(i);
    }
    // The draws do not know of each other: a class whose learning polygons are in blocks that are held out gets another.
    for (const auto& [stratum, polygons] : without_learner)
      if (!learns.contains(stratum))
        splits[seed][*std::ranges::min_element(
            polygons, {}, [&](std::size_t i) { return random_number_of(ids[i], salt_of(options, seed)); })] = Split::learn;
  }
  return splits;
}

}  // namespace

std::vector<std::vector<Split>> split_reference(const std::vector<std::int64_t>& ids, const std::vector<std::int64_t>& blocks,
                                                const std::vector<std::string>& strata, const ReferenceOptions& options) {
  const bool many = std::set<std::int64_t>(blocks.begin(), blocks.end()).size() > kFewBlocks;
  if (options.split == "block") return split_blocks(blocks, strata, options);
  if (options.split == "both" || (options.split == "auto" && many)) return split_both(ids, blocks, strata, options);
  return split_polygons(ids, strata, options);
}

std::string untested_text(const ReferenceOptions& options, const std::vector<std::int64_t>& blocks,
                          const std::vector<std::vector<Split>>& splits) {
  const auto tests = [](const std::vector<Split>& split) { return std::ranges::find(split, Split::test) != split.end(); };
  if (options.split != "block" || options.learn_ratio >= 1 || blocks.empty() || std::ranges::all_of(splits, tests)) return "";
  const std::size_t n = std::set(blocks.begin(), blocks.end()).size();
  return join_text("reference.split = \"block\": expected polygons of each class in several blocks, some of which test; all ",
                   blocks.size(), " polygons of ", options.path, " lie in ", n == 1 ? "one block" : join_text(n, " blocks"), " of ",
                   options.block_km, " km", n == 1 ? "" : ", each of which some class has to learn from",
                   ", so that nothing is left to test; give a smaller reference.block_km, or split = \"polygon\"");
}

}  // namespace millesime
