#include "models/arch/forest_trainer.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <random>
#include <span>
#include <utility>

#include "pipeline/core/chance.h"
#include "pipeline/core/interruption.h"
#include "pipeline/core/side_by_side.h"

namespace millesime {
namespace {

constexpr int kBins = 256;
constexpr std::int64_t kSamplesForQuantiles = 1 << 16;
constexpr std::int64_t kRowsAtOnce = 1024;
constexpr std::size_t kCounted = 2048;  // rows of a node from which on a table of counts [bin][class] is faster than sorting by bin
constexpr std::size_t kTogether = 4;    // features of all rows in the bag that are looked up together; of fewer rows, more features

// Every feature as the number of its bin.
struct Bins {
  std::vector<std::vector<float>> thresholds;  // [feature], ascending: bin b has values in (thresholds[b - 1], thresholds[b]]
  std::vector<std::uint8_t> bin;               // [sample][feature]: a node reads some features of some samples, a few cache lines each
};

// A number in [low, high): where a split between the two is made.
float between(float low, float high) {
  const float middle = low / 2 + high / 2;
  return middle >= low && middle < high ? middle : low;
}

// `values`: sorted, without NaN.
std::vector<float> quantile_thresholds(const std::vector<float>& values) {
  std::vector<float> thresholds;
  std::vector<std::size_t> first;  // of each different value
  for (std::size_t i = 0; i < values.size(); ++i)
    if (i == 0 || values[i] != values[i - 1]) first.push_back(i);
  if (first.size() <= kBins) {
    for (std::size_t v = 1; v < first.size(); ++v) thresholds.push_back(between(values[first[v - 1]], values[first[v]]));
    return thresholds;
  }
  for (std::size_t b = 1, v = 0; b < kBins; ++b) {
    const std::size_t rank = b * values.size() / kBins;
    while (v < first.size() && first[v] < rank) ++v;
    if (v == 0 || v == first.size()) continue;
    const float threshold = between(values[first[v] - 1], values[first[v]]);
    if (thresholds.empty() || threshold > thresholds.back()) thresholds.push_back(threshold);
  }
  return thresholds;
}

// Calls use(first, count, rows [sample][feature]) for blocks of `n` samples, `step` apart.
template <class Use>
void in_blocks(const ForestTable& table, std::int64_t n, std::int64_t step, int threads, const Use& use) {
  side_by_side((n + kRowsAtOnce - 1) / kRowsAtOnce, threads, [&](std::int64_t block) {
    const std::int64_t first = block * kRowsAtOnce, count = std::min(kRowsAtOnce, n - first);
    std::vector<std::int64_t> samples;
    for (std::int64_t i = first; i < first + count; ++i) samples.push_back(i * step);
    std::vector<float> rows(static_cast<std::size_t>(count * table.n_features));
    table.read(samples, rows.data());
    use(first, count, rows.data());
  });
}

// The values of a feature in every `step`-th sample, sorted, without NaN.
std::vector<std::vector<float>> sorted_values(const ForestTable& table, std::int64_t step, int threads) {
  const auto n_features = static_cast<std::size_t>(table.n_features);
  const std::int64_t n = (table.n_samples + step - 1) / step;
  std::vector<std::vector<float>> values(n_features, std::vector<float>(static_cast<std::size_t>(n)));
  in_blocks(table, n, step, threads, [&](std::int64_t first, std::int64_t count, const float* rows) {
    for (std::size_t f = 0; f < n_features; ++f)
      for (std::int64_t i = 0; i < count; ++i)
        values[f][static_cast<std::size_t>(first + i)] = rows[static_cast<std::size_t>(i) * n_features + f];
  });
  side_by_side(table.n_features, threads, [&](std::int64_t f) {
    auto& sorted = values[static_cast<std::size_t>(f)];
    std::erase_if(sorted, [](float value) { return std::isnan(value); });
    std::ranges::sort(sorted);
  });
  return values;
}

Bins make_bins(const ForestTable& table, int threads) {
  const std::int64_t n = table.n_samples, step = std::max<std::int64_t>(1, n / kSamplesForQuantiles);
  Bins bins;
  for (const auto& values : sorted_values(table, step, threads)) bins.thresholds.push_back(quantile_thresholds(values));
  bins.bin.resize(static_cast<std::size_t>(table.n_features * n));
  in_blocks(table, n, 1, threads, [&](std::int64_t first, std::int64_t count, const float* rows) {
    std::uint8_t* const to = bins.bin.data() + first * table.n_features;
    for (int f = 0; f < table.n_features; ++f) {
      const auto& thresholds = bins.thresholds[static_cast<std::size_t>(f)];
      for (std::int64_t i = f; i < count * table.n_features; i += table.n_features) {
        const auto bin = std::isnan(rows[i]) ? thresholds.begin() : std::ranges::lower_bound(thresholds, rows[i]);
        to[i] = static_cast<std::uint8_t>(bin - thresholds.begin());
      }
    }
  });
  return bins;
}

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

class Tree {
 public:
  Tree(const ForestTable& table, const Bins& bins, const ForestOptions& options)
      : table_(table),
        bins_(bins),
        options_(options),
        sides_(table.n_classes),
        counts_(static_cast<std::size_t>(table.n_classes)),
        table_of_counts_(static_cast<std::size_t>(kBins * table.n_classes)) {
    for (int f = 0; f < table.n_features; ++f) features_.push_back(f);
  }

