#include "models/arch/forest_trainer.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <optional>
#include <random>
#include <span>
#include <utility>

#include "models/arch/forest_bins.h"
#include "pipeline/core/chance.h"
#include "pipeline/core/interruption.h"
#include "pipeline/core/side_by_side.h"

namespace millesime {
namespace {

constexpr std::size_t kCounted = 2048;  // rows of a node from which on a table of counts [bin][class] is faster than sorting by bin
constexpr std::size_t kTogether = 4;    // features of all rows in the bag that are looked up together; of fewer rows, more features

// A sample in the bag of a tree.
struct TrainRow {
  std::uint32_t sample;
  std::uint16_t target, times;  // how often it was drawn
};

struct Split {
  double quality = -1;  // sum of squared class counts / count, of both sides: larger is purer
  int feature = -1, bin = 0;
};

// Class counts of both sides of a split that moves from left to right, with their sums of squares.
class Sides {
 public:
  explicit Sides(int n_classes) : left_(static_cast<std::size_t>(n_classes)), right_(static_cast<std::size_t>(n_classes)) {}

  void begin(const std::vector<std::int64_t>& counts, std::int64_t squares, std::int64_t total) {
    std::ranges::fill(left_, 0);
    right_ = counts;
    left_squares_ = 0, right_squares_ = squares, n_left_ = 0, n_right_ = total;
  }
  void move(std::size_t c, std::int64_t n) {
    left_squares_ += n * (2 * left_[c] + n);
    right_squares_ -= n * (2 * right_[c] - n);
    left_[c] += n, right_[c] -= n;
    n_left_ += n, n_right_ -= n;
  }
  // The quality if it may be above `best`, else -1: most splits are not worth two divisions.
  double quality_above(double best) const {
    const auto left = static_cast<double>(left_squares_), right = static_cast<double>(right_squares_),
               n_left = static_cast<double>(n_left_), n_right = static_cast<double>(n_right_);
    constexpr double kRounding = 1 - 1e-12;  // far more than of these few operations
    if (left * n_right + right * n_left < best * (n_left * n_right) * kRounding) return -1;
    return left / n_left + right / n_right;
  }

 private:
  std::vector<std::int64_t> left_, right_;
  std::int64_t left_squares_ = 0, right_squares_ = 0, n_left_ = 0, n_right_ = 0;
};

// How the bag of a tree is drawn where classes have weights: a class, then one of its samples.
struct ClassDraws {
  std::vector<double> up_to;                        // [class with samples], the sum of the weights of all samples of the classes up to it
  std::vector<std::vector<std::uint32_t>> samples;  // [class with samples]

  std::uint32_t draw(std::mt19937_64& random) const {
    const auto at = std::ranges::upper_bound(up_to, uniform(random) * up_to.back()) - up_to.begin();
    const auto& of_class = samples[std::min(static_cast<std::size_t>(at), samples.size() - 1)];
    return of_class[below(random, of_class.size())];
  }
};

// Empty: samples are drawn alike, whatever their class.
std::optional<ClassDraws> class_draws(const ForestTable& table, double balance) {
  if (balance == 0) return std::nullopt;
  ClassDraws draws;
  draws.samples.resize(static_cast<std::size_t>(table.n_classes));
  for (std::size_t i = 0; i < table.target.size(); ++i) draws.samples[table.target[i]].push_back(static_cast<std::uint32_t>(i));
  std::erase_if(draws.samples, [](const auto& of_class) { return of_class.empty(); });
  double sum = 0;
  for (const auto& of_class : draws.samples) draws.up_to.push_back(sum += std::pow(static_cast<double>(of_class.size()), 1 - balance));
  return draws;
}

class Tree {
 public:
  Tree(const ForestTable& table, const ForestBins& bins, const ForestOptions& options)
      : table_(table),
        bins_(bins),
        options_(options),
        sides_(table.n_classes),
        counts_(static_cast<std::size_t>(table.n_classes)),
        table_of_counts_(static_cast<std::size_t>(kForestBins * table.n_classes)) {
    for (int f = 0; f < table.n_features; ++f) features_.push_back(f);
  }

