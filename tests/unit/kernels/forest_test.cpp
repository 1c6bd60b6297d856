#include "kernels/ops/forest.h"

#include <cmath>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pipeline/core/error.h"
#include "tests/support/guarded.h"
#include "tests/support/random_forest.h"
#include "tests/support/series_world.h"

namespace millesime::testing {
namespace {

// One pixel through one tree, as in the contract.
int leaf_of(const ForestArrays& forest, std::size_t tree, const float* x) {
  auto node = static_cast<std::size_t>(forest.root[tree]);
  while (forest.feature[node] >= 0)
    node = static_cast<std::size_t>(x[forest.feature[node]] > forest.threshold[node] ? forest.right[node] : forest.left[node]);
  return forest.leaf_class[node];
}

struct ForestResult {
  std::vector<std::uint8_t> winner;
  std::vector<float> confidence;
  std::vector<std::uint16_t> votes;
};

ForestResult run(const ForestArrays& arrays, const std::vector<float>& features) {
  const Forest packed(arrays);
  ForestArgs args;
  args.forest = packed.view();
  args.pixels = static_cast<std::int64_t>(features.size()) / arrays.n_features;
  Guarded<std::uint8_t> winner(args.pixels);
  Guarded<float> confidence(args.pixels);
  Guarded<std::uint16_t> votes(args.pixels * arrays.n_classes);
  args.features = features.data();
  args.winner = winner.data();
  args.confidence = confidence.data();
  args.votes = votes.data();
  forest(Device{}, args);
  winner.expect_untouched_bands("winner");
  confidence.expect_untouched_bands("confidence");
  votes.expect_untouched_bands("votes");
  return {winner.values(), confidence.values(), votes.values()};
}

TEST(Forest, StaticsAreTheLastFeatures) {
  const ForestArrays arrays = random_forest({11, 300, 17, 6, 5});
  const auto features = random_features(arrays, 300, 9);
  std::vector<float> series, statics;
  for (std::size_t i = 0; i < features.size(); ++i) (i % 17 < 14 ? series : statics).push_back(features[i]);
  const Forest packed(arrays);
  std::vector<std::uint16_t> votes(300 * 6);
  ForestArgs args;
  args.forest = packed.view(), args.pixels = 300, args.features = series.data(), args.votes = votes.data();
  args.n_statics = 3, args.statics = statics.data();
  forest(Device{}, args);
  EXPECT_EQ(votes, run(arrays, features).votes);
  args.statics = nullptr;
  EXPECT_THROW(forest(Device{}, args), Bug);
}

TEST(Forest, VotesAreThoseOfWalkingEachTree) {
  for (const int pixels : {0, 1, 127, 128, 129, 1000}) {
    SCOPED_TRACE(pixels);
    const ForestArrays arrays = random_forest({11, 300, 17, 6, 5});
    const auto features = random_features(arrays, pixels, 9);
    const ForestResult got = run(arrays, features);
    for (std::size_t p = 0; p < static_cast<std::size_t>(pixels); ++p) {
      std::vector<std::uint16_t> votes(6, 0);
      for (std::size_t tree = 0; tree < 11; ++tree) ++votes[static_cast<std::size_t>(leaf_of(arrays, tree, features.data() + p * 17))];
      std::size_t winner = 0;
      for (std::size_t c = 0; c < 6; ++c) {
        ASSERT_EQ(got.votes[p * 6 + c], votes[c]) << "pixel " << p << " class " << c;
        if (votes[c] > votes[winner]) winner = c;
      }
      ASSERT_EQ(got.winner[p], winner);
      ASSERT_EQ(got.confidence[p], static_cast<float>(votes[winner]) / 11.0f);
    }
  }
}

TEST(Forest, ThreadsDoNotChangeVotes) {
  const ForestArrays arrays = random_forest({20, 200, 30, 4, 8});
  const auto features = random_features(arrays, 3000, 2);
  std::vector<std::uint16_t> one;
  with_threads(1, [&] { one = run(arrays, features).votes; });
  with_threads(3, [&] { EXPECT_EQ(run(arrays, features).votes, one); });
}

TEST(Forest, ThresholdsNaNsAndLoneLeaves) {
  ForestArrays arrays;
  arrays.n_features = 1;
  arrays.n_classes = 3;
  arrays.root = {0, 3};
  arrays.feature = {0, -1, -1, -1};
  arrays.threshold = {0.5f, 0, 0, 0};
  arrays.left = {1, -1, -1, -1};
  arrays.right = {2, -1, -1, -1};
  arrays.leaf_class = {-1, 1, 2, 1};  // the second tree is a leaf that says 1
  const ForestResult got = run(arrays, {0.5f, std::nextafter(0.5f, 1.0f), NAN, INFINITY, -INFINITY});
  EXPECT_EQ(got.votes, (std::vector<std::uint16_t>{0, 2, 0, 0, 1, 1, 0, 2, 0, 0, 1, 1, 0, 2, 0}));
  EXPECT_EQ(got.winner, (std::vector<std::uint8_t>{1, 1, 1, 1, 1}));  // a tie goes to the lower class
}

TEST(Forest, RefusesWhatIsNotAForest) {
  const ForestArrays good = random_forest({2, 20, 3, 2, 1});
  const auto refused = [&](const std::function<void(ForestArrays&)>& spoil, const std::string& says) {
    ForestArrays bad = good;
    spoil(bad);
    try {
      const Forest packed(bad);
      ADD_FAILURE() << "accepted: " << says;
    } catch (const UserError& error) {
      EXPECT_NE(std::string(error.what()).find(says), std::string::npos) << error.what();
    }
  };
  refused([](ForestArrays& f) { f.left.pop_back(); }, "different length");
  refused([](ForestArrays& f) { f.root.clear(); }, "no trees");
  refused([](ForestArrays& f) { f.root[1] = -3; }, "refers to node -3");
  refused([](ForestArrays& f) { f.left[0] = 100000; }, "refers to node 100000");
  refused([](ForestArrays& f) { f.right[0] = 0; }, "leads back");
  refused([](ForestArrays& f) { f.feature[0] = 3; }, "asks for feature 3");
  refused([](ForestArrays& f) { f.threshold[0] = NAN; }, "no threshold");
  refused([](ForestArrays& f) { f.leaf_class.assign(f.leaf_class.size(), 2); }, "class 2");
  refused([](ForestArrays& f) { f.n_features = kMaxForestFeatures + 1; }, "features");
  refused([](ForestArrays& f) { f.n_classes = 0; }, "classes");
}

}  // namespace
}  // namespace millesime::testing
