#pragma once
// Joins the branches of several sources. Includes torch.

#include <cstdint>
#include <utility>
#include <vector>

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include "models/base/network.h"

namespace millesime {

// Concatenates the embeddings of the sources. The main source, the first, is used as it is. The others are multiplied by gates that start
// at 0 (as in ReZero, Bachlechner et al. 2021): at first the network is that of the main source, and a branch that does not help has no
// effect. If a sample has no valid observation of a source, a learned vector replaces it. With one source nothing is added or learned.
class SourceJoinImpl : public torch::nn::Module {
 public:
  SourceJoinImpl(int sources, int width);  // width of an embedding

  // embeddings: one [N,width] a source -> [N, sources * width]
  torch::Tensor forward(const std::vector<torch::Tensor>& embeddings, const NetworkInput& input);

  // For a layer that follows, the columns [out,width] that read a source: with its gate, and what they make [out] of the vector that
  // replaces the source; of one source as they are, and nothing. In double precision.
  std::pair<torch::Tensor, torch::Tensor> fold(std::int64_t source, const torch::Tensor& columns) const;

 private:
  torch::Tensor absent_, gate_;  // [sources,width], [sources - 1,width]
};
TORCH_MODULE(SourceJoin);

}  // namespace millesime
