// The convolution as a matrix product, which a GPU takes, against torch's own; TempCNN for maps against the trained network.

#include <cstdint>

#include <gtest/gtest.h>
#include <torch/nn/functional/conv.h>
#include <torch/utils.h>

#include "models/arch/make_network.h"
#include "models/arch/temporal_cnn.h"
#include "models/base/convolution.h"
#include "models/base/network.h"
#include "tests/unit/models/small_models.h"

namespace millesime {
namespace {

struct Shape {
  std::int64_t n, channels, dates, filters, kernel;
  bool bias;
};

// Results and gradients. The last shape takes several products.
TEST(Convolution, ByProductIsTorchs) {
  for (const Shape& shape : {Shape{5, 10, 37, 64, 5, true},
                             {3, 1, 46, 8, 3, true},
                             {4, 6, 12, 7, 1, false},
                             {2, 3, 5, 4, 9, false},
                             {60, 64, 128, 2, 65, true}}) {
    torch::manual_seed(1);
    const torch::Tensor series = torch::randn({shape.n, shape.dates, shape.channels});
    torch::nn::Conv1d torchs(
        torch::nn::Conv1dOptions(shape.channels, shape.filters, shape.kernel).padding(shape.kernel / 2).bias(shape.bias));
    const auto all_of = [&](const auto& convolve) {
      const torch::Tensor x = series.transpose(1, 2).detach().requires_grad_();
      torchs->zero_grad();
      const torch::Tensor y = convolve(x);
      (y * torch::arange(y.numel(), torch::kFloat).view_as(y).sin()).sum().backward();
      return std::vector<torch::Tensor>{y.detach(), x.grad(), torchs->weight.grad().clone()};
    };
    const auto expected = all_of([&](const torch::Tensor& x) { return torchs(x); });
    const auto got =
        all_of([&](const torch::Tensor& x) { return convolution_by_product(x, torchs->weight, torchs->bias, shape.kernel / 2); });
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_EQ(got[i].sizes(), expected[i].sizes());
      EXPECT_TRUE(torch::allclose(got[i], expected[i], 1e-4, 1e-4 * expected[i].abs().max().item<double>())) << shape.kernel << " " << i;
    }
  }
}

std::shared_ptr<Network> with_any_weights(const ModelSpec& spec) {
  torch::manual_seed(2);
  const auto network = make_network(spec);
  network->eval();
  for (torch::Tensor& weight : network->parameters()) weight.normal_(0.1, 0.3);
  for (const auto& buffer : network->named_buffers())
    if (buffer.key().ends_with("running_mean") || buffer.key().ends_with("running_var")) torch::Tensor(buffer.value()).uniform_(0.3, 2);
  return network;
}

NetworkInput any_input(const ModelSpec& spec, int pixels, torch::ScalarType type) {
  NetworkInput input;
  input.series.push_back({torch::randn({pixels, static_cast<int>(spec.days.size()), spec.sources.front().features()}).to(type), {}, {}});
  if (spec.n_statics() > 0) input.statics = torch::randn({pixels, spec.n_statics()}).to(type);
  return input;
}

TEST(TemporalCnnForMaps, HasTheLogitsOfTheTrainedNetwork) {
  for (const int statics : {0, 2}) {
    const torch::NoGradGuard no_gradients;
    const ModelSpec spec = testing::small_spec("temporal_cnn", 3, 8, statics);
    const auto trained = with_any_weights(spec);
    const NetworkInput input = any_input(spec, 7, torch::kFloat32);
    const torch::Tensor expected = trained->forward(input), got = temporal_cnn_for_maps(spec, *trained)->forward(input);
    ASSERT_EQ(got.sizes(), expected.sizes());
    EXPECT_TRUE(torch::allclose(got, expected, 1e-4, 1e-4 * expected.abs().max().item<double>())) << got << expected;
  }
}

// Weights in the order of oneDNN, and the ReLU in the product.
TEST(TemporalCnnForMaps, HasTheSameBitsWithPackedWeights) {
  for (const int statics : {0, 2}) {
    const torch::NoGradGuard no_gradients;
    const ModelSpec spec = testing::small_spec("temporal_cnn", 3, 8, statics);
    const auto trained = with_any_weights(spec), plain = temporal_cnn_for_maps(spec, *trained);
    plain->to(torch::kBFloat16);
    const auto packed = temporal_cnn_in_bfloat16(spec, *trained, 64);
    for (const int pixels : {64, 5}) {  // those that the weights are packed for, and others
      const NetworkInput input = any_input(spec, pixels, torch::kBFloat16);
      EXPECT_TRUE(torch::equal(packed->forward(input), plain->forward(input))) << statics << " statics, " << pixels << " pixels";
    }
  }
}

}  // namespace
}  // namespace millesime
