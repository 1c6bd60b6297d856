#include "models/arch/transformer.h"

#include <cmath>

#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include "models/base/day_encoding.h"
#include "models/base/network.h"
#include "models/base/source_join.h"
#include "pipeline/core/error.h"

namespace millesime {
namespace {

namespace nn = torch::nn;
using torch::Tensor;

struct TransformerShape {
  int d_model, n_head, layers, feed_forward;
  double dropout;

  explicit TransformerShape(const ModelSpec& spec)
      : d_model(spec.integer("d_model", 2, kMaxWidth)),
        n_head(spec.integer("n_head", 1, 256)),
        layers(spec.integer("layers", 1, 32)),
        feed_forward(spec.integer("feed_forward", 1, kMaxWidth)),
        dropout(spec.number("dropout", 0, 0.95)) {
    if (d_model % n_head != 0) throw UserError(join_text("transformer: d_model ", d_model, " is no multiple of n_head ", n_head));
  }
};

class Layer : public nn::Module {
 public:
  explicit Layer(const TransformerShape& shape) : n_head_(shape.n_head) {
    const int d = shape.d_model;
    attention_norm_ = register_module("attention_norm", nn::LayerNorm(nn::LayerNormOptions({d})));
    in_ = register_module("in", nn::Linear(d, 3 * d));
    out_ = register_module("out", nn::Linear(d, d));
    norm_ = register_module("norm", nn::LayerNorm(nn::LayerNormOptions({d})));
    first_ = register_module("first", nn::Linear(d, shape.feed_forward));
    second_ = register_module("second", nn::Linear(shape.feed_forward, d));
    dropout_ = register_module("dropout", Dropout(shape.dropout));
  }

  // x [N,T,D]; hidden [N,1,1,T] is true where there is no observation
  Tensor forward(Tensor x, const Tensor& hidden) {
    const auto n = x.size(0), t = x.size(1), d = x.size(2), head = d / n_head_;
    const auto parts = in_(attention_norm_(x)).view({n, t, 3, n_head_, head}).permute({2, 0, 3, 1, 4});            // [3,N,H,T,D/H]
    const auto scores = torch::matmul(parts[0], parts[1].transpose(2, 3)) / std::sqrt(static_cast<double>(head));  // [N,H,T,T]
    const auto attention = torch::softmax(scores.masked_fill(hidden, -1e30), 3);
    const auto attended = torch::matmul(attention, parts[2]).transpose(1, 2).reshape({n, t, d});
    x = x + dropout_(out_(attended));
    return x + dropout_(second_(dropout_(torch::relu(first_(norm_(x))))));
  }

 private:
  std::int64_t n_head_;
  nn::LayerNorm attention_norm_{nullptr}, norm_{nullptr};
  nn::Linear in_{nullptr}, out_{nullptr}, first_{nullptr}, second_{nullptr};
  Dropout dropout_{nullptr};
};

class TransformerEncoder : public nn::Module {
 public:
  TransformerEncoder(int features, const TransformerShape& shape) : d_model_(shape.d_model) {
    embed_ = register_module("embed", nn::Linear(features, shape.d_model));
    layers_ = register_module("layers", nn::ModuleList());
    for (int layer = 0; layer < shape.layers; ++layer) layers_->push_back(std::make_shared<Layer>(shape));
    norm_ = register_module("norm", nn::LayerNorm(nn::LayerNormOptions({shape.d_model})));
  }

  // [N,D]; 0 where there is no observation at all
  Tensor forward(const NetworkSeries& series) {
    auto x = embed_(series.values) + encode_days(series.days, d_model_);  // [N,T,D]
    const auto hidden = ~series.valid;
    for (std::size_t layer = 0; layer < layers_->size(); ++layer)
      x = layers_->at<Layer>(layer).forward(x, hidden.unsqueeze(1).unsqueeze(1));
    const auto seen = norm_(x).masked_fill(hidden.unsqueeze(-1), -1e30);
    return std::get<0>(seen.max(1)).masked_fill(hidden.all(1, true), 0);
  }

 private:
  int d_model_;
  nn::Linear embed_{nullptr};
  nn::ModuleList layers_{nullptr};
  nn::LayerNorm norm_{nullptr};
};

class Transformer : public Network {
 public:
  explicit Transformer(const ModelSpec& spec) {
    const TransformerShape shape(spec);
    encoders_ = register_module("encoders", nn::ModuleList());
    for (const auto& source : spec.sources) encoders_->push_back(std::make_shared<TransformerEncoder>(source.features(), shape));
    join_ = register_module("join", SourceJoin(static_cast<int>(spec.sources.size()), shape.d_model));
    const auto joined = static_cast<std::int64_t>(spec.sources.size()) * shape.d_model + spec.n_statics();
    head_ = register_module("head", nn::Linear(joined, spec.n_classes()));
  }

  Tensor forward(const NetworkInput& input) override {
    std::vector<Tensor> parts;
    for (std::size_t s = 0; s < input.series.size(); ++s) parts.push_back(encoders_->at<TransformerEncoder>(s).forward(input.series[s]));
    auto joined = join_(parts, input);
    if (input.statics.defined()) joined = torch::cat({joined, input.statics}, 1);
    return joined_linear(head_, joined);  // [N,K]
  }

 private:
  nn::ModuleList encoders_{nullptr};
  SourceJoin join_{nullptr};
  nn::Linear head_{nullptr};
};

}  // namespace

std::shared_ptr<Network> make_transformer(const ModelSpec& spec) { return std::make_shared<Transformer>(spec); }

}  // namespace millesime
