#include "models/base/joint_calibration.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/base/ensemble.h"
#include "pipeline/core/accuracy.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/models/small_models.h"

namespace millesime {
namespace {

constexpr int kClasses = 3;

// The output of two calibrated models: each measures every class, 1 for the right one and 0 for others, with noise (a part of it its own),
// and returns the true probabilities for its measurements.
std::vector<HeldOutProbabilities> two_views(int n, int per_group, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const double shared = 0.8, own = 0.6, variance = shared * shared + own * own;
  std::normal_distribution<double> normal(0, 1);
  std::vector<HeldOutProbabilities> models(2);
  for (int i = 0; i < n; ++i) {
    const int target = static_cast<int>(random() % kClasses);
    double noise[kClasses];
    for (double& common : noise) common = shared * normal(random);
    for (auto& model : models) {
      double weights[kClasses], sum = 0;
      for (int k = 0; k < kClasses; ++k) sum += weights[k] = std::exp(((k == target) + noise[k] + own * normal(random)) / variance);
      for (const double w : weights) model.probabilities.push_back(static_cast<float>(w / sum));
      model.target.push_back(target), model.group.push_back(i / per_group);
    }
  }
  return models;
}

double error_of_mean(const std::vector<HeldOutProbabilities>& models) {
  Calibration calibration;
  for (std::size_t i = 0; i < models.front().target.size(); ++i) {
    double mean[kClasses] = {};
    for (const auto& model : models)
      for (std::size_t k = 0; k < kClasses; ++k) mean[k] += static_cast<double>(model.probabilities[i * kClasses + k]) / 2;
    const auto winner = std::max_element(mean, mean + kClasses);
    calibration.add(std::min(1.0, *winner), winner - mean == models.front().target[i]);
  }
  return calibration.expected_error();
}

// A trained network without training, its temperature set.
LearnedModel learned(const std::string& name, double temperature, const HeldOutProbabilities& said) {
  ModelFile model;
  model.spec = testing::small_spec(name, kClasses);
  model.spec.temperature = temperature, model.spec.sharpening = 0.3;
  model.path = name;
  return {model, {said}};
}

LearnedModel joined(const std::vector<HeldOutProbabilities>& said) {
  return join_models({learned("ltae", 1.5, said[0]), learned("mlp", 0.8, said[1])});
}

TEST(JointCalibration, MakesTheMeanAsSureAsItIsRight) {
  const auto said = two_views(4000, 1, 1);
  EXPECT_GT(error_of_mean(said), 0.03);
  const LearnedModel together = joined(said);
  EXPECT_LT(error_of_mean(together.held_out), 0.5 * error_of_mean(said));
  const double power = together.model.spec.metrics["power"].get<double>();
  EXPECT_GT(power, 1.05);
  const auto& held_out = together.model.spec.metrics["held_out"];
  EXPECT_EQ(held_out["samples"], 4000);
  EXPECT_NEAR(held_out["calibration_error_before"].get<double>(), error_of_mean(said), 2e-3);  // the weights are nearly equal
  EXPECT_LT(held_out["calibration_error"].get<double>(), 0.03);

  // It is a part of the members' own numbers: exp(-(u + s u^2)) to this power.
  const ModelSpec &first = together.model.members[0].spec, &second = together.model.members[1].spec;
  EXPECT_NEAR(first.temperature, 1.5 / power, 1e-12);
  EXPECT_NEAR(second.temperature, 0.8 / power, 1e-12);
  const auto exponent = [](const ModelSpec& spec, double d) {
    const double u = d / spec.temperature;
    return u + spec.sharpening * u * u;
  };
  EXPECT_NEAR(exponent(first, 2), power * exponent(learned("ltae", 1.5, said[0]).model.spec, 2), 1e-9);

  // The same numbers serve others.
  auto others = two_views(4000, 1, 2);
  for (auto& model : others)
    for (auto row = model.probabilities.begin(); row != model.probabilities.end(); row += kClasses) {
      float sum = 0;
      for (int k = 0; k < kClasses; ++k) sum += row[k] = static_cast<float>(std::pow(row[k], power));
      for (int k = 0; k < kClasses; ++k) row[k] /= sum;
    }
  EXPECT_LT(error_of_mean(others), 0.03);
}

TEST(JointCalibration, LeavesModelsThatAgreeAlone) {
  auto said = two_views(4000, 1, 3);
  said[1] = said[0];
  EXPECT_NEAR(joined(said).model.spec.metrics["power"].get<double>(), 1, 0.06);
}

TEST(JointCalibration, TrustsFewGroupsLittle) {
  const auto power = [](int per_group) { return joined(two_views(4000, per_group, 4)).model.spec.metrics["power"].get<double>(); };
  EXPECT_LT(std::abs(std::log(power(500))), 0.5 * std::log(power(1)));
}

// Of two models that say the same, but one of them is wrong on half of the samples, nearly only the other counts; with few groups, less so.
TEST(JointCalibration, WeighsMembersByTheirWorth) {
  const auto weights = [](int per_group) {
    auto said = two_views(2000, per_group, 6);
    std::mt19937_64 random(7);
    for (std::size_t i = 0; i < said[1].target.size(); i += 2)
      std::shuffle(said[1].probabilities.begin() + static_cast<std::ptrdiff_t>(i * kClasses),
                   said[1].probabilities.begin() + static_cast<std::ptrdiff_t>((i + 1) * kClasses), random);
    return fit_weights({learned("ltae", 1, said[0]), learned("mlp", 1, said[1])});
  };
  const auto many = weights(1), few = weights(200);
  EXPECT_NEAR(many[0] + many[1], 2, 1e-9);
  EXPECT_GT(many[0], 1.6);
  EXPECT_GT(few[0], 1);
  EXPECT_LT(few[0], 1.4);

  // Models of one architecture share its weight; alike, all have 1.
  const auto said = two_views(2000, 1, 8);
  const auto three = fit_weights({learned("ltae", 1, said[0]), learned("mlp", 1, said[0]), learned("ltae", 1, said[0])});
  EXPECT_NEAR(three[0], 0.75, 1e-6);
  EXPECT_NEAR(three[1], 1.5, 1e-6);
  EXPECT_EQ(three[0], three[2]);
}

TEST(JointCalibration, NeedsTheSameHeldOutSamples) {
  auto said = two_views(200, 1, 5);
  said[1].group.back() = 1000;
  for (const auto& what : {said, std::vector<HeldOutProbabilities>(2)}) {
    const LearnedModel together = joined(what);
    EXPECT_FALSE(together.model.spec.metrics.contains("power"));
    EXPECT_EQ(together.model.members[0].spec.temperature, 1.5);
  }
}

TEST(JointCalibration, OfAMeanAndAnotherModelKnowsAllMembers) {
  const auto said = two_views(500, 1, 6), third = two_views(500, 1, 6);
  const LearnedModel pair = joined(said);
  const LearnedModel all = join_models({pair, learned("transformer", 1, third[0])});
  ASSERT_EQ(all.held_out.size(), 3u);
  const double power = all.model.spec.metrics["power"].get<double>();
  EXPECT_NEAR(all.model.members[0].spec.temperature, pair.model.members[0].spec.temperature / power, 1e-12);
}

TEST(JointCalibration, StaysInTheFile) {
  const LearnedModel together = joined(two_views(500, 1, 7));
  const std::string file = testing::temp_dir() + "/both.safetensors";
  ModelFile given = together.model;
  for (ModelFile& member : given.members) member.tensors["weight"] = {{1}, {1.0f}};
  given.write(file);
  const ModelFile read = ModelFile::read(file);
  EXPECT_EQ(read.spec.metrics, together.model.spec.metrics);
  EXPECT_EQ(read.members[1].spec.temperature, together.model.members[1].spec.temperature);
}

}  // namespace
}  // namespace millesime
