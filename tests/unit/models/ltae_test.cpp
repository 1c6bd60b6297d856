#include "models/arch/ltae.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "models/base/model_file.h"
#include "models/base/network.h"
#include "tests/unit/models/small_models.h"

namespace millesime {
namespace {

using testing::small_input;
using testing::small_spec;

// The same weights in both networks.
void copy_weights(const Network& from, Network& to) {
  const torch::NoGradGuard no_grad;
  auto target = to.named_parameters();
  for (const auto& item : from.named_parameters()) target[item.key()].copy_(item.value());
  auto buffers = to.named_buffers();
  for (const auto& item : from.named_buffers()) buffers[item.key()].copy_(item.value());
}

class LtaeNorm : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Norms, LtaeNorm, ::testing::Values("none", "group", "published"), [](const auto& test) { return test.param; });

TEST_P(LtaeNorm, FoldedItIsTheNetworkOfThePaper) {
  ModelSpec spec = small_spec("ltae", 5);
  spec.parameters["norm"] = GetParam();
  const auto folded = make_ltae(spec), unfolded = make_unfolded_ltae(spec);
  copy_weights(*folded, *unfolded);
  folded->eval();
  unfolded->eval();
  const torch::NoGradGuard no_grad;
  ModelInput input = small_input(spec, 64);
  for (int d = 0; d < 8; ++d) input.series[0].valid[static_cast<std::size_t>(d)] = 0;
  const auto tensors = to_network_input(input.batch(0, 64), spec, torch::kCPU);
  const auto difference = (folded->forward(tensors) - unfolded->forward(tensors)).abs().max().item<float>();
  EXPECT_LE(difference, 1e-5f);
}

TEST(Ltae, DaysMoveTheAnswerAndTheOrderOfDatesDoesNot) {
  const ModelSpec spec = small_spec("ltae");
  const auto network = make_ltae(spec);
  network->eval();
  const torch::NoGradGuard no_grad;
  const ModelInput input = small_input(spec, 20);
  const auto tensors = to_network_input(input.batch(0, 20), spec, torch::kCPU);
  const auto logits = network->forward(tensors);
  NetworkInput reversed = tensors, later = tensors;
  auto& s = reversed.series[0];
  s.values = s.values.flip(1), s.valid = s.valid.flip(1), s.days = s.days.flip(1);
  EXPECT_LE((network->forward(reversed) - logits).abs().max().item<float>(), 1e-5f);
  later.series[0].days = later.series[0].days + 60;
  EXPECT_GE((network->forward(later) - logits).abs().max().item<float>(), 1e-3f);
}

}  // namespace
}  // namespace millesime
