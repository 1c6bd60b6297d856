#include "models/arch/mlp.h"

#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include "models/base/network.h"

namespace millesime {
namespace {

namespace nn = torch::nn;

class Mlp : public Network {
 public:
  explicit Mlp(const ModelSpec& spec) {
    require_regular_series(spec);
    const int layers = spec.integer("layers", 1, 16), width = spec.integer("width", 1, kMaxWidth);
    const double dropout = spec.number("dropout", 0, 0.95);
    std::int64_t inputs = spec.n_statics();
    for (std::size_t s = 0; s < spec.sources.size(); ++s)
      inputs += static_cast<std::int64_t>(spec.days_of(s).size()) * spec.sources[s].features();
    layers_ = nn::Sequential();
    for (int layer = 0; layer < layers; ++layer) {
      layers_->push_back(nn::Linear(inputs, width));
      layers_->push_back(nn::BatchNorm1d(width));
      layers_->push_back(nn::ReLU());
      layers_->push_back(Dropout(dropout));
      inputs = width;
    }
    register_module("layers", layers_);
    head_ = register_module("head", nn::Linear(width, spec.n_classes()));
  }

  torch::Tensor forward(const NetworkInput& input) override {
    std::vector<torch::Tensor> parts;
    for (const NetworkSeries& series : input.series) parts.push_back(series.values.flatten(1));  // [N, T F] a source
    if (input.statics.defined()) parts.push_back(input.statics);                                 // [N, S]
    const auto x = parts.size() == 1 ? parts.front() : torch::cat(parts, 1);
    return head_(layers_->forward(x));  // [N, width] -> [N, K]
  }

 private:
  nn::Sequential layers_{nullptr};
  nn::Linear head_{nullptr};
};

}  // namespace

std::shared_ptr<Network> make_mlp(const ModelSpec& spec) { return std::make_shared<Mlp>(spec); }

}  // namespace millesime
