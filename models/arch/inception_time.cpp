#include "models/arch/inception_time.h"

#include <torch/nn/functional/pooling.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

#include "models/base/network.h"
#include "pipeline/core/error.h"

namespace millesime {
namespace {

namespace nn = torch::nn;
using torch::Tensor;

constexpr int kScales = 3;         // parallel convolutions
constexpr int kShortcutEvery = 3;  // modules

nn::Conv1d convolution(int channels, int filters, int kernel) {
  return nn::Conv1d(nn::Conv1dOptions(channels, filters, kernel).padding(kernel / 2).bias(false));
}

class Inception : public nn::Module {
 public:
  Inception(int channels, int filters, int kernel) {
    bottleneck_ = register_module("bottleneck", convolution(channels, filters, 1));
    convolutions_ = register_module("convolutions", nn::ModuleList());
    for (int scale = 0; scale < kScales; ++scale) convolutions_->push_back(convolution(filters, filters, ((kernel >> scale) - 1) | 1));
    pooled_ = register_module("pooled", convolution(channels, filters, 1));
    norm_ = register_module("norm", nn::BatchNorm1d((kScales + 1) * filters));
  }

  // [N,C,T] -> [N, 4 filters, T], before ReLU
  Tensor forward(const Tensor& x) {
    const auto narrow = bottleneck_(x);  // [N,filters,T]
    std::vector<Tensor> parts;
    for (int scale = 0; scale < kScales; ++scale)
      parts.push_back(convolutions_->at<nn::Conv1dImpl>(static_cast<std::size_t>(scale)).forward(narrow));
    parts.push_back(pooled_(nn::functional::max_pool1d(x, nn::functional::MaxPool1dFuncOptions(3).stride(1).padding(1))));
    return norm_(torch::cat(parts, 1));
  }

 private:
  nn::Conv1d bottleneck_{nullptr}, pooled_{nullptr};
  nn::ModuleList convolutions_{nullptr};
  nn::BatchNorm1d norm_{nullptr};
};

class InceptionTime : public Network {
 public:
  explicit InceptionTime(const ModelSpec& spec) {
    require_one_regular_series(spec);
    const int depth = spec.integer("depth", 1, 32), filters = spec.integer("filters", 1, 1024), kernel = spec.integer("kernel", 4, 255);
    modules_ = register_module("modules", nn::ModuleList());
    shortcuts_ = register_module("shortcuts", nn::ModuleList());
    const int width = (kScales + 1) * filters;
    int channels = spec.sources.front().features(), shortcut_channels = channels;
    for (int module = 0; module < depth; ++module) {
      modules_->push_back(std::make_shared<Inception>(channels, filters, kernel));
      channels = width;
      if (module % kShortcutEvery != kShortcutEvery - 1) continue;
      shortcuts_->push_back(nn::Sequential(convolution(shortcut_channels, width, 1), nn::BatchNorm1d(width)));
      shortcut_channels = width;
    }
    head_ = register_module("head", nn::Linear(width + spec.n_statics(), spec.n_classes()));
  }

  Tensor forward(const NetworkInput& input) override {
    auto x = input.series.front().values.transpose(1, 2);  // [N,F,T]
    auto start = x;                                        // of the shortcut
    std::size_t shortcut = 0;
    for (std::size_t module = 0; module < modules_->size(); ++module) {
      x = modules_->at<Inception>(module).forward(x);  // [N, 4 filters, T]
      if (module % kShortcutEvery == kShortcutEvery - 1) {
        x = x.relu() + shortcuts_->at<nn::SequentialImpl>(shortcut++).forward(start);
        start = x = x.relu();
      } else {
        x = x.relu();
      }
    }
    auto mean = x.mean(2);                                                     // [N, 4 filters]
    if (input.statics.defined()) mean = torch::cat({mean, input.statics}, 1);  // [N, 4 filters + S]
    return joined_linear(head_, mean);                                         // [N,K]
  }

 private:
  nn::ModuleList modules_{nullptr}, shortcuts_{nullptr};
  nn::Linear head_{nullptr};
};

}  // namespace

std::shared_ptr<Network> make_inception_time(const ModelSpec& spec) { return std::make_shared<InceptionTime>(spec); }

}  // namespace millesime
