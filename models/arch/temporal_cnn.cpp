#include "models/arch/temporal_cnn.h"

#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

#include "models/base/network.h"
#include "pipeline/core/error.h"

namespace millesime {
namespace {

namespace nn = torch::nn;

class TemporalCnn : public Network {
 public:
  explicit TemporalCnn(const ModelSpec& spec) {
    require_one_regular_series(spec);
    const int filters = spec.integer("filters", 1, kMaxWidth), kernel = spec.integer("kernel", 1, 99),
              dense = spec.integer("dense", 1, kMaxWidth);
    const double dropout = spec.number("dropout", 0, 0.95);
    if (kernel % 2 == 0) throw UserError(join_text("temporal_cnn: kernel: expected an odd number of dates, got ", kernel));
    const auto dates = static_cast<std::int64_t>(spec.days.size());
    if (dates * filters + spec.n_statics() > kMaxFlat)
      throw UserError(join_text("temporal_cnn: ", dates, " dates x ", filters, " filters: expected at most ", kMaxFlat, " numbers"));

    blocks_ = nn::Sequential();
    int channels = spec.sources.front().features();
    for (int block = 0; block < 3; ++block) {
      blocks_->push_back(nn::Conv1d(nn::Conv1dOptions(channels, filters, kernel).padding(kernel / 2)));
      blocks_->push_back(nn::BatchNorm1d(filters));
      blocks_->push_back(nn::ReLU());
      blocks_->push_back(Dropout(dropout));
      channels = filters;
    }
    register_module("blocks", blocks_);
    dense_ = register_module("dense", nn::Linear(dates * filters + spec.n_statics(), dense));
    norm_ = register_module("norm", nn::BatchNorm1d(dense));
    dropout_ = register_module("dropout", Dropout(dropout));
    head_ = register_module("head", nn::Linear(dense, spec.n_classes()));
  }

  torch::Tensor forward(const NetworkInput& input) override {
    auto x = blocks_->forward(input.series.front().values.transpose(1, 2)).flatten(1);
    if (input.statics.defined()) x = torch::cat({x, input.statics}, 1);
    return head_(dropout_(torch::relu(norm_(joined_linear(dense_, x)))));
  }

 private:
  static constexpr std::int64_t kMaxFlat = 1 << 18;  // inputs of the dense layer

  nn::Sequential blocks_{nullptr};
  nn::Linear dense_{nullptr}, head_{nullptr};
  nn::BatchNorm1d norm_{nullptr};
  Dropout dropout_{nullptr};
};

}  // namespace

std::shared_ptr<Network> make_temporal_cnn(const ModelSpec& spec) { return std::make_shared<TemporalCnn>(spec); }

}  // namespace millesime
