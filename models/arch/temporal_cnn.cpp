#include "models/arch/temporal_cnn.h"

#include <algorithm>
#include <array>
#include <utility>

#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include "models/base/convolution.h"
#include "models/base/network.h"
#include "models/base/packed_layers.h"
#include "models/base/source_join.h"
#include "pipeline/core/error.h"

namespace millesime {
namespace {

namespace nn = torch::nn;

constexpr int kBlocks = 3, kPartsOfBlock = 4;  // convolution, normalisation, ReLU, dropout

class TemporalCnn : public Network {
 public:
  explicit TemporalCnn(const ModelSpec& spec) {
    require_regular_series(spec);
    const int filters = spec.integer("filters", 1, kMaxWidth), kernel = spec.integer("kernel", 1, 99),
              dense = spec.integer("dense", 1, kMaxWidth);
    const double dropout = spec.number("dropout", 0, 0.95);
    if (kernel % 2 == 0) throw UserError(join_text("temporal_cnn: kernel: expected an odd number of dates, got ", kernel));
    const auto dates = static_cast<std::int64_t>(spec.days.size());
    if (dates * filters + spec.n_statics() > kMaxFlat)
      throw UserError(join_text("temporal_cnn: ", dates, " dates x ", filters, " filters: expected at most ", kMaxFlat, " numbers"));

    blocks_ = register_module("blocks", convolutions(spec.sources.front().features(), filters, kernel, dropout));
    dense_ = register_module("dense", nn::Linear(dates * filters + spec.n_statics(), dense));
    norm_ = register_module("norm", nn::BatchNorm1d(dense));
    dropout_ = register_module("dropout", Dropout(dropout));
    const auto sources = static_cast<std::int64_t>(spec.sources.size());
    head_ = register_module("head", nn::Linear(sources * dense, spec.n_classes()));
    if (sources == 1) return;
    join_ = register_module("join", SourceJoin(static_cast<int>(sources), dense));
    others_ = register_module("others", nn::ModuleList());
    for (std::size_t source = 1; source < spec.sources.size(); ++source) {
      const auto flat = static_cast<std::int64_t>(spec.days_of(source).size()) * filters;
      if (flat > kMaxFlat)
        throw UserError(join_text("temporal_cnn: ", spec.sources[source].name, ": ", flat, " numbers: expected at most ", kMaxFlat));
      nn::Sequential branch = convolutions(spec.sources[source].features(), filters, kernel, dropout);
      branch->push_back(nn::Flatten());
      branch->push_back(nn::Linear(flat, dense));
      branch->push_back(nn::BatchNorm1d(dense));
      branch->push_back(nn::ReLU());
      others_->push_back(branch);
    }
  }

  torch::Tensor forward(const NetworkInput& input) override {
    auto x = blocks_->forward(input.series.front().values.transpose(1, 2)).flatten(1);
    if (input.statics.defined()) x = torch::cat({x, input.statics}, 1);
    x = torch::relu(norm_(joined_linear(dense_, x)));
    if (others_.is_empty()) return head_(dropout_(x));
    std::vector<torch::Tensor> embeddings = {x};  // [N,dense] a source
    for (std::size_t source = 1; source < input.series.size(); ++source)
      embeddings.push_back(others_->at<nn::SequentialImpl>(source - 1).forward(input.series[source].values.transpose(1, 2)));
    return head_(dropout_(join_(embeddings, input)));
  }

 private:
  static nn::Sequential convolutions(int channels, int filters, int kernel, double dropout) {
    nn::Sequential blocks;
    for (int block = 0; block < kBlocks; ++block) {
      blocks->push_back(Convolution(nn::Conv1dOptions(channels, filters, kernel).padding(kernel / 2)));
      blocks->push_back(nn::BatchNorm1d(filters));
      blocks->push_back(nn::ReLU());
      blocks->push_back(Dropout(dropout));
      channels = filters;
    }
    return blocks;
  }

  static constexpr std::int64_t kMaxFlat = 1 << 18;  // inputs of the dense layer