  TrainedForest grow(int number, const std::optional<ClassDraws>& draws) {
    random_.seed(mix(options_.seed * 0x9e3779b97f4a7c15 + static_cast<std::uint64_t>(number)));
    draw(draws);
    TrainedForest tree;
    tree.importance.assign(static_cast<std::size_t>(table_.n_features), 0);
    tree.root.push_back(0);
    std::vector<Part> todo{{0, rows_.size(), 0, -1, true}};
    while (!todo.empty()) {  // depth first: children come after their parent
      end_if_requested();
      const Part part = todo.back();
      todo.pop_back();
      const auto index = static_cast<std::int32_t>(tree.feature.size());
      if (part.parent >= 0) (part.is_left ? tree.left : tree.right)[static_cast<std::size_t>(part.parent)] = index;
      count(part);
      const Split split = best_split(part);
      tree.left.push_back(-1);
      tree.right.push_back(-1);
      if (split.feature < 0) {
        tree.feature.push_back(-1);
        tree.threshold.push_back(0);
        tree.leaf_class.push_back(static_cast<std::int32_t>(std::ranges::max_element(counts_) - counts_.begin()));
        continue;
      }
      // n x Gini impurity is n - sum of squared counts / n: its decrease is the gain in the latter.
      tree.importance[static_cast<std::size_t>(split.feature)] +=
          split.quality - static_cast<double>(squares_) / static_cast<double>(total_);
      tree.feature.push_back(split.feature);
      tree.threshold.push_back(bins_.thresholds[static_cast<std::size_t>(split.feature)][static_cast<std::size_t>(split.bin)]);
      tree.leaf_class.push_back(-1);
      const std::size_t middle = divide(part, split);
      todo.push_back({middle, part.last, part.depth + 1, index, false});
      todo.push_back({part.first, middle, part.depth + 1, index, true});
    }
    return tree;
  }

 private:
  struct Part {  // rows of a node
    std::size_t first, last;
    int depth;
    std::int32_t parent;
    bool is_left;
    std::size_t size() const { return last - first; }
  };

  void draw(const std::optional<ClassDraws>& draws) {
    const auto n = static_cast<std::size_t>(table_.n_samples);
    std::vector<std::uint16_t> times(n, 0);
    for (std::size_t drawn = 0; drawn < n; ++drawn) {
      const std::size_t i = draws ? draws->draw(random_) : below(random_, n);
      if (times[i] < std::numeric_limits<std::uint16_t>::max()) ++times[i];
    }
    rows_.clear();
    for (std::size_t i = 0; i < n; ++i)
      if (times[i] > 0) rows_.push_back({static_cast<std::uint32_t>(i), table_.target[i], times[i]});
    spare_.resize(rows_.size());
    bin_.resize(kTogether * rows_.size());
  }

  void count(const Part& part) {
    std::ranges::fill(counts_, 0);
    for (std::size_t i = part.first; i < part.last; ++i) counts_[rows_[i].target] += rows_[i].times;
    total_ = squares_ = 0;
    for (const std::int64_t c : counts_) total_ += c, squares_ += c * c;
  }

  Split best_split(const Part& part) {
    Split best;
    if (part.depth >= options_.depth || total_ <= options_.min_split || squares_ == total_ * total_) return best;
    const auto wanted = std::max<std::size_t>(1, static_cast<std::size_t>(std::lround(std::sqrt(table_.n_features))));
    std::size_t tried = 0;
    while (tried < features_.size() && (tried < wanted || best.feature < 0)) {
      const std::size_t first = tried, together = tried < wanted ? std::min(wanted - tried, bin_.size() / part.size()) : 1;
      for (; tried < first + together; ++tried) std::swap(features_[tried], features_[tried + below(random_, features_.size() - tried)]);
      look_up(part, &features_[first], together);
      for (std::size_t k = 0; k < together; ++k) try_feature(part, features_[first + k], &bin_[k * part.size()], best);
    }
    return best;
  }

