#pragma once
// Network: what an architecture implements. Includes torch: only files of models/ include it.

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
  void draw_from(const at::Generator& random);                   // what every Dropout in it draws from
};

// Dropout (Srivastava et al. 2014) that draws from its network's generator, not from that of the process: trainings beside each other do
// not disturb each other, and an interrupted one can go on.
class DropoutImpl : public torch::nn::Module {
 public:
  explicit DropoutImpl(double share) : share_(share) {}
  torch::Tensor forward(const torch::Tensor& x);
  void draw_from(const at::Generator& random) { random_ = random; }

 private:
  double share_;
  std::optional<at::Generator> random_;  // nothing: that of the process
};
TORCH_MODULE(Dropout);

// What nn::Linear computes, for the layers that read statics beside other numbers: rows are filled up with zeros so that each starts at an
// aligned address. Where rows start decides in linear algebra libraries in which order a few outputs add up, and a pixel's answer must
// not depend on its place in a batch. x [N,I] -> [N,O]
torch::Tensor joined_linear(const torch::nn::Linear& layer, const torch::Tensor& x);

// UserError for a spec of raw input or several sources, from architectures that cannot read those.
void require_one_regular_series(const ModelSpec& spec);

// A batch as tensors on `device`, whose memory the batch points to. Values are copied with zeros under invalid dates.
NetworkInput to_network_input(const Batch& batch, const ModelSpec& spec, torch::Device device);
torch::Device torch_device(const Device& device);

// The network of a model file, in evaluation mode, on `device`. UserError when a tensor is missing, unknown, or of another shape.
std::shared_ptr<Network> load_network(const ModelFile& file, torch::Device device);

// Fine-tuning: gives `network`, made for `spec`, the weights of a trained model. The head is that of another nomenclature: classes that
// both know (by code, or by name where the nomenclatures differ) keep their weights, the others stay random. UserError that names the file
// where it is of another architecture, or where tensors differ in shape.
void copy_weights(const ModelFile& from, const ModelSpec& spec, Network& network);

// The weights and buffers of a network as a model file.
ModelFile network_file(const ModelSpec& spec, const Network& network);

}  // namespace millesime
