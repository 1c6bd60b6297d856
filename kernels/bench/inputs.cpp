#include "kernels/bench/inputs.h"

#include <cmath>
#include <vector>

#include "pipeline/core/mask_rules.h"

namespace millesime {
namespace {

Series empty_year(int across, int n_masks) {
  Series series;
  series.window = {0, 0, across, across};
  for (int d = 0; d < kDates; ++d) series.dates.push_back(Date::from_ymd(2021, 1, 3) + 12 * d);
  series.bands = {"B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12"};
  series.mask_rules.assign(static_cast<std::size_t>(n_masks), only_zero_is_valid());
  series.masks.resize(static_cast<std::size_t>(kDates * n_masks) * static_cast<std::size_t>(series.window.pixels()));
  const double valid = std::pow(0.6, 1.0 / n_masks);  // of a plane: 60 % of the observations are clear
  std::minstd_rand random(5);
  for (auto& mask : series.masks) mask = random() % 1000 < 1000 * valid ? 0 : 1;
  return series;
}

HostNumbers<std::int16_t> reflectances(std::int64_t n) {
  const auto buffer = numbers<std::int16_t>(n, 200, 6000);
  return HostNumbers<std::int16_t>(buffer.data(), buffer.data() + n);
}

}  // namespace

ForestArrays random_forest() {
  std::mt19937 random(3);
  std::uniform_real_distribution<float> threshold(2500, 7500);
  ForestArrays forest;
  forest.n_features = kForestFeatures;
  forest.n_classes = kClasses;
  for (int tree = 0; tree < kTrees; ++tree) {
    const auto root = static_cast<std::int32_t>(forest.feature.size());
    forest.root.push_back(root);
    const auto add_leaf = [&] {
      forest.feature.push_back(-1);
      forest.threshold.push_back(0);
      forest.left.push_back(-1);
      forest.right.push_back(-1);
      forest.leaf_class.push_back(static_cast<std::int32_t>(random() % kClasses));
    };
    add_leaf();
    std::vector<std::int32_t> leaves = {root};
    while (static_cast<int>(forest.feature.size()) - root + 2 <= kTreeNodes) {
      const std::size_t pick = random() % leaves.size();
      const auto at = static_cast<std::size_t>(leaves[pick]);
      forest.feature[at] = static_cast<std::int32_t>(random() % kForestFeatures);
      forest.threshold[at] = threshold(random);
      forest.left[at] = static_cast<std::int32_t>(forest.feature.size());
      forest.right[at] = forest.left[at] + 1;
      leaves[pick] = forest.left[at];
      leaves.push_back(forest.right[at]);
      add_leaf();
      add_leaf();
    }
  }
  return forest;
}

LtaeWeights random_ltae() {
  std::mt19937 random(5);
  const auto weights = [&](int n) {
    std::uniform_real_distribution<float> around_zero(-0.1f, 0.1f);
    std::vector<float> all(static_cast<std::size_t>(n));
    for (float& weight : all) weight = around_zero(random);
    return all;
  };
  LtaeWeights w;
  w.features = kBands, w.attended = 32, w.heads = 16, w.head_width = 16, w.mlp = 128, w.hidden = 64, w.classes = kClasses;
  w.spectral = weights(32 * kBands), w.spectral_bias = weights(32), w.score = weights(16 * 32), w.position_score = weights(16 * 16);
  w.embed = weights(256 * 32), w.embed_bias = weights(256), w.dense = weights(128 * 256), w.dense_bias = weights(128);
  w.norm_gain = weights(128), w.norm_shift = weights(128), w.hidden_layer = weights(64 * 128), w.hidden_bias = weights(64);
  w.head = weights(kClasses * 64), w.head_bias = weights(kClasses);
  return w;
}

Series year(int across) {
  Series series = empty_year(across, 3);
  const int half = across / 2 + 2;
  series.groups.push_back({{0, 1, 2, 6}, across, across, 1, 0, 1, 0, reflectances(std::int64_t{kDates} * 4 * across * across)});
  series.groups.push_back({{3, 4, 5, 7, 8, 9}, half, half, 0.5, 0.75, 0.5, 0.75, reflectances(std::int64_t{kDates} * 6 * half * half)});
  return series;
}

Series year_on_one_grid(int across) {
  Series series = empty_year(across, 1);
  series.groups.push_back(
      {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, across, across, 1, 0, 1, 0, reflectances(std::int64_t{kDates} * kBands * across * across)});
  return series;
}

}  // namespace millesime
