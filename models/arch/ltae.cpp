#include "models/arch/ltae.h"

#include <algorithm>
#include <cmath>

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/utils.h>

#include "models/base/day_encoding.h"
#include "models/base/model_file.h"
#include "models/base/network.h"
#include "models/base/source_join.h"
#include "pipeline/core/error.h"

namespace millesime {
namespace {

namespace nn = torch::nn;
using torch::Tensor;

enum class Norm { group, none, published };

struct Shape {
  int spectral, spectral_further, d_model, n_head, d_k, mlp;
  double dropout;
  Norm norm;

  explicit Shape(const ModelSpec& spec)
      : spectral(spec.integer("spectral", 0, kMaxWidth)),
        spectral_further(spec.parameters.contains("spectral_further") ? spec.integer("spectral_further", 0, kMaxWidth) : 0),
        d_model(spec.integer("d_model", 2, kMaxWidth)),
        n_head(spec.integer("n_head", 1, 256)),
        d_k(spec.integer("d_k", 1, 256)),
        mlp(spec.integer("mlp", 1, kMaxWidth)),
        dropout(spec.number("dropout", 0, 0.95)) {
    const std::string name = spec.choice("norm", {"group", "none", "published"});
    norm = name == "group" ? Norm::group : name == "none" ? Norm::none : Norm::published;
    if (d_model % n_head != 0) throw UserError(join_text("ltae: d_model ", d_model, " is no multiple of n_head ", n_head));
  }
  int d_head() const { return d_model / n_head; }
  // Of a source of the model: the layer of a further one is as wide as its features need.
  Shape of(std::size_t source, int features) const {
    Shape own = *this;
    if (source > 0 && spectral_further > 0) own.spectral = std::min(spectral, spectral_further * features);
    return own;
  }
};

// Mean 0 and deviation 1 over features and valid dates of each pixel.
Tensor group_norm(const Tensor& x, const Tensor& valid) {
  const auto n = (valid.sum(1, true) * x.size(2)).clamp_min(1).unsqueeze(-1);
  const auto mask = valid.unsqueeze(-1);
  const auto centred = torch::where(mask, x - x.sum({1, 2}, true) / n, torch::zeros({}, x.options()));
  const auto variance = centred.square().sum({1, 2}, true) / n;
  return centred * torch::rsqrt(variance + 1e-5);
}

std::vector<float> floats_of(const Tensor& tensor) {
  const auto host = tensor.detach().to(torch::kFloat32).contiguous();
  return {host.data_ptr<float>(), host.data_ptr<float>() + host.numel()};
}

// A layer and the batch normalisation after it, as one layer in double precision.
struct FoldedLayer {
  Tensor weights, bias;
};
FoldedLayer fold_norm(const nn::Linear& layer, const nn::BatchNorm1d& norm) {
  const auto exact = [](const Tensor& tensor) { return tensor.to(torch::kFloat64); };
  const auto scale = exact(norm->weight) / torch::sqrt(exact(norm->running_var) + norm->options.eps());
  return {exact(layer->weight) * scale.unsqueeze(1), (exact(layer->bias) - exact(norm->running_mean)) * scale + exact(norm->bias)};
}

class Encoder : public nn::Module {
 public:
  Encoder(int features, const Shape& shape, bool folded) : shape_(shape), folded_(folded && shape.norm != Norm::published) {
    const int h = shape.n_head, d = shape.d_model;
    if (shape.norm == Norm::group) {
      gain_ = register_parameter("gain", torch::ones({features}));
      shift_ = register_parameter("shift", torch::zeros({features}));
    } else if (shape.norm == Norm::published) {
      in_norm_ = register_module("in_norm", nn::LayerNorm(nn::LayerNormOptions({features})));
      embed_norm_ = register_module("embed_norm", nn::LayerNorm(nn::LayerNormOptions({d})));
    }
    if (shape.spectral > 0) spectral_ = register_module("spectral", nn::Linear(features, shape.spectral));
    embed_ = register_module("embed", nn::Linear(shape.spectral > 0 ? shape.spectral : features, d));
    const double scale = std::sqrt(2.0 / shape.d_k);
    query_ = register_parameter("query", torch::randn({h, shape.d_k}) * scale);
    key_ = register_parameter("key", torch::randn({h, shape.d_k, d}) * scale);
    attention_dropout_ = register_module("attention_dropout", Dropout(0.1));
    dense_ = register_module("dense", nn::Linear(d, shape.mlp));
    dense_norm_ = register_module("dense_norm", nn::BatchNorm1d(shape.mlp));
    dropout_ = register_module("dropout", Dropout(shape.dropout));
    out_norm_ = register_module("out_norm", nn::LayerNorm(nn::LayerNormOptions({shape.mlp})));
  }

