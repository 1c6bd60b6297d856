#pragma once
// Random forest: every tree votes for a class.
//
//   at a node: right if x[feature] > threshold, else left (so does a NaN)
//   votes[class] = number of trees that end in a leaf of this class; the winner has most, on a tie the lowest class index
//   confidence = votes of the winner / trees (Breiman 2001, "Random forests")

#include <cstdint>
#include <vector>

#include "kernels/base/buffer.h"
#include "kernels/base/host_device.h"

namespace millesime {

// A forest as it is stored: nodes of all trees one after another.
struct ForestArrays {
  int n_features = 0, n_classes = 0;
  std::vector<std::int32_t> root;         // [tree], index of its first node
  std::vector<std::int32_t> feature;      // [node], -1 in a leaf
  std::vector<float> threshold;           // [node]
  std::vector<std::int32_t> left, right;  // [node], index of the children (in all nodes)
  std::vector<std::int32_t> leaf_class;   // [node], class index in a leaf
};

// 8 bytes a node, read in one load: the children of a node are adjacent, a leaf refers to itself.
struct alignas(8) ForestNode {
  float threshold;
  std::uint32_t feature_and_left;  // feature in the upper 12 bits, left child in the lower 20, counted from the tree's first node
};
MILLESIME_HD std::uint32_t node_feature(const ForestNode& node) { return node.feature_and_left >> 20; }
MILLESIME_HD std::uint32_t node_left(const ForestNode& node) { return node.feature_and_left & 0xFFFFFu; }
inline constexpr int kMaxForestFeatures = 4096;
inline constexpr int kMaxTreeNodes = 1 << 20;
inline constexpr int kNodesReadAhead = 32;  // of a tree at once (forest.cpu.h)

struct ForestView {
  int n_trees = 0, n_features = 0, n_classes = 0;
  const ForestNode* nodes = nullptr;         // of all trees, and kNodesReadAhead more, which are never asked for
  const std::uint8_t* leaf_class = nullptr;  // [node]
  const std::int64_t* root = nullptr;        // [tree]
};

// Packs and checks: UserError if the arrays do not describe trees (sizes, a child or feature out of range, a cycle), or if a tree is
// larger than kMaxTreeNodes.
class Forest {
 public:
  Forest() = default;
  explicit Forest(const ForestArrays& arrays, const Stream& stream = {});
  const ForestView& view() const { return view_; }

 private:
  ForestView view_;
  Buffer<ForestNode> nodes_;
  Buffer<std::uint8_t> leaf_class_;
  Buffer<std::int64_t> root_;
};

struct ForestArgs {
  ForestView forest;
  std::int64_t pixels = 0;
  const float* features = nullptr;  // [pixel][feature], without the statics
  int n_statics = 0;                // the last features of the forest are these
  const float* statics = nullptr;   // [pixel][static]; null without statics
  std::uint8_t* winner = nullptr;   // [pixel], class index, may be null
  float* confidence = nullptr;      // [pixel], votes of the winner / trees, may be null
  std::uint16_t* votes = nullptr;   // [pixel][class]
};

void forest(const Stream& stream, const ForestArgs& args);

}  // namespace millesime