  // The bins of some features, to bin_ [feature][row].
  void look_up(const Part& part, const int* features, std::size_t n) {
    for (std::size_t i = 0; i < part.size(); ++i) {
      const std::uint8_t* const of_sample = bins_of(rows_[part.first + i]);
      for (std::size_t k = 0; k < n; ++k) bin_[k * part.size() + i] = of_sample[features[k]];
    }
  }

  const std::uint8_t* bins_of(const TrainRow& row) const {
    return bins_.bin.data() + static_cast<std::size_t>(row.sample) * static_cast<std::size_t>(table_.n_features);
  }

  // `bin` [row of the part].
  void try_feature(const Part& part, int feature, const std::uint8_t* bin, Split& best) {
    sides_.begin(counts_, squares_, total_);
    if (part.size() >= kCounted)
      by_counts(part, feature, bin, best);
    else
      by_order(part, feature, bin, best);
  }

  void by_counts(const Part& part, int feature, const std::uint8_t* bins, Split& best) {
    const auto n_classes = static_cast<std::size_t>(table_.n_classes);
    const auto [lowest, highest] = std::ranges::minmax(std::span(bins, part.size()));
    const auto row_of = [&](int bin) { return table_of_counts_.begin() + static_cast<std::ptrdiff_t>(bin) * table_.n_classes; };
    std::fill(row_of(lowest), row_of(highest + 1), 0u);
    for (std::size_t i = 0; i < part.size(); ++i) {
      const TrainRow& row = rows_[part.first + i];
      table_of_counts_[bins[i] * n_classes + row.target] += row.times;
    }
    int last = -1;  // bin that was moved
    for (int bin = lowest; bin <= highest; ++bin) {
      const auto row = row_of(bin);
      if (std::all_of(row, row_of(bin + 1), [](std::uint32_t n) { return n == 0; })) continue;
      if (last >= 0) consider(feature, last, bin, best);
      for (std::size_t c = 0; c < n_classes; ++c)
        if (const std::uint32_t n = row[static_cast<std::ptrdiff_t>(c)]; n > 0) sides_.move(c, n);
      last = bin;
    }
  }

  // Sorted by counting, over the bins that occur alone: most nodes have fewer rows than there are bins.
  void by_order(const Part& part, int feature, const std::uint8_t* bins, Split& best) {
    std::array<std::uint64_t, kForestBins / 64> occurs{};
    for (std::size_t i = 0; i < part.size(); ++i) {
      ++position_[bins[i]];
      occurs[bins[i] / 64] |= std::uint64_t{1} << bins[i] % 64;
    }
    std::uint32_t before = 0;
    for (std::size_t word = 0; word < occurs.size(); ++word)
      for (std::uint64_t left = occurs[word]; left != 0; left &= left - 1) {
        std::uint32_t& position = position_[word * 64 + static_cast<std::size_t>(std::countr_zero(left))];
        before += std::exchange(position, before);
      }
    for (std::size_t i = 0; i < part.size(); ++i) {
      const TrainRow& row = rows_[part.first + i];
      sorted_[position_[bins[i]]++] = {bins[i], row.times, row.target};
    }
    for (std::size_t i = 0; i < part.size(); ++i) {
      if (i > 0 && sorted_[i].bin != sorted_[i - 1].bin) consider(feature, sorted_[i - 1].bin, sorted_[i].bin, best);
      sides_.move(sorted_[i].target, sorted_[i].times);
      position_[sorted_[i].bin] = 0;
    }
  }

  // A split between two bins with rows; bins between them have none, so the threshold is in their middle.
  void consider(int feature, int left, int right, Split& best) const {
    if (const double quality = sides_.quality_above(best.quality); quality > best.quality)
      best = {quality, feature, left + (right - 1 - left) / 2};
  }