  nn::Sequential blocks_{nullptr};
  nn::ModuleList others_{nullptr};  // of the further sources
  SourceJoin join_{nullptr};
  nn::Linear dense_{nullptr}, head_{nullptr};
  nn::BatchNorm1d norm_{nullptr};
  Dropout dropout_{nullptr};
};

class TemporalCnnForMaps : public Network {
 public:
  TemporalCnnForMaps(const ModelSpec& spec, const Network& trained) : dates_(static_cast<std::int64_t>(spec.days.size())) {
    const torch::NoGradGuard no_gradients;
    auto tensors = trained.named_parameters();
    tensors.update(trained.named_buffers());
    // Weight and bias of a layer, with the normalisation after it.
    const auto folded = [&](const std::string& layer, const std::string& norm) {
      constexpr double kEpsilon = 1e-5;  // of nn::BatchNorm1d
      const torch::Tensor weight = tensors[layer + ".weight"],
                          scale = tensors[norm + ".weight"] / (tensors[norm + ".running_var"] + kEpsilon).sqrt();
      return std::pair((weight.flatten(1) * scale.unsqueeze(1)).view_as(weight),
                       (tensors[layer + ".bias"] - tensors[norm + ".running_mean"]) * scale + tensors[norm + ".bias"]);
    };
    for (int block = 0; block < kBlocks; ++block) {
      const auto part = [&](int i) { return "blocks." + std::to_string(block * kPartsOfBlock + i); };
      const auto [weight, bias] = folded(part(0), part(1));  // [filters,channels,kernel]
      const std::string number = std::to_string(block);
      weights_.push_back(register_parameter("weight" + number, weight.unsqueeze(2).contiguous(torch::MemoryFormat::ChannelsLast), false));
      biases_.push_back(register_parameter("bias" + number, bias, false));
    }
    const auto [weight, bias] = folded("dense", "norm");  // [dense,filters dates + statics]
    const torch::Tensor of_dates = weight.narrow(1, 0, weight.size(1) - spec.n_statics()).unflatten(1, {-1, dates_}).transpose(1, 2);
    dense_ = register_module("dense", nn::Linear(weight.size(1), weight.size(0)));
    dense_->weight.copy_(torch::cat({of_dates.flatten(1), weight.narrow(1, weight.size(1) - spec.n_statics(), spec.n_statics())}, 1));
    dense_->bias.copy_(bias);
    const torch::Tensor head = tensors["head.weight"];
    head_ = register_module("head", nn::Linear(head.size(1), head.size(0)));
    head_->weight.copy_(head);
    head_->bias.copy_(tensors["head.bias"]);
  }

  torch::Tensor forward(const NetworkInput& input) override {
    auto x = input.series.front().values.unsqueeze(1).permute({0, 3, 1, 2});  // [N,F,1,T], in memory [N,T,F]
    for (std::size_t block = 0; block < weights_.size(); ++block) {
      if (is_packed(x)) {
        x = rectified_convolution(x, packed_[block], biases_[block], padding_of(block));
        continue;
      }
      const std::array<std::int64_t, 2> strides = {1, 1}, padding = {0, padding_of(block)};
      x = torch::conv2d(x, weights_[block], biases_[block], strides, torch::IntArrayRef(padding)).relu_();
    }
    x = x.permute({0, 2, 3, 1}).flatten(1);
    if (is_packed(x) && !input.statics.defined()) return head_(rectified_linear(x, packed_.back(), dense_->bias));
    if (input.statics.defined()) x = torch::cat({x, input.statics}, 1);
    return head_(joined_linear(dense_, x).relu_());
  }

  // Brings weights of bfloat16 into the order of oneDNN, for calls of `pixels` pixels (models/base/packed_layers.h).
  void pack(std::int64_t pixels) {
    const torch::NoGradGuard no_gradients;
    std::vector<torch::Tensor> packed;
    for (std::size_t block = 0; block < weights_.size(); ++block)
      packed.push_back(packed_convolution(weights_[block], padding_of(block), {pixels, weights_[block].size(1), 1, dates_}));
    packed.push_back(packed_linear(dense_->weight, pixels));
    if (std::ranges::all_of(packed, &torch::Tensor::defined)) packed_ = packed, packed_for_ = pixels;
  }

 private:
  std::int64_t padding_of(std::size_t block) const { return weights_[block].size(3) / 2; }
  bool is_packed(const torch::Tensor& x) const { return !packed_.empty() && x.size(0) == packed_for_; }

  std::int64_t dates_, packed_for_ = 0;
  std::vector<torch::Tensor> weights_, biases_;  // of the convolutions
  std::vector<torch::Tensor> packed_;            // empty; or theirs, and those of the dense layer
  nn::Linear dense_{nullptr}, head_{nullptr};
};

}  // namespace

std::shared_ptr<Network> make_temporal_cnn(const ModelSpec& spec) { return std::make_shared<TemporalCnn>(spec); }

std::shared_ptr<Network> temporal_cnn_for_maps(const ModelSpec& spec, const Network& trained) {
  return std::make_shared<TemporalCnnForMaps>(spec, trained);
}

std::shared_ptr<Network> temporal_cnn_in_bfloat16(const ModelSpec& spec, const Network& trained, std::int64_t pixels) {
  const auto network = std::make_shared<TemporalCnnForMaps>(spec, trained);
  network->to(torch::kBFloat16);
  if (network->named_parameters().begin()->value().device().is_cpu()) network->pack(pixels);
  return network;
}

}  // namespace millesime
