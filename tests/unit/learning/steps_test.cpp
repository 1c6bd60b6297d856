// Numbers mean the same in whatever steps they are stored: tables of other digits and units, with and without the column tile, images.

#include <cmath>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/arch/random_forest.h"
#include "pipeline/core/atomic_file.h"
#include "pipeline/core/band_steps.h"
#include "pipeline/core/land_blocks.h"
#include "pipeline/core/text.h"
#include "pipeline/imagery/image_steps.h"
#include "pipeline/learning/evaluation.h"
#include "pipeline/learning/prediction.h"
#include "pipeline/learning/sample_blocks.h"
#include "pipeline/stages/train.h"
#include "tests/support/message_of.h"
#include "tests/support/silent_context.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::HasSubstr;

const std::vector<std::string> kDays = {"20210110", "20210320", "20210601", "20210812"};

// Reflectance in thousandths as the table writes it, of two bands and three classes.
std::string reflectances(const std::function<std::string(int)>& number, const std::string& more = "", const std::string& of_row = "") {
  std::string text = "label,group" + more;
  for (const std::string& day : kDays) text += ",B4_" + day + ",B8_" + day;
  text += "\n";
  for (int i = 0; i < 90; ++i) {
    text += join_text(1 + i % 3, ",", i / 3, of_row);
    for (int d = 0; d < 4; ++d)
      for (int b = 0; b < 2; ++b) text += "," + number(60 + 110 * ((d * (1 + i % 3) + b) % 4) + (i * 7 + d) % 40);
    text += "\n";
  }
  return text;
}
std::string of_unit(int n) { return fixed(n / 1000.0, 3); }      // 0.234
std::string in_percent(int n) { return fixed(n / 10.0, 1); }     // 23.4
std::string as_images(int n) { return std::to_string(10 * n); }  // 2340

class Steps : public ::testing::Test {
 protected:
  std::string put(const std::string& name, const std::string& text) const {
    write_text(folder_ + "/" + name, text);
    return folder_ + "/" + name;
  }
  ModelSpec train(const std::string& model, const std::string& file, const std::vector<std::string>& indices = {}) {
    TrainCommand command;
    command.samples = {file};
    command.request.recipe.effort = "quick", command.request.recipe.epochs = 30, command.request.recipe.trees = 20;
    command.request.recipe.doubtful = 0;
    command.request.model.name = model, command.request.model.indices = indices;
    command.request.output = folder_ + "/model.safetensors";
    train_model(command, silent_.context);
    return ModelFile::read(command.request.output).spec;
  }
  std::vector<double> probabilities(const std::string& file) {
    std::vector<double> all;
    const ModelFile model = ModelFile::read(folder_ + "/model.safetensors");
    for (const Samples& part : load_parts(file))
      for (const double p : predict_probabilities(model, std::vector{select_samples(part, file, SampleUse::all, 0)}, silent_.context))
        all.push_back(p);
    return all;
  }
  testing::SilentContext silent_;
  const std::string folder_ = testing::temp_dir();
};

TEST_F(Steps, OfTablesAreThoseOfImages) {
  const std::string fine = put("fine.csv", reflectances(of_unit)), percent = put("percent.csv", reflectances(in_percent)),
                    images = put("images.csv", reflectances(as_images)), tile = put("tile.csv", reflectances(of_unit, ",tile", ",T31TCJ"));
  for (const char* model : {"random_forest", "mlp"}) {
    EXPECT_THAT(train(model, fine).sources[0].step, Each(1e-4F)) << model;  // as the tile's images have, to which it applies as it is
    const auto expected = probabilities(fine);
    for (const std::string& other : {percent, images, tile}) EXPECT_EQ(probabilities(other), expected) << model << other;
    EXPECT_THAT(train(model, tile).sources[0].step, Each(1e-4F)) << model;  // the column tile changes nothing
    EXPECT_EQ(probabilities(fine), expected) << model;
    EXPECT_THAT(train(model, images).sources[0].step, Each(1e-4F)) << model;
    EXPECT_EQ(probabilities(percent), expected) << model;
  }
}

TEST_F(Steps, IndicesWithANumberAreOfPhysicalValues) {
  const std::string fine = put("fine.csv", reflectances(of_unit)), images = put("images.csv", reflectances(as_images));
  train("random_forest", fine, {"SAVI", "X = B4 / (B8 - 0.4)"});
  const auto expected = probabilities(fine);
  train("random_forest", images, {"SAVI", "X = B4 / (B8 - 0.4)"});
  EXPECT_EQ(probabilities(images), expected);
  EXPECT_EQ(probabilities(fine), expected);
}

TEST_F(Steps, ThatCannotBeThoseOfTheModelAreRefused) {
  std::string kelvin = "label,group,T_20210110,T_20210320\n", far = kelvin;
  for (int i = 0; i < 60; ++i) {
    kelvin += join_text(1 + i % 2, ",", i / 3, ",", 1 + i % 2, ".0", i % 7, ",0.", i % 9, "1\n");
    far += join_text(1 + i % 2, ",", i / 3, ",", 9000 + i % 7, ",", 8000 + i % 9, "\n");
  }
  train("random_forest", put("near.csv", kelvin));
  EXPECT_THAT(testing::message_of([&] { probabilities(put("far.csv", far)); }), HasSubstr("another unit"));
}