  // Rows of the left child first, each side in the order of the samples: neighbours in memory. Returns the first row of the right child.
  std::size_t divide(const Part& part, const Split& split) {
    std::size_t left = part.first, right = 0;
    for (std::size_t i = part.first; i < part.last; ++i) {
      const TrainRow row = rows_[i];
      if (bins_of(row)[split.feature] <= split.bin)
        rows_[left++] = row;
      else
        spare_[right++] = row;
    }
    std::copy_n(spare_.begin(), right, rows_.begin() + static_cast<std::ptrdiff_t>(left));
    return left;
  }

  struct Sorted {
    std::uint16_t bin, times, target;
  };

  const ForestTable& table_;
  const ForestBins& bins_;
  const ForestOptions& options_;
  std::mt19937_64 random_;
  std::vector<TrainRow> rows_, spare_;
  std::vector<std::uint8_t> bin_;  // [feature that is tried][row of the node]
  std::vector<int> features_;      // a permutation: the first ones have been tried
  std::int64_t total_ = 0, squares_ = 0;
  Sides sides_;
  std::vector<std::int64_t> counts_;            // [class], of the node
  std::vector<std::uint32_t> table_of_counts_;  // [bin][class]
  std::array<Sorted, kCounted> sorted_{};
  std::array<std::uint32_t, kForestBins> position_{};  // of the next row of a bin; 0 between calls
};

void append(TrainedForest& forest, const TrainedForest& tree) {
  const auto offset = static_cast<std::int32_t>(forest.feature.size());
  forest.root.push_back(offset);
  const auto moved = [offset](std::int32_t child) { return child < 0 ? child : child + offset; };
  std::ranges::transform(tree.left, std::back_inserter(forest.left), moved);
  std::ranges::transform(tree.right, std::back_inserter(forest.right), moved);
  forest.feature.insert(forest.feature.end(), tree.feature.begin(), tree.feature.end());
  forest.threshold.insert(forest.threshold.end(), tree.threshold.begin(), tree.threshold.end());
  forest.leaf_class.insert(forest.leaf_class.end(), tree.leaf_class.begin(), tree.leaf_class.end());
}

}  // namespace

std::int64_t bytes_of_training(std::int64_t samples, int features, int threads) {
  // of all threads: the class of each sample, and the samples of each class. Of each thread: rows in the bag, space to divide them, how
  // often a sample was drawn, the bins of some features, and a block of floats
  const std::int64_t tree = samples * std::int64_t{2 * sizeof(TrainRow) + sizeof(std::uint16_t) + kTogether} + bytes_of_rows(features);
  return std::max(bytes_of_quantiles(samples, features), samples * features + threads * tree) +
         samples * std::int64_t{sizeof(std::uint16_t) + sizeof(std::uint32_t)};
}

TrainedForest grow_forest(const ForestTable& table, const ForestOptions& options) {
  const ForestBins bins = make_bins(table, options.seed, options.threads);
  const auto draws = class_draws(table, options.class_balance);
  std::vector<TrainedForest> trees(static_cast<std::size_t>(options.trees));
  side_by_side(options.trees, options.threads,
               [&](std::int64_t t) { trees[static_cast<std::size_t>(t)] = Tree(table, bins, options).grow(static_cast<int>(t), draws); });
  TrainedForest forest;
  forest.n_features = table.n_features, forest.n_classes = table.n_classes;
  forest.importance.assign(static_cast<std::size_t>(table.n_features), 0);
  for (const TrainedForest& tree : trees) {
    append(forest, tree);
    std::ranges::transform(forest.importance, tree.importance, forest.importance.begin(), std::plus{});
  }
  const double all = std::accumulate(forest.importance.begin(), forest.importance.end(), 0.0);
  for (double& share : forest.importance) share = all > 0 ? share / all : 0;
  return forest;
}

}  // namespace millesime
