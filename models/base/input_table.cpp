#include "models/base/input_table.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <utility>

#include "pipeline/core/chance.h"
#include "pipeline/core/checksum.h"
#include "pipeline/core/error.h"
#include "pipeline/core/land_blocks.h"

namespace millesime {
namespace {

std::int64_t bytes_of(const ModelInput& input) {
  std::int64_t bytes = std::int64_t{4} * input.n_statics;
  for (const InputSeries& s : input.series) bytes += std::int64_t{s.dates} * (4 * s.features + 5);
  return bytes;
}

std::string content_of(const ModelInput& input) {
  std::string text;
  const auto add = [&text](const auto& values) {
    text += "\n" + xxh3({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(values[0])});
  };
  for (const InputSeries& s : input.series) text += join_text("\n", s.dates, " x ", s.features), add(s.values), add(s.valid), add(s.days);
  add(input.statics), add(input.target), add(input.group);
  return text;
}

}  // namespace

InputTable::InputTable(const ModelInput& input)
    : InputTable(input.target, input.group, bytes_of(input), input.complete(), "", [&input](std::span<const std::int64_t> samples) {
        return input.subset({samples.begin(), samples.end()});
      }) {
  identity_ = [&input] { return content_of(input); };
}

InputTable::InputTable(ModelInput&& input) {
  const auto own = std::make_shared<const ModelInput>(std::move(input));
  *this = InputTable(*own);
  identity_ = [own] { return content_of(*own); };
  read_ = [own](std::span<const std::int64_t> samples) { return own->subset({samples.begin(), samples.end()}); };
}

InputTable::InputTable(std::vector<int> of_target, std::vector<std::int64_t> of_group, std::int64_t bytes, bool complete,
                       std::string identity, Read read)
    : target(std::move(of_target)),
      group(std::move(of_group)),
      bytes_(bytes),
      complete_(complete),
      identity_([text = std::move(identity)] { return text; }),
      read_(std::move(read)) {}

std::string InputTable::identity() const {
  std::string text = identity_ ? identity_() : "";
  const auto add = [&text](const auto& values) {
    text += "\n" + xxh3({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(values[0])});
  };
  if (rows_) add(*rows_);
  add(target), add(group);
  return text;
}

std::int64_t InputTable::groups() const {
  std::vector<std::int64_t> distinct = group;
  std::ranges::sort(distinct);
  return std::unique(distinct.begin(), distinct.end()) - distinct.begin();
}

ModelInput InputTable::read(std::span<const std::int64_t> samples) const {
  MILLESIME_CHECK(read_, "samples of an empty table");
  if (!rows_) return read_(samples);
  std::vector<std::int64_t> rows;
  rows.reserve(samples.size());
  for (const std::int64_t sample : samples) rows.push_back((*rows_)[static_cast<std::size_t>(sample)]);
  return read_(rows);
}

ModelInput InputTable::all() const {
  if (size() == 0) return {};
  std::vector<std::int64_t> samples(target.size());
  std::iota(samples.begin(), samples.end(), std::int64_t{0});
  return read(samples);
}

InputTable InputTable::subset(const std::vector<std::int64_t>& samples) const {
  InputTable part = *this;
  std::vector<std::int64_t> rows;
  part.target.clear(), part.group.clear(), part.block.clear();
  for (const std::int64_t sample : samples) {
    const auto i = static_cast<std::size_t>(sample);
    rows.push_back(rows_ ? (*rows_)[i] : sample);
    part.target.push_back(target[i]), part.group.push_back(group[i]);
    if (!block.empty()) part.block.push_back(block[i]);
  }
  part.rows_ = std::make_shared<const std::vector<std::int64_t>>(std::move(rows));
  return part;
}

namespace {

using Groups = std::vector<std::int64_t>;

// Of each class its groups, in random order.
std::map<int, Groups> groups_by_class(const InputTable& input, std::mt19937_64& random) {
  std::map<std::int64_t, int> class_of_group;
  for (std::size_t i = 0; i < input.group.size(); ++i) class_of_group.emplace(input.group[i], input.target[i]);
  std::map<int, Groups> groups_of_class;
  for (const auto& [group, target] : class_of_group) groups_of_class[target].push_back(group);
  for (auto& [target, groups] : groups_of_class) shuffle(groups, random);
  return groups_of_class;
}

HoldOut split_by(const InputTable& input, const std::set<std::int64_t>& held_groups) {
  HoldOut split;
  for (std::int64_t i = 0; i < input.size(); ++i)
    (held_groups.contains(input.group[static_cast<std::size_t>(i)]) ? split.held_out : split.learn).push_back(i);
  return split;
}

// Of a class with `groups` groups, how many are held out.
std::size_t share_of(std::size_t groups, double ratio) {
  if (groups < 2) return 0;
  const auto n = static_cast<std::size_t>(std::nearbyint(static_cast<double>(groups) * ratio));
  return ratio > 0 ? std::clamp<std::size_t>(n, 1, groups - 1) : n;
}

// A block, and the classes of its groups.
struct Block {
  Groups groups;
  std::set<int> classes;
};

// In random order; none where there are few.
std::vector<Block> blocks_of(const InputTable& input, const std::map<int, Groups>& by_class, std::mt19937_64& random) {
  if (std::set(input.block.begin(), input.block.end()).size() <= static_cast<std::size_t>(kFewBlocks)) return {};
  std::map<std::int64_t, std::int64_t> block_of_group;
  for (std::size_t i = 0; i < input.group.size(); ++i) block_of_group.emplace(input.group[i], input.block[i]);
  std::map<std::int64_t, Block> blocks;
  for (const auto& [target, groups] : by_class)
    for (const std::int64_t group : groups) {
      Block& block = blocks[block_of_group.at(group)];
      block.groups.push_back(group), block.classes.insert(target);
    }
  std::vector<Block> list;
  for (auto& [number, block] : blocks) list.push_back(std::move(block));
  shuffle(list, random);
  return list;
}

}  // namespace

HoldOut hold_out(const InputTable& input, double ratio, std::int64_t seed) {
  ratio = std::min(ratio, static_cast<double>(kMostHeldOut) / static_cast<double>(std::max<std::int64_t>(input.size(), 1)));
  std::mt19937_64 random(static_cast<std::uint64_t>(seed));
  const auto by_class = groups_by_class(input, random);
  std::set<std::int64_t> held_groups;
  std::set<int> held_classes;
  if (const auto blocks = blocks_of(input, by_class, random); ratio > 0 && !blocks.empty()) {
    std::map<int, int> left;  // blocks of a class that learn
    std::size_t all = 0;
    for (const Block& block : blocks) {
      all += block.groups.size();
      for (const int target : block.classes) ++left[target];
    }
    const double wanted = static_cast<double>(all) * ratio;
    for (const Block& block : blocks) {
      const double with_it = static_cast<double>(held_groups.size() + block.groups.size());
      const bool nearer = std::abs(with_it - wanted) < std::abs(static_cast<double>(held_groups.size()) - wanted);
      if (!nearer || std::ranges::any_of(block.classes, [&](int target) { return left[target] < 2; })) continue;
      held_groups.insert(block.groups.begin(), block.groups.end());
      held_classes.insert(block.classes.begin(), block.classes.end());
      for (const int target : block.classes) --left[target];
    }
  }
  for (const auto& [target, groups] : by_class)
    if (!held_classes.contains(target))
      held_groups.insert(groups.begin(), groups.begin() + static_cast<std::ptrdiff_t>(share_of(groups.size(), ratio)));
  return split_by(input, held_groups);
}

std::vector<HoldOut> hold_out_parts(const InputTable& input, int parts, std::int64_t seed) {
  std::mt19937_64 random(static_cast<std::uint64_t>(seed));
  std::vector<std::set<std::int64_t>> held_groups(static_cast<std::size_t>(parts));
  const auto by_class = groups_by_class(input, random);
  std::map<int, std::vector<int>> in_part;  // of a class, blocks in each part
  // A block goes where its rarest class is rarest.
  std::vector<Block> blocks = blocks_of(input, by_class, random);
  std::map<int, int> of_class;
  for (const Block& block : blocks)
    for (const int target : block.classes) ++of_class[target];
  const auto rarest = [&](const Block& block) {
    return *std::ranges::min_element(block.classes, {}, [&](int target) { return of_class[target]; });
  };
  std::ranges::stable_sort(blocks, {}, [&](const Block& block) { return of_class[rarest(block)]; });
  for (const Block& block : blocks) {
    auto& counts = in_part.try_emplace(rarest(block), std::vector<int>(held_groups.size(), 0)).first->second;
    std::size_t part = 0;
    for (std::size_t k = 1; k < held_groups.size(); ++k)
      if (std::pair(counts[k], held_groups[k].size()) < std::pair(counts[part], held_groups[part].size())) part = k;
    held_groups[part].insert(block.groups.begin(), block.groups.end());
    for (const int target : block.classes) ++in_part.try_emplace(target, std::vector<int>(held_groups.size(), 0)).first->second[part];
  }
  std::size_t next = 0;  // goes on from class to class, so that parts have the same size
  for (const auto& [target, groups] : by_class) {
    const auto counts = in_part.find(target);
    if (counts != in_part.end() && std::ranges::count_if(counts->second, [](int n) { return n > 0; }) > 1) continue;
    // All in one block, or in one part of them: group by group.
    for (const std::int64_t group : groups) {
      for (auto& held : held_groups) held.erase(group);
      if (groups.size() > 1) held_groups[next++ % held_groups.size()].insert(group);
    }
  }
  std::vector<HoldOut> splits;
  for (const auto& held : held_groups)
    if (!held.empty()) splits.push_back(split_by(input, held));
  return splits;
}

}  // namespace millesime
