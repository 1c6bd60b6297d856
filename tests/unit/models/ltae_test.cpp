#include "models/arch/ltae.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "models/base/model_file.h"
#include "models/base/network.h"
#include "models/base/one_library_thread.h"
#include "tests/support/message_of.h"
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

TEST(LtaeSources, AFurtherOneHasALayerAsWideAsItsFeaturesNeedAndOlderFilesKeepTheirs) {
  ModelSpec spec = small_spec("ltae");
  spec.sources.push_back({"radar", {"VV", "VH"}, {}, {0, 0}, {1, 1}});
  const auto widths = [](const ModelSpec& of) {
    std::vector<int> attended;
    for (const LtaeWeights& weights : ltae_weights(untrained_network(of, 1))) attended.push_back(weights.attended);
    return attended;
  };
  EXPECT_THAT(widths(spec), ::testing::ElementsAre(32, 16));
  spec.parameters.erase("spectral_further");
  EXPECT_THAT(widths(spec), ::testing::ElementsAre(32, 32));
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
  const OneLibraryThread one;  // the order of sums does not depend on the load of the machine
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

TEST(FineTuning, ClassesThatBothKnowKeepTheirWeightsAndTheOthersAreNew) {
  const ModelSpec old_spec = small_spec("ltae", 3);  // classes 10, 11, 12
  ModelSpec spec = small_spec("ltae", 4);
  spec.classes = {13, 12, 10};
  const ModelFile trained = network_file(old_spec, *make_ltae(old_spec));
  const auto network = make_ltae(spec);
  const ModelFile before = network_file(spec, *network);
  copy_weights(trained, spec, *network);
  const ModelFile after = network_file(spec, *network);
  const auto row = [](const ModelFile& file, std::size_t k) {
    const auto& values = file.tensors.at("head.weight").values;
    const auto width = static_cast<std::ptrdiff_t>(values.size() / 3);
    return std::vector<float>(values.begin() + static_cast<std::ptrdiff_t>(k) * width,
                              values.begin() + static_cast<std::ptrdiff_t>(k + 1) * width);
  };
  EXPECT_EQ(row(after, 0), row(before, 0));
  EXPECT_EQ(row(after, 1), row(trained, 2));
  EXPECT_EQ(row(after, 2), row(trained, 0));
  EXPECT_EQ(after.tensors.at("hidden.weight").values, trained.tensors.at("hidden.weight").values);

  ModelSpec other = spec;  // another nomenclature: by name
  other.nomenclature.name = "other";
  for (auto& entry : other.nomenclature.classes) entry.code += 100;
  other.classes = {112, 113, 110};
  copy_weights(trained, other, *network);
  EXPECT_EQ(row(network_file(other, *network), 0), row(trained, 2));
}

TEST(FineTuning, AnotherShapeIsAnErrorThatNamesFileAndTensor) {
  const ModelSpec spec = small_spec("ltae");
  ModelSpec wide = spec;
  wide.parameters["hidden"] = 96;
  ModelFile trained = network_file(wide, *make_ltae(wide));
  trained.path = "m.safetensors";
  const auto network = make_ltae(spec);
  EXPECT_THAT(testing::message_of([&] { copy_weights(trained, spec, *network); }),
              ::testing::AllOf(::testing::HasSubstr("m.safetensors"), ::testing::HasSubstr("same bands")));
}

}  // namespace
}  // namespace millesime
