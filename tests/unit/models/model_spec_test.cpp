#include "models/base/model_spec.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/base/model_file.h"
#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/safetensors.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/models/small_models.h"

namespace millesime {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using testing::small_input;
using testing::small_spec;

TEST(ModelSpec, WhatIsWrittenIsReadBack) {
  ModelSpec spec = small_spec("temporal_cnn", 3, 8, 2);
  spec.sources.front().indices = {"NDVI"};
  spec.sources.front().mean = {0.1f, 2.5f, 3, 4};
  spec.sources.front().deviation = {1, 1e-3f, 1000, 0.7f};
  const nlohmann::json base{{"path", "b.safetensors"}, {"xxh3", "00ee"}, {"provenance", small_spec("ltae").provenance.to_json()}};
  spec.provenance = {{{"a.safetensors", "00ff"}},
                     12,
                     3,
                     {{1, 20, 9, 12}},
                     "constant 9",
                     "smote to 12",
                     7,
                     2021,
                     {2020, 2021},
                     "north",
                     "all samples",
                     "0.1.0",
                     SampleDigests({7, 5}),
                     base};
  spec.metrics = {{"curve", {1, 2}}};
  spec.temperature = 0.1234567890123, spec.sharpening = 0.0123456789;
  const auto json = spec.to_json();
  const ModelSpec again = ModelSpec::from_json(nlohmann::json::parse(json.dump()), "m");
  EXPECT_EQ(again.to_json().dump(), json.dump());
  EXPECT_EQ(again.sources.front().deviation, spec.sources.front().deviation);
  EXPECT_TRUE(again.provenance.known.contains(7));
  // Older files: digests that tell of the polygons of images alone.
  nlohmann::json before = spec.to_json();
  before["provenance"]["known"] = before["provenance"]["known_samples"], before["provenance"].erase("known_samples");
  const Provenance of_older = ModelSpec::from_json(before, "m").provenance;
  EXPECT_TRUE(of_older.known.empty() && of_older.known_polygons.contains(7));
  EXPECT_EQ(again.temperature, spec.temperature);
  EXPECT_EQ(again.sharpening, spec.sharpening);
  auto older = json;
  older.erase("sharpening");
  EXPECT_EQ(ModelSpec::from_json(older, "m").sharpening, 0);
}

// Regular input of format 1 was rounded to integers before indices were computed; such models go on reading what they learned from.
TEST(ModelSpec, TheFormatSaysWhetherGapFilledValuesAreRounded) {
  auto json = small_spec("temporal_cnn").to_json();
  EXPECT_EQ(json.at("format"), 2);
  EXPECT_FALSE(ModelSpec::from_json(json, "m").gap_fill.rounded);
  json.at("format") = 1;
  json.at("gap_fill").erase("rounded");
  const ModelSpec old = ModelSpec::from_json(json, "m");
  EXPECT_TRUE(old.gap_fill.rounded);
  EXPECT_TRUE(ModelSpec::from_json(old.to_json(), "m").gap_fill.rounded);  // and when they are saved again
}

TEST(ModelSpec, ThermalTimeIsOfRawInputAndOfAFormatThatOlderProgramsRefuse) {
  ModelSpec spec = small_spec("ltae");
  spec.thermal = ThermalTime{"weather", 5.5, 11.25};
  auto json = spec.to_json();
  EXPECT_EQ(json.at("format"), 4);
  EXPECT_EQ(ModelSpec::from_json(json, "m").to_json().dump(), json.dump());
  json.at("thermal_time").at("degrees_per_day") = 0;
  EXPECT_THAT(message_of([&] { ModelSpec::from_json(json, "m"); }), ::testing::HasSubstr("m: thermal_time: expected degrees"));
  json = small_spec("temporal_cnn").to_json();
  json["thermal_time"] = spec.to_json().at("thermal_time");
  EXPECT_THAT(message_of([&] { ModelSpec::from_json(json, "m"); }), ::testing::HasSubstr("of raw input alone"));
}

TEST(ModelSpec, IndicesOfAFurtherSourceAreOfAFormatThatOlderProgramsRefuse) {
  ModelSpec spec = small_spec("temporal_cnn");
  SourceSpec radar = spec.sources.front();
  radar.name = "radar", radar.bands = {"VV", "VH"}, radar.days = spec.days;
  radar.mean.resize(2), radar.deviation.resize(2, 1);
  spec.sources.push_back(radar);
  EXPECT_EQ(spec.to_json().at("format"), 2);
  spec.sources[1].indices = {"VH_VV = VH - VV"};
  spec.sources[1].mean.push_back(-700), spec.sources[1].deviation.push_back(90);
  const auto json = spec.to_json();
  EXPECT_EQ(json.at("format"), 5);
  EXPECT_EQ(ModelSpec::from_json(json, "m").to_json().dump(), json.dump());
}

TEST(ModelSpec, PartsOfTheSeasonThatMeetAreOfAFormatThatOlderProgramsRefuse) {
  ModelSpec spec = small_spec("temporal_cnn");
  spec.metrics["season"] = {{"parts", {{{"until", 105}}}}};
  EXPECT_EQ(spec.to_json().at("format"), 2);
  spec.metrics["season"] = {{"parts", {{{"middle", 105}}}}};
  EXPECT_EQ(spec.to_json().at("format"), 6);
  EXPECT_EQ(ModelSpec::from_json(spec.to_json(), "m").to_json().dump(), spec.to_json().dump());
}

TEST(ModelSpec, MissingBandsAndStaticsNameBothSides) {
  const ModelSpec spec = small_spec("ltae", 3, 8, 1);
  EXPECT_EQ(spec.bands_in({"B2", "B8", "B4", "B3"}, "x"), (std::vector<int>{3, 2, 1}));
  EXPECT_THAT(message_of([&] {
                spec.bands_in({"B2", "B3"}, "tile T31TCJ");
              }),
              AllOf(HasSubstr("tile T31TCJ"), HasSubstr("reads bands B3, B4, B8"), HasSubstr("have B2, B3"), HasSubstr("missing: B4, B8")));
  EXPECT_THAT(message_of([&] { spec.statics_in({}, "s.csv"); }), AllOf(HasSubstr("s.csv"), HasSubstr("static0"), HasSubstr("have none")));
}

TEST(ModelSpec, ForgedSpecsAreRefusedWithTheFieldAndTheFile) {
  const auto good = small_spec("temporal_cnn").to_json();
  const auto refused = [&](const std::string& pointer, const nlohmann::json& value) {
    auto json = good;
    json[nlohmann::json::json_pointer(pointer)] = value;
    return message_of([&] { ModelSpec::from_json(json, "m.safetensors"); });
  };
  EXPECT_EQ(message_of([&] { ModelSpec::from_json(good, "m.safetensors"); }), "no error");
  EXPECT_THAT(refused("/format", 7), AllOf(HasSubstr("m.safetensors"), HasSubstr("format 7")));
  EXPECT_THAT(refused("/input", "cloudy"), HasSubstr("expected raw or regular"));
  EXPECT_THAT(refused("/sources", nlohmann::json::array()), HasSubstr("no sources"));
  EXPECT_THAT(refused("/sources/0/mean", {1, 2}), HasSubstr("\"mean\": expected 3 values, got 2"));
  EXPECT_THAT(refused("/sources/0/deviation", {1, 0, 1}), HasSubstr("deviation above 0"));
  EXPECT_THAT(refused("/sources/0/bands", "B2"), HasSubstr("\"bands\" has another type"));
  EXPECT_THAT(refused("/days", {3, 3}), HasSubstr("increasing order"));
  EXPECT_THAT(refused("/days", nlohmann::json::array()), HasSubstr("no target dates"));
  EXPECT_THAT(refused("/classes", {10, 10}), HasSubstr("class 10 occurs twice"));
  EXPECT_THAT(refused("/classes", {99}), HasSubstr("class 99 is not in"));
  EXPECT_THAT(refused("/temperature", 0), HasSubstr("temperature"));
  EXPECT_THAT(refused("/sharpening", -0.1), HasSubstr("sharpening"));
  auto lacking = good;
  lacking.erase("provenance");
  EXPECT_THAT(message_of([&] { ModelSpec::from_json(lacking, "m"); }), HasSubstr("\"provenance\" is missing"));
}

TEST(ModelSpec, ParametersAreCheckedByNameTypeAndRange) {
  EXPECT_EQ(architecture_parameters("ltae", {"d_model=64", "norm=group"})["d_model"], 64);
  EXPECT_THAT(message_of([] { architecture_parameters("ltae", {"d_modl=64"}); }), AllOf(HasSubstr("d_modl"), HasSubstr("d_model")));
  EXPECT_THAT(message_of([] { architecture_parameters("ltae", {"d_model=wide"}); }), HasSubstr("got \"wide\""));
  EXPECT_THAT(
      message_of([] { architecture("temporal_cn"); }),
      AllOf(HasSubstr("ltae, temporal_cnn, inception_time, transformer, mlp, random_forest"), HasSubstr("did you mean \"temporal_cnn\"")));
  ModelSpec spec = small_spec("ltae");
  spec.parameters["d_model"] = 1 << 30;
  EXPECT_THAT(message_of([&] { spec.integer("d_model", 1, kMaxWidth); }), HasSubstr("expected an integer of 1 to 8192"));
}

TEST(ModelFile, SamplesFilesAndBrokenFilesAreNoModels) {
  const std::string file = testing::temp_dir() + "/m.safetensors";
  const std::vector<float> numbers{1, 2, 3};
  SafetensorsWriter other;
  other.add("x", {3}, numbers.data());
  other.write(file);
  EXPECT_THAT(message_of([&] { ModelFile::read(file); }), AllOf(HasSubstr(file), HasSubstr("not a model of Millesime")));
  SafetensorsWriter damaged;
  damaged.metadata("millesime.model", "{");
  damaged.write(file);
  EXPECT_THAT(message_of([&] { ModelFile::read(file); }), AllOf(HasSubstr(file), HasSubstr("damaged")));
  write_text(file, "not a model");
  EXPECT_THAT(message_of([&] { ModelFile::read(file); }), HasSubstr(file));
}

TEST(HoldOut, KeepsGroupsWholeAndLeavesLonelyGroupsToLearn) {
  const ModelSpec spec = small_spec("ltae");
  ModelInput input = small_input(spec, 60);
  for (std::size_t i = 0; i < 60; ++i) {
    input.target[i] = i < 56 ? static_cast<int>(i / 4 % 2) : 2;  // class 2 has one group
    input.group[i] = static_cast<std::int64_t>(i / 4);
  }
  const HoldOut split = hold_out(input, 0.3, 5);
  EXPECT_EQ(split.learn.size() + split.held_out.size(), 60u);
  EXPECT_EQ(split.held_out.size(), 16u);  // 2 of the 7 groups of each of the two classes
  std::set<std::int64_t> learning;
  for (const auto i : split.learn) learning.insert(input.group[static_cast<std::size_t>(i)]);
  for (const auto i : split.held_out) {
    EXPECT_FALSE(learning.contains(input.group[static_cast<std::size_t>(i)]));
    EXPECT_NE(input.target[static_cast<std::size_t>(i)], 2);
  }
  EXPECT_EQ(hold_out(input, 0.3, 5).held_out, split.held_out);
  EXPECT_NE(hold_out(input, 0.3, 6).held_out, split.held_out);
  EXPECT_TRUE(hold_out(input, 0, 5).held_out.empty());
}

// 120 groups of three samples in 24 blocks: classes 0 and 1 everywhere, class 2 in one block.
class HoldOutBlocks : public ::testing::Test {
 protected:
  HoldOutBlocks() : input(small_input(spec, 360)), table(input) {
    for (std::size_t i = 0; i < 360; ++i) {
      const auto group = static_cast<std::int64_t>(i / 3), block = group % 24;
      table.group[i] = group, table.target[i] = block == 7 && group > 60 ? 2 : static_cast<int>(group / 24 % 2);
      table.block.push_back(block);
    }
  }
  // Blocks that have held-out and learning samples of a class other than 2.
  std::set<std::int64_t> divided(const HoldOut& split) const {
    std::map<std::int64_t, std::set<bool>> uses;
    for (const auto& [held, rows] : {std::pair{true, &split.held_out}, {false, &split.learn}})
      for (const auto i : *rows)
        if (table.target[static_cast<std::size_t>(i)] != 2) uses[table.block[static_cast<std::size_t>(i)]].insert(held);
    std::set<std::int64_t> blocks;
    for (const auto& [block, of_block] : uses)
      if (of_block.size() > 1) blocks.insert(block);
    return blocks;
  }
  std::set<int> classes(const std::vector<std::int64_t>& rows) const {
    std::set<int> found;
    for (const auto i : rows) found.insert(table.target[static_cast<std::size_t>(i)]);
    return found;
  }
  ModelSpec spec = small_spec("ltae");
  ModelInput input;
  InputTable table;
};

TEST_F(HoldOutBlocks, HoldsWholeBlocksOut) {
  const HoldOut split = hold_out(table, 0.2, 3);
  EXPECT_TRUE(divided(split).empty());
  EXPECT_NEAR(static_cast<double>(split.held_out.size()), 0.2 * 360, 9);  // a block has 15 samples
  EXPECT_THAT(classes(split.held_out), ::testing::ElementsAre(0, 1, 2));  // of class 2 a group, as it has one block
  EXPECT_THAT(classes(split.learn), ::testing::ElementsAre(0, 1, 2));
  EXPECT_NE(hold_out(table, 0.2, 4).held_out, split.held_out);
  const InputTable some = table.subset(split.learn);
  EXPECT_EQ(some.block.size(), split.learn.size());

  for (auto& block : table.block) block %= 5;  // too few of them
  EXPECT_EQ(divided(hold_out(table, 0.2, 3)).size(), 5u);
}

TEST_F(HoldOutBlocks, HoldsEveryBlockOutOnceInParts) {
  const auto parts = hold_out_parts(table, 5, 3);
  ASSERT_EQ(parts.size(), 5u);
  std::vector<int> times(360, 0);
  for (const HoldOut& part : parts) {
    EXPECT_TRUE(divided(part).empty());
    EXPECT_THAT(classes(part.learn), ::testing::ElementsAre(0, 1, 2));
    EXPECT_NEAR(static_cast<double>(part.held_out.size()), 72, 16);
    for (const auto i : part.held_out) ++times[static_cast<std::size_t>(i)];
  }
  EXPECT_THAT(times, ::testing::Each(1));
}

TEST(StaticSpec, ACategoryIsAnInputACodeAndOneForUnknownCodes) {
  const StaticSpec register_of_farms{"register:category", 0, 1, {2, 5, 9000000}}, elevation{"elevation", 200, 50};
  const float missing = std::numeric_limits<float>::quiet_NaN();
  const auto inputs = [](const StaticSpec& spec, float value, bool normalised) {
    std::vector<float> numbers(static_cast<std::size_t>(spec.width()), -1);
    spec.write(value, normalised, numbers.data());
    return numbers;
  };
  for (const bool normalised : {false, true}) {
    EXPECT_EQ(inputs(register_of_farms, 5, normalised), (std::vector<float>{0, 1, 0, 0}));
    EXPECT_EQ(inputs(register_of_farms, 9000000, normalised), (std::vector<float>{0, 0, 1, 0}));
    EXPECT_EQ(inputs(register_of_farms, 7, normalised), (std::vector<float>{0, 0, 0, 1}));
    EXPECT_EQ(inputs(register_of_farms, missing, normalised), (std::vector<float>{0, 0, 0, 0}));
  }
  EXPECT_TRUE(register_of_farms.is_unknown(7));
  EXPECT_FALSE(register_of_farms.is_unknown(2) || register_of_farms.is_unknown(missing) || elevation.is_unknown(7));
  EXPECT_EQ(inputs(elevation, 300, true), std::vector<float>{2});
  EXPECT_EQ(inputs(elevation, missing, true), std::vector<float>{0});
  EXPECT_EQ(inputs(elevation, 300, false), std::vector<float>{300});
  ModelSpec spec = testing::small_spec("random_forest", 3, 2);
  spec.statics = {elevation, register_of_farms};
  spec.sources.push_back({"sentinel1", {"VV"}, {}, {0}, {1}, {}, {5, 25, 45}});
  EXPECT_EQ(spec.n_statics(), 5);
  const ModelSpec read = ModelSpec::from_json(spec.to_json(), "model");
  EXPECT_EQ(read.n_statics(), 5);
  EXPECT_EQ(read.statics[1].codes, register_of_farms.codes);
  EXPECT_EQ(read.days_of(1), (std::vector<int>{5, 25, 45}));
  EXPECT_EQ(read.days_of(0), spec.days);
}

}  // namespace
}  // namespace millesime
