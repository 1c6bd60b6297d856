#include "pipeline/core/results.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::HasSubstr;

Nomenclature three_classes() {
  Nomenclature nomenclature = nomenclature_of_codes({1, 2, 3});
  nomenclature.name = "three";
  nomenclature.classes[0].name = "Eau";
  nomenclature.classes[1].name = "Forêts";  // six characters, seven bytes
  nomenclature.classes[2].name = "Blé";
  return nomenclature;
}

ConfusionMatrix matrix_of(const std::vector<std::vector<int>>& rows) {
  ConfusionMatrix matrix({1, 2, 3});
  for (std::size_t r = 0; r < rows.size(); ++r)
    for (std::size_t c = 0; c < rows[r].size(); ++c) matrix.add(static_cast<int>(r) + 1, static_cast<int>(c) + 1, rows[r][c]);
  return matrix;
}

TEST(ResultsText, TwoRuns) {
  // Kappa 0.75 and 5/9, OA 5/6 and 7/10; intervals with t(2 degrees) = 4.303 as iota2 counts them.
  const std::string text =
      results_text({matrix_of({{2, 0, 0}, {0, 2, 0}, {0, 1, 1}}), matrix_of({{2, 0, 0}, {0, 1, 1}, {1, 0, 1}})}, three_classes());
  EXPECT_EQ(text,
            "#row = reference\n"
            "#col = production\n"
            "\n"
            "*********** Matrice de confusion ***********\n"
            "\n"
            "      | Eau  |Forêts| Blé  \n"
            " Eau  | 2.00 | 0.00 | 0.00 | Eau  \n"
            "Forêts| 0.00 | 1.50 | 0.50 |Forêts\n"
            " Blé  | 0.50 | 0.50 | 1.00 | Blé  \n"
            "\n"
            "KAPPA : 0.625 +- 0.538\n"
            "OA : 0.750 +- 0.359\n"
            "\n"
            "   Classes     | Precision mean |  Rappel mean   |  F-score mean  | Confusion max \n"
            "-----------------------------------------------------------------------------------\n"
            "     Eau       | 0.833 +- 0.717 |  1.000 +- nan  | 0.900 +- 0.430 | Eau, Forêts, Blé\n"
            "    Forêts     | 0.833 +- 0.717 | 0.750 +- 1.076 | 0.733 +- 0.287 | Forêts, Blé, Eau\n"
            "     Blé       | 0.750 +- 1.076 |  0.500 +- nan  | 0.583 +- 0.359 | Blé, Forêts, Eau\n");
}

TEST(ResultsText, OneRunHasNoInterval) {
  const std::string text = results_text({matrix_of({{2, 0, 0}, {2, 0, 0}, {0, 0, 3}})}, three_classes());
  EXPECT_THAT(text, HasSubstr("\nOA : 0.714\n"));
  EXPECT_THAT(text, HasSubstr("    Forêts     |      nan       |     0.000      |     0.000      | Eau, Forêts, Blé\n"));
  const std::string empty = results_text({matrix_of({{2, 0, 0}, {0, 0, 0}, {0, 1, 3}})}, three_classes());
  EXPECT_THAT(empty, ::testing::ContainsRegex("Forêts  .* \\| \n"));  // no reference sample, no confusion
}

TEST(ResultsText, NamesTheClassThatHasNoName) {
  EXPECT_THROW(results_text({ConfusionMatrix::from_pairs(std::vector{7}, std::vector{1})}, three_classes()), UserError);
  try {
    require_known_classes(ConfusionMatrix::from_pairs(std::vector{7, 7, 1}, std::vector{1, 255, 1}), three_classes(), "a.csv");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("a.csv"), HasSubstr("7 (reference 2 px, map 0 px)"), HasSubstr("255 (reference 0 px, map 1 px)")));
  }
}

TEST(AccuracyJson, ReadsBackWhatItWrote) {
  AccuracyReport report{"held-out pixels", {{"seed 0", matrix_of({{2, 0, 0}, {0, 2, 0}, {0, 1, 1}}), Calibration{}, 4}}, std::nullopt};
  report.runs[0].calibration->add(0.2, true, 3);
  report.runs[0].calibration->add(0.95, false, 2);
  report.final_map = MapAccuracy{"final map", matrix_of({{1}}), std::nullopt, 0};
  report.final_map->polygons = 7, report.final_map->not_judged = {2, 3};
  report.confusions = {{3, 2, 40, 5, 20, 30, 1.25, 43.5}};
  report.learned_polygons = {{2, 11}, {3, 4}};

  const auto json = accuracy_json(report, three_classes());
  EXPECT_EQ(json.at("schema"), "millesime-accuracy-1");
  EXPECT_EQ(json.at("classes").at(1).at("name"), "Forêts");
  EXPECT_DOUBLE_EQ(json.at("runs").at(0).at("overall_accuracy"), 5.0 / 6);
  EXPECT_THAT(json.dump(), HasSubstr("\"half_width\":null"));  // of a single run
  EXPECT_EQ(json.at("mean").at("overall_accuracy").at("runs"), 1);

  const std::string file = testing::temp_dir() + "/accuracy.json";
  write_text(file, json.dump(1));
  const AccuracyReport read = read_accuracy(file);
  ASSERT_EQ(read.runs.size(), 1u);
  EXPECT_EQ(read.runs[0].confusion, report.runs[0].confusion);
  EXPECT_EQ(read.runs[0].unmapped, 4);
  EXPECT_DOUBLE_EQ(read.runs[0].calibration->expected_error(), report.runs[0].calibration->expected_error());
  ASSERT_TRUE(read.final_map);
  EXPECT_FALSE(read.final_map->calibration);
  EXPECT_EQ(read.final_map->polygons, 7);
  EXPECT_EQ(read.final_map->not_judged, (std::vector<int>{2, 3}));
  EXPECT_FALSE(read.runs[0].polygons);
  EXPECT_EQ(read.confusions, report.confusions);
  EXPECT_EQ(read.learned_polygons, report.learned_polygons);
  EXPECT_EQ(accuracy_json(read, three_classes()).dump(), json.dump());

  write_text(file, "{\"schema\": \"millesime-accuracy-1\"}");
  EXPECT_THROW(read_accuracy(file), UserError);
}

}  // namespace
}  // namespace millesime
