// The convolution as a matrix product, which a GPU takes, against torch's own.

#include <cstdint>

#include <gtest/gtest.h>
#include <torch/nn/functional/conv.h>
#include <torch/utils.h>

#include "models/base/convolution.h"

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

}  // namespace
}  // namespace millesime