  // [N, mlp]
  Tensor forward(const NetworkSeries& series) {
    auto x = series.values;
    if (shape_.norm == Norm::group) x = group_norm(x, series.valid) * gain_ + shift_;
    if (shape_.norm == Norm::published) x = in_norm_(x);
    if (shape_.spectral > 0) x = torch::relu(spectral_(x));
    const auto position = encode_days(series.days, shape_.d_head());
    const auto heads = folded_ ? attend_folded(x, position, series.valid) : attend(x, position, series.valid);
    return out_norm_(dropout_(torch::relu(dense_norm_(dense_(heads)))));
  }

 private:
  // query . key as one vector over the embedding a head, scaled. A key's bias would add the same to every date: it is left out.
  Tensor query_key() const { return torch::einsum("hk,hkd->hd", {query_, key_}) / std::sqrt(static_cast<double>(shape_.d_k)); }

  // Over the valid dates of each pixel; all 0 if there are none. scores [N,T,H]
  // Added instead of assigned: a broadcast sum is several times as fast, and next to 1e30 a score is lost to the last bit.
  Tensor attention(const Tensor& scores, const Tensor& valid) {
    const auto out_of_reach = (valid.to(scores.scalar_type()) - 1).mul_(1e30).unsqueeze(-1);
    const auto seen = valid.any(1, true).to(scores.scalar_type()).unsqueeze(-1);
    return attention_dropout_(torch::softmax(scores + out_of_reach, 1) * seen);
  }

  // As in the paper: embed every date, add its position, each head averages its own part of the embedding.
  Tensor attend(const Tensor& x, const Tensor& position, const Tensor& valid) {
    auto e = embed_(x);
    if (shape_.norm == Norm::published) e = embed_norm_(e);
    e = e + position.repeat({1, 1, shape_.n_head});                      // [N,T,D]
    const auto a = attention(torch::matmul(e, query_key().t()), valid);  // [N,T,H]
    const auto values = e.view({e.size(0), e.size(1), shape_.n_head, shape_.d_head()});
    return torch::einsum("nth,nthd->nhd", {a, values}).flatten(1);
  }

  // The same sums in another order: scores straight from the input, and the input averaged before it is embedded.
  Tensor attend_folded(const Tensor& x, const Tensor& position, const Tensor& valid) {
    const int h = shape_.n_head, d = shape_.d_head();
    const auto qk = query_key();                                 // [H,D]
    const auto from_values = torch::matmul(qk, embed_->weight);  // [H,F]
    const auto from_position = qk.view({h, h, d}).sum(1);        // [H,d]
    const auto scores = torch::matmul(x, from_values.t()) + torch::matmul(position, from_position.t());
    const auto a = attention(scores, valid).transpose(1, 2);  // [N,H,T]
    const auto mean_x = torch::matmul(a, x);                  // [N,H,F]
    const auto mean_position = position.size(0) == 1 ? torch::matmul(a, position.squeeze(0)) : torch::matmul(a, position);
    const auto embedded =
        torch::einsum("nhf,hdf->nhd", {mean_x, embed_->weight.view({h, d, -1})}) + a.sum(2).unsqueeze(-1) * embed_->bias.view({h, d});
    return (embedded + mean_position).flatten(1);
  }

  friend class Ltae;

  // Attention and embedding as inference computes them, in double precision until the end.
  void fold_into(LtaeWeights& w) const {
    if (shape_.spectral > 0) w.spectral = floats_of(spectral_->weight), w.spectral_bias = floats_of(spectral_->bias);
    const auto qk =
        torch::einsum("hk,hkd->hd", {query_.to(torch::kFloat64), key_.to(torch::kFloat64)}) / std::sqrt(static_cast<double>(shape_.d_k));
    w.score = floats_of(torch::matmul(qk, embed_->weight.to(torch::kFloat64)));
    w.position_score = floats_of(qk.view({shape_.n_head, shape_.n_head, shape_.d_head()}).sum(1));
    w.embed = floats_of(embed_->weight), w.embed_bias = floats_of(embed_->bias);
    const FoldedLayer dense = fold_norm(dense_, dense_norm_);
    w.dense = floats_of(dense.weights), w.dense_bias = floats_of(dense.bias);
    w.norm_gain = floats_of(out_norm_->weight), w.norm_shift = floats_of(out_norm_->bias);
  }

