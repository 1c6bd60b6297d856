#include "pipeline/learning/unread_options.h"

#include <gmock/gmock.h>

#include "models/base/option_readers.h"
#include "pipeline/learning/request.h"

namespace millesime {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// What is said of a training of `model` with these assignments.
std::string said_of(const std::string& model, const std::vector<std::string>& assignments, bool tuned = false) {
  LearningRequest request;
  Options options = request.declare();
  for (const std::string& assignment : assignments) options.set(assignment);
  request.model.name = model;
  apply_recipe(options, model);
  return unread_options(options, readers_of(request.model, tuned), "the model " + model);
}

TEST(UnreadOptions, AreNamedWithTheModelAndWhatReadsThem) {
  EXPECT_EQ(said_of("random_forest", {"train.epochs=10"}),
            "train.epochs has no effect on the model random_forest: it is for networks (command line)");
  EXPECT_THAT(said_of("ltae", {"train.trees=10", "time.step_days=5"}),
              AllOf(HasSubstr("train.trees has no effect on the model ltae: it is for random forests"),
                    HasSubstr("time.step_days has no effect on the model ltae: it is for models of regular input")));
  EXPECT_THAT(said_of("temporal_cnn", {"train.season_cut=1"}), HasSubstr("it is for networks of raw input"));
  EXPECT_THAT(said_of("ltae", {"train.effort=best"}), HasSubstr("it is for the model auto"));
  EXPECT_THAT(said_of("auto", {"train.trees=10"}, true), HasSubstr("train.trees")) << "one network is fine-tuned";
}

TEST(UnreadOptions, WhatAMemberReadsIsNotNamed) {
  EXPECT_EQ(said_of("random_forest", {}), "") << "defaults";
  EXPECT_EQ(said_of("temporal_cnn", {}), "") << "defaults of configs/models";
  EXPECT_EQ(said_of("ltae", {"train.epochs=10", "train.season_cut=1", "train.doubtful=0", "train.validation_ratio=0.2"}), "");
  EXPECT_EQ(said_of("ltae", {"model.input=regular", "time.step_days=5"}), "");
  EXPECT_EQ(said_of("ltae+random_forest", {"train.epochs=10", "train.trees=10"}), "");
  EXPECT_EQ(said_of("auto", {"train.epochs=10", "train.trees=10", "train.season_cut=1", "train.effort=quick", "time.step_days=5"}), "");
}

TEST(UnreadOptions, OfSeveralModelsThatAreCompared) {
  EXPECT_EQ(unread_assignments({"train.epochs=10", "train.trees=10"}, {"random_forest", "ltae"}), "") << "each is read by one of them";
  EXPECT_THAT(unread_assignments({"train.effort=best"}, {"random_forest", "ltae"}),
              HasSubstr("train.effort has no effect on any of the models"));
  EXPECT_EQ(unread_assignments({}, {"ltae:train.epochs=3+random_forest:train.trees=5"}), "");
  EXPECT_THAT(unread_assignments({}, {"ltae", "random_forest:train.epochs=3"}),
              HasSubstr("train.epochs has no effect on the model random_forest:train.epochs=3"));
}

TEST(UnreadOptions, OfAModelThatIsThere) {
  ModelFile forest, network, both;
  forest.spec.architecture = "random_forest", forest.spec.input = InputKind::regular;
  network.spec.architecture = "ltae", network.spec.input = InputKind::raw;
  both.members = {forest, network};
  EXPECT_THAT(readers_of(forest), Not(::testing::Contains(reader::kInPrecision)));
  EXPECT_THAT(readers_of(network), ::testing::Contains(reader::kInPrecision));
  EXPECT_THAT(readers_of(both), ::testing::IsSupersetOf({reader::kInPrecision, reader::kForests, reader::kRawNetworks}));
}

}  // namespace
}  // namespace millesime