TEST(BandSteps, AreToldByNamesAndNumbers) {
  const auto of = [](const std::string& text) {
    const std::string file = testing::temp_dir() + "/t.csv";
    write_text(file, "label," + text);
    const Samples samples = load_parts(file).front();
    return band_steps(samples, samples.series[0]).front();
  };
  EXPECT_FLOAT_EQ(of("B4_20210110\n1,0.25\n2,0.31\n"), 1e-2F);
  EXPECT_FLOAT_EQ(of("B4_20210110\n1,25.5\n2,31.2\n"), 1e-3F);  // percent
  EXPECT_FLOAT_EQ(of("B4_20210110\n1,2550\n2,312\n"), 1e-4F);
  EXPECT_FLOAT_EQ(of("VV_20210110\n1,-12.5\n2,-9.25\n"), 1e-2F);
  EXPECT_FLOAT_EQ(of("VV_20210110\n1,-1250\n2,-925\n"), 1e-2F);
  EXPECT_FLOAT_EQ(of("VV_20210110\n1,-12\n2,-9\n"), 1);
  EXPECT_FLOAT_EQ(of("TEMP_20210110\n1,290\n2,285\n"), 1);
}

// A model of thousandths, of an older program, reads images of 1e-4.
TEST(ImageSteps, ConvertWhatAModelLearnedFrom) {
  ModelFile network;
  network.spec.architecture = "mlp";
  network.spec.sources = {{"sentinel2", {"B4", "B8"}, {"NDVI", "Brightness"}, {200, 300, 400, 350}, {50, 60, 300, 70}, {1e-3F, 1e-3F}}};
  convert_to_steps(network, 0, 1e-4F);
  const auto near = [](float expected) { return FloatNear(expected, 0.01F); };
  EXPECT_THAT(network.spec.sources[0].mean, ElementsAre(near(2000), near(3000), near(400), near(3500)));
  EXPECT_THAT(network.spec.sources[0].deviation, ElementsAre(near(500), near(600), near(300), near(700)));
  network.spec.sources[0].scale.clear(), network.spec.sources[0].step = {1e-4F, 1e-4F};
  const nlohmann::json before = network.spec.to_json();
  convert_to_steps(network, 0, 1e-4F * (1 + 1e-5F));
  EXPECT_EQ(network.spec.to_json(), before);  // bit for bit

  ModelSpec spec;
  spec.architecture = "random_forest", spec.input = InputKind::regular, spec.days = {10, 60}, spec.classes = {1, 2};
  spec.parameters = {{"features", "series"}};
  spec.sources = {{"sentinel2", {"B4", "B8"}, {}, {0, 0}, {1, 1}, {}, {}, {1e-3F, 1e-4F}}};
  TrainedForest forest{4, 2, {0}, {2, -1, 3, -1, -1}, {200, 0, 3000, 0, 0}, {1, 0, 3, 0, 0}, {2, 0, 4, 0, 0}, {-1, 0, -1, 1, 0}, {}};
  ModelFile file = forest_file(spec, forest);
  convert_to_steps(file, 0, 1e-4F);
  EXPECT_THAT(file.tensors.at("threshold").values, ElementsAre(FloatNear(2000, 1e-3F), 0, 3000, 0, 0));
  EXPECT_THAT(file.spec.sources[0].step, Each(FloatNear(1e-4F, 1e-9F)));
}

Samples at(const std::vector<std::pair<double, double>>& places) {
  Samples samples;
  for (const auto& [x, y] : places)
    samples.x.push_back(x), samples.y.push_back(y), samples.label.push_back(1), samples.polygon.push_back(std::ssize(samples.polygon));
  return samples;
}

TEST(SampleBlocks, AreSquaresOfKilometresOfDegreesToo) {
  std::vector<std::pair<double, double>> metres, degrees;
  for (int i = 0; i < 8; ++i) metres.emplace_back(500000 + 6000 * i, 4800000), degrees.emplace_back(2 + 0.09 * i, 60);  // 5 km apart
  const auto squares = [](const Samples& samples) {
    std::vector<std::int64_t> rows(samples.label.size());
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::int64_t>(i);
    const std::vector<SampleSelection> selections = {{&samples, "a.csv", rows}};
    return note_on_blocks(selections, 5);
  };
  EXPECT_THAT(squares(at(metres)), HasSubstr("whole squares of 5 km"));
  EXPECT_THAT(squares(at(degrees)), HasSubstr("whole squares of 5 km; the samples lie in 8"));
  EXPECT_THAT(squares(at({{2, 48}, {2.001, 48}})), HasSubstr("polygons, not squares of 5 km: the samples lie in 1"));
  EXPECT_THAT(testing::message_of([&] { squares(at({{0, 0}, {0, 0}})); }), HasSubstr("no positions"));
  EXPECT_NE(block_of_degrees(2.0, 45.01, 5), block_of_degrees(2.1, 45.01, 5));
}

}  // namespace
}  // namespace millesime