  Shape shape_;
  bool folded_;
  Tensor gain_, shift_, query_, key_;
  nn::LayerNorm in_norm_{nullptr}, embed_norm_{nullptr}, out_norm_{nullptr};
  nn::Linear spectral_{nullptr}, embed_{nullptr}, dense_{nullptr};
  nn::BatchNorm1d dense_norm_{nullptr};
  Dropout attention_dropout_{nullptr}, dropout_{nullptr};
};

class Ltae : public Network {
 public:
  Ltae(const ModelSpec& spec, bool folded) {
    const Shape shape(spec);
    encoders_ = register_module("encoders", nn::ModuleList());
    for (std::size_t s = 0; s < spec.sources.size(); ++s) {
      const int features = spec.sources[s].features();
      encoders_->push_back(std::make_shared<Encoder>(features, shape.of(s, features), folded));
    }
    join_ = register_module("join", SourceJoin(static_cast<int>(spec.sources.size()), shape.mlp));
    const auto joined = static_cast<std::int64_t>(spec.sources.size()) * shape.mlp + spec.n_statics();
    const int hidden = spec.integer("hidden", 1, kMaxWidth);
    hidden_ = register_module("hidden", nn::Linear(joined, hidden));
    hidden_norm_ = register_module("hidden_norm", nn::BatchNorm1d(hidden));
    head_ = register_module("head", nn::Linear(hidden, spec.n_classes()));
  }

  Tensor forward(const NetworkInput& input) override {
    std::vector<Tensor> parts;
    for (std::size_t s = 0; s < input.series.size(); ++s) parts.push_back(encoders_->at<Encoder>(s).forward(input.series[s]));
    auto joined = join_(parts, input);
    if (input.statics.defined()) joined = torch::cat({joined, input.statics}, 1);
    return head_(torch::relu(hidden_norm_(joined_linear(hidden_, joined))));
  }

  std::vector<LtaeWeights> weights(const ModelSpec& spec) const {
    const Shape shape(spec);
    if (spec.input != InputKind::raw || shape.norm != Norm::none) return {};
    const FoldedLayer hidden = fold_norm(hidden_, hidden_norm_);
    const auto n_sources = std::ssize(spec.sources), mlp = std::int64_t{shape.mlp};
    LtaeWeights common;
    common.heads = shape.n_head, common.head_width = shape.d_head(), common.mlp = shape.mlp;
    common.hidden = static_cast<int>(hidden_->options.out_features()), common.classes = spec.n_classes();
    common.hidden_bias = floats_of(hidden.bias);
    common.head = floats_of(head_->weight.to(torch::kFloat64) / spec.temperature);
    common.head_bias = floats_of(head_->bias.to(torch::kFloat64) / spec.temperature);
    std::vector<LtaeWeights> sources;
    for (std::int64_t s = 0; s < n_sources; ++s) {
      LtaeWeights& w = sources.emplace_back(common);
      w.features = spec.sources[static_cast<std::size_t>(s)].features();
      const int spectral = shape.of(static_cast<std::size_t>(s), w.features).spectral;
      w.attended = spectral > 0 ? spectral : w.features;
      encoders_->at<Encoder>(static_cast<std::size_t>(s)).fold_into(w);
      auto [columns, absent] = join_->fold(s, hidden.weights.narrow(1, s * mlp, mlp));
      if (s == 0) {
        w.statics = spec.n_statics();
        columns = torch::cat({columns, hidden.weights.narrow(1, n_sources * mlp, w.statics)}, 1);
      }
      w.hidden_layer = floats_of(columns), w.absent = floats_of(absent);
    }
    return sources;
  }

 private:
  nn::ModuleList encoders_{nullptr};
  SourceJoin join_{nullptr};
  nn::Linear hidden_{nullptr}, head_{nullptr};
  nn::BatchNorm1d hidden_norm_{nullptr};
};

}  // namespace

std::shared_ptr<Network> make_ltae(const ModelSpec& spec) { return std::make_shared<Ltae>(spec, true); }
std::shared_ptr<Network> make_unfolded_ltae(const ModelSpec& spec) { return std::make_shared<Ltae>(spec, false); }

std::vector<LtaeWeights> ltae_weights(const ModelFile& file) {
  if (file.spec.architecture != "ltae" || !file.script.empty()) return {};
  const torch::NoGradGuard no_grad;
  return std::dynamic_pointer_cast<Ltae>(load_network(file, torch::kCPU))->weights(file.spec);
}

std::vector<float> ltae_positions(const std::vector<float>& days, int head_width) {
  const auto tensor = torch::tensor(days).unsqueeze(0);
  return floats_of(encode_days(tensor, head_width));
}

}  // namespace millesime
