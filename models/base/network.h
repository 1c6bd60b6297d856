#pragma once
// Network: the interface that an architecture implements. Includes torch: only files of models/ include it.

#include <memory>
#include <optional>
#include <vector>

#include <ATen/core/Generator.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include "models/base/classifier.h"

namespace millesime {

// One source, on the network's device. N pixels, T dates, F features.
struct NetworkSeries {
  torch::Tensor values;  // [N,T,F] float, exactly 0 under invalid dates
  torch::Tensor valid;   // [N,T] bool
  torch::Tensor days;    // [N,T] or [1,T] float
};

struct NetworkInput {
  std::vector<NetworkSeries> series;
  torch::Tensor statics;  // [N,S], undefined without statics
  std::int64_t pixels() const { return series.front().values.size(0); }
};

class Network : public torch::nn::Module {
 public:
  virtual torch::Tensor forward(const NetworkInput& input) = 0;  // logits [N,K]
  void draw_from(const at::Generator& random);                   // sets the generator of every Dropout in it
};

// Dropout (Srivastava et al. 2014) that uses its network's generator, not that of the process: concurrent trainings do not influence each
// other, and an interrupted one can continue.
class DropoutImpl : public torch::nn::Module {
 public:
  explicit DropoutImpl(double share) : share_(share) {}
  torch::Tensor forward(const torch::Tensor& x);
  void draw_from(const at::Generator& random) { random_ = random; }

 private:
  double share_;
  std::optional<at::Generator> random_;  // empty: that of the process
};
TORCH_MODULE(Dropout);

// The same as nn::Linear, for layers that read static inputs and other numbers: rows are padded with zeros so that each starts at an
// aligned address. In linear algebra libraries the alignment decides the order in which a few outputs are summed, and the result of a pixel
// must not depend on its position in a batch. x [N,I] -> [N,O]
torch::Tensor joined_linear(const torch::nn::Linear& layer, const torch::Tensor& x);

// UserError for a spec of raw input, or also of several sources, for architectures that cannot read those.
void require_regular_series(const ModelSpec& spec);
void require_one_regular_series(const ModelSpec& spec);

// A batch as tensors on `device`, the device of the batch's pointers. Values are copied with zeros under invalid dates.
NetworkInput to_network_input(const Batch& batch, const ModelSpec& spec, torch::Device device);
torch::Device torch_device(const Device& device);

// The network of a model file, in evaluation mode, on `device`. UserError if a tensor is missing, unknown, or of another shape.
std::shared_ptr<Network> load_network(const ModelFile& file, torch::Device device);

// Fine-tuning: copies the weights of a trained model into `network`, made for `spec`. If the classes differ, those that both know (by
// code, or by name if the nomenclatures differ) keep their weights in the head, and the others stay random. UserError that names the file
// if it is of another architecture, or if tensors differ in shape.
void copy_weights(const ModelFile& from, const ModelSpec& spec, Network& network);

// The weights and buffers of a network as a model file.
ModelFile network_file(const ModelSpec& spec, const Network& network);

}  // namespace millesime