  // `accept` [class]: probability that a drawn sample is kept; empty: 1.
  TrainedForest grow(int number, const std::vector<double>& accept) {
    random_.seed(mix(options_.seed * 0x9e3779b97f4a7c15 + static_cast<std::uint64_t>(number)));
    draw(accept);
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

  void draw(const std::vector<double>& accept) {
    const auto n = static_cast<std::size_t>(table_.n_samples);
    std::vector<std::uint16_t> times(n, 0);
    for (std::size_t drawn = 0; drawn < n;) {
      const std::size_t i = below(random_, n);
      if (!accept.empty() && uniform(random_) >= accept[table_.target[i]]) continue;
      ++drawn;
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
    std::array<std::uint64_t, kBins / 64> occurs{};
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
  const Bins& bins_;
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
  std::array<std::uint32_t, kBins> position_{};  // of the next row of a bin; 0 between calls
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

// Weight of each class / the largest weight.
std::vector<double> acceptance(const ForestTable& table, double balance) {
  if (balance == 0) return {};
  std::vector<double> count(static_cast<std::size_t>(table.n_classes)), accept(count.size(), 1);
  for (const auto target : table.target) ++count[target];
  double rarest = static_cast<double>(table.n_samples);
  for (const double n : count)
    if (n > 0) rarest = std::min(rarest, n);
  for (std::size_t c = 0; c < count.size(); ++c)
    if (count[c] > 0) accept[c] = std::pow(count[c] / rarest, -balance);
  return accept;
}

}  // namespace

std::int64_t bytes_of_training(std::int64_t samples, int features, int threads) {
  const std::int64_t quantiles = std::min(samples, 2 * kSamplesForQuantiles) * features * std::int64_t{sizeof(float)};
  // of each thread: rows in the bag, space to divide them, how often a sample was drawn, the bins of some features, and a block of floats
  const std::int64_t tree = samples * std::int64_t{2 * sizeof(TrainRow) + sizeof(std::uint16_t) + kTogether} + kRowsAtOnce * features * 8;
  return std::max(quantiles, samples * features + threads * tree) + samples * std::int64_t{sizeof(std::uint16_t)};
}

TrainedForest grow_forest(const ForestTable& table, const ForestOptions& options) {
  const Bins bins = make_bins(table, options.threads);
  const std::vector<double> accept = acceptance(table, options.class_balance);
  std::vector<TrainedForest> trees(static_cast<std::size_t>(options.trees));
  side_by_side(options.trees, options.threads,
               [&](std::int64_t t) { trees[static_cast<std::size_t>(t)] = Tree(table, bins, options).grow(static_cast<int>(t), accept); });
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
