#pragma once
// Shards: a network learns from parts of a batch in parallel, with a result that does not depend on the number of threads. The number of
// parts depends only on the size of the batch. Each part has a copy of the network with the same weights, its own batch statistics ("ghost
// batches", Hoffer et al. 2017) and its own generator; the gradients are added in order. Includes torch.

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "models/base/model_file.h"
#include "models/base/network.h"

namespace millesime {

// core/side_by_side.h, with one thread of LibTorch in each.
void networks_side_by_side(int n, int threads, const std::function<void(int)>& work);

int shards_of(std::int64_t batch);  // number of parts of a batch of this size

class Shards {
 public:
  // `start`: a trained model whose weights are copied (copy_weights); nullptr: random weights drawn from `seed`.
  Shards(const ModelSpec& spec, const ModelFile* start, torch::Device device, int n, std::int64_t seed);

  int size() const { return static_cast<int>(networks_.size()); }
  Network& network(int shard = 0) { return *networks_[static_cast<std::size_t>(shard)]; }  // the optimizer works on the first

  // Gradients of the first network: the sum of those of loss(shard, network, its rows) over the shards. Returns the sum of the losses.
  using Loss = std::function<torch::Tensor(int, Network&, const torch::Tensor&)>;
  double add_gradients(const torch::Tensor& rows, int threads, const Loss& loss);

  void share_statistics();  // running ones, of BatchNorm: all networks get those of the first

 private:
  void mean_statistics();  // the first gets the mean of all

  std::vector<std::shared_ptr<Network>> networks_;
};

}  // namespace millesime
