#include "kernels/base/cpu_clones.h"
#include "kernels/ops/forest.cpu.h"
#include "kernels/ops/forest.impl.h"

#include <limits>

#include "pipeline/core/error.h"

namespace millesime {

using ForestOfSeries = ForestBlock<kCpuLanes, false>;
using ForestWithStatics = ForestBlock<kCpuLanes, true>;
MILLESIME_CPU_CLONES(ForestOfSeries);
MILLESIME_CPU_CLONES(ForestWithStatics);

void forest(const Stream& stream, const ForestArgs& args) {
  MILLESIME_CHECK(args.n_statics >= 0 && args.n_statics < args.forest.n_features && (args.n_statics == 0 || args.statics),
                  "forest: ", args.n_statics, " statics of ", args.forest.n_features, " features");
#if MILLESIME_FOREST_IN_REGISTERS
  if (stream.device.kind == Device::Kind::cpu && walks_trees_in_registers())
    return parallel_for(Cpu{stream.threads}, "forest", block_count(args.pixels, kCpuLanes), ForestInRegisters(args));
#endif
  on_backend(stream, [&](const auto& backend) { forest_on(backend, args); });
}

namespace {

ForestNode packed(std::uint32_t feature, float threshold, std::uint32_t left) { return {threshold, feature << 20 | left}; }

void require(bool condition, const std::string& message) {
  if (!condition) throw UserError("random forest: " + message);
}

// Nodes of one tree, breadth first, so that children are adjacent.
void pack_tree(const ForestArrays& forest, std::size_t tree, std::vector<ForestNode>& nodes, std::vector<std::uint8_t>& classes) {
  const auto n_nodes = static_cast<std::int32_t>(forest.feature.size());
  std::vector<std::int32_t> order = {forest.root[tree]};  // nodes in packed order
  const std::size_t first = nodes.size();
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::int32_t node = order[i];
    require(node >= 0 && node < n_nodes, join_text("tree ", tree, " refers to node ", node, " of ", n_nodes));
    const auto at = static_cast<std::size_t>(node);
    const std::int32_t feature = forest.feature[at];
    if (feature < 0) {
      const std::int32_t leaf = forest.leaf_class[at];
      require(leaf >= 0 && leaf < forest.n_classes,
              join_text("tree ", tree, ", leaf ", node, " has class ", leaf, " of ", forest.n_classes));
      nodes.push_back(packed(0, std::numeric_limits<float>::infinity(), static_cast<std::uint32_t>(i)));
      classes.push_back(static_cast<std::uint8_t>(leaf));
      continue;
    }
    require(feature < forest.n_features,
            join_text("tree ", tree, ", node ", node, " asks for feature ", feature, " of ", forest.n_features));
    require(forest.threshold[at] == forest.threshold[at], join_text("tree ", tree, ", node ", node, " has no threshold (NaN)"));
    nodes.push_back(packed(static_cast<std::uint32_t>(feature), forest.threshold[at], static_cast<std::uint32_t>(order.size())));
    classes.push_back(0);
    order.push_back(forest.left[at]);
    order.push_back(forest.right[at]);
    // A tree cannot have more nodes than the file; more means that a node is its own ancestor.
    require(order.size() <= forest.feature.size(), join_text("tree ", tree, " leads back to one of its nodes"));
    require(order.size() <= static_cast<std::size_t>(kMaxTreeNodes), join_text("tree ", tree, " has more than ", kMaxTreeNodes, " nodes"));
  }
  require(nodes.size() - first == order.size(), "packing lost nodes");
}

}  // namespace

Forest::Forest(const ForestArrays& arrays, const Stream& stream) {
  const std::size_t n = arrays.feature.size();
  require(arrays.threshold.size() == n && arrays.left.size() == n && arrays.right.size() == n && arrays.leaf_class.size() == n,
          join_text("arrays of different length: ", n, " features, ", arrays.threshold.size(), " thresholds, ", arrays.left.size(),
                    " left, ", arrays.right.size(), " right, ", arrays.leaf_class.size(), " leaf classes"));
  require(!arrays.root.empty(), "no trees");
  require(arrays.root.size() <= std::numeric_limits<std::uint16_t>::max(), join_text(arrays.root.size(), " trees, at most 65535 can vote"));
  require(arrays.n_classes >= 1 && arrays.n_classes <= 256, join_text(arrays.n_classes, " classes, expected 1 to 256"));
  require(arrays.n_features >= 1 && arrays.n_features <= kMaxForestFeatures,
          join_text(arrays.n_features, " features, expected 1 to ", kMaxForestFeatures));
  std::vector<ForestNode> nodes;
  std::vector<std::uint8_t> classes;
  std::vector<std::int64_t> roots;
  nodes.reserve(n);
  classes.reserve(n);
  for (std::size_t tree = 0; tree < arrays.root.size(); ++tree) {
    roots.push_back(static_cast<std::int64_t>(nodes.size()));
    pack_tree(arrays, tree, nodes, classes);
  }
  nodes.resize(nodes.size() + kNodesReadAhead);
  nodes_ = to_device(stream, nodes);
  leaf_class_ = to_device(stream, classes);
  root_ = to_device(stream, roots);
  stream.synchronize();
  view_ = {static_cast<int>(roots.size()), arrays.n_features, arrays.n_classes, nodes_.data(), leaf_class_.data(), root_.data()};
}

}  // namespace millesime
