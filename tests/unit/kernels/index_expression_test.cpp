// Indices that a configuration declares.

#include "kernels/ops/index_expression.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/error.h"

namespace millesime::testing {
namespace {

using ::testing::HasSubstr;

const std::vector<std::string> kBands = {"B2", "B3", "B4", "B8", "B11", "B12", "B8A"};

float value_of(const std::string& index, const std::vector<std::int16_t>& samples, const std::vector<float>& steps = {}) {
  IndicesArgs args;
  args.pixels = 1, args.n_dates = 1, args.n_bands = static_cast<int>(samples.size());
  args.plan = plan_indices({index}, kBands, steps);
  float value = 0;
  args.samples = samples.data(), args.values = &value;
  indices(Device{}, args);
  return value;
}

const std::vector<std::int16_t> kSamples = {400, 700, 500, 4000, 1500, 900, 4100};

TEST(IndexExpression, ComesToWhatTheTableComesTo) {
  for (const auto& [expression, name] : std::vector<std::pair<std::string, std::string>>{{"X = (B8 - B4) / (B8 + B4)", "NDVI"},
                                                                                         {"X=2.5*(B8-B4)/(B8+6*B4-7.5*B2+1)", "EVI"},
                                                                                         {"X = 1.5 * (B8 - B4) / (B8 + B4 + 0.5)", "SAVI"},
                                                                                         {"X = (B11 - B8) / (B11 + B8)", "NDWI"}})
    EXPECT_FLOAT_EQ(value_of(expression, kSamples), value_of(name, kSamples)) << expression;
}

TEST(IndexExpression, SumsRatiosAndNumbers) {
  EXPECT_FLOAT_EQ(value_of("GCVI = B8 / B3 - 1", kSamples), 4000.0f / 700 - 1);
  EXPECT_FLOAT_EQ(value_of("X = -(B8 - -B4) / 2 / B3", kSamples), -4500.0f / 2 / 700);
  EXPECT_FLOAT_EQ(value_of("X = 3 / (B8 + .5)", kSamples), 3 / 0.9f);
  EXPECT_FLOAT_EQ(value_of("X = B8 - 2 * B4 + 0.1", kSamples), 4000 - 1000 + 1000);  // a reflectance, as it is stored
  EXPECT_EQ(parse_index("X = B8 - B4", kBands).integer_scale, 1);
  EXPECT_EQ(parse_index("X = B8 / B4", kBands).integer_scale, 1000);
  EXPECT_FLOAT_EQ(value_of("X = B8A / B4", kSamples), 4100.0f / 500);
  EXPECT_EQ(index_name(" GCVI = B8 / B3 - 1"), "GCVI");
  EXPECT_EQ(index_name("NDVI"), "NDVI");
}

TEST(IndexExpression, ComputesPhysicalValuesWhateverTheStep) {
  const std::vector<std::int16_t> thousandths = {40, 70, 50, 400, 150, 90, 410};
  const std::vector<float> steps(kBands.size(), 1e-3F), usual(kBands.size(), 1e-4F);
  for (const char* index : {"SAVI", "EVI", "OSAVI", "EVI2", "NDVI", "X = B4 / (B8 - 0.3) + 2"}) {
    EXPECT_FLOAT_EQ(value_of(index, thousandths, steps), value_of(index, kSamples)) << index;
    EXPECT_EQ(value_of(index, kSamples, usual), value_of(index, kSamples)) << index;
  }
  EXPECT_FLOAT_EQ(value_of("X = B4 / (B8 - 270)", {0, 0, 60, 290, 0, 0, 0}, std::vector<float>(kBands.size(), 1)), 3);
  EXPECT_FLOAT_EQ(value_of("X = B4 / B8 + 1", {0, 0, 600, 300, 0, 0, 0}, {1, 1, 0.1F, 1, 1, 1, 1}), 1.2F);  // bands of other steps
  EXPECT_FLOAT_EQ(value_of("X = B4 - B8 + 2", {0, 0, 60, 30, 0, 0, 0}, std::vector<float>(kBands.size(), 0.1F)), 50);
}

TEST(IndexExpression, RefusesWhatItCannotCompute) {
  const auto refusal = [](const std::string& expression) -> std::string {
    try {
      parse_index(expression, kBands);
    } catch (const UserError& error) {
      return error.what();
    }
    return "nothing";
  };
  EXPECT_THAT(refusal("X = B8 * B4"), HasSubstr("a product of bands is not supported"));
  EXPECT_THAT(refusal("X = B8 / B4 + B3 / B2"), HasSubstr("a product of bands is not supported"));
  EXPECT_THAT(refusal("X = B9 / B4"), HasSubstr("there is no band B9, the series has B2, B3"));
  EXPECT_THAT(refusal("X = (B8 - B4"), HasSubstr("a \")\" is missing"));
  EXPECT_THAT(refusal("X = B8 - "), HasSubstr("the expression is incomplete"));
  EXPECT_THAT(refusal("X = " + std::string(100000, '(') + "B8"), HasSubstr("more than 100 parentheses or signs inside each other"));
  EXPECT_THAT(refusal("X = B8 B4"), HasSubstr("unexpected \"B4\""));
  EXPECT_THAT(refusal("X = B8 / 0"), HasSubstr("division by 0"));
  EXPECT_THAT(refusal("X = B8 / (B3 - B3)"), HasSubstr("division by 0"));
  EXPECT_THAT(refusal("X = 3"), HasSubstr("no band"));
  EXPECT_THAT(refusal("= B8"), HasSubstr("expected a name"));
  EXPECT_THAT(refusal("A-B = B8"), HasSubstr("expected a name"));
  EXPECT_THAT(refusal("X = B2 + B3 + B4 + B8 + B11 + B12 + B8A"), HasSubstr("more than 6 bands"));
}

}  // namespace
}  // namespace millesime::testing
