#include "pipeline/core/accuracy.h"

#include <cmath>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/chance.h"
#include "pipeline/core/error.h"
#include "pipeline/core/stratified_sample.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

ConfusionMatrix matrix_of(const std::vector<int>& codes, const std::vector<std::vector<int>>& rows) {
  ConfusionMatrix matrix(codes);
  for (std::size_t r = 0; r < rows.size(); ++r)
    for (std::size_t c = 0; c < rows[r].size(); ++c) matrix.add(codes[r], codes[c], rows[r][c]);
  return matrix;
}

std::string error_of(const std::string& csv) {
  const std::string file = testing::temp_dir() + "/bad.csv";
  write_text(file, csv);
  try {
    read_confusion_csv(file);
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

TEST(ConfusionMatrix, KeepsCodesInOrderWhileItGrows) {
  ConfusionMatrix matrix;
  matrix.add(20, 5);
  matrix.add(5, 5, 3);
  matrix.add(10, 20, 2);
  EXPECT_THAT(matrix.codes(), ElementsAre(5, 10, 20));
  EXPECT_EQ(matrix.count(20, 5), 1);
  EXPECT_EQ(matrix.count(5, 5), 3);
  EXPECT_EQ(matrix.count(10, 20), 2);
  EXPECT_EQ(matrix.count(10, 10), 0);
  EXPECT_EQ(matrix.count(99, 10), 0);
  EXPECT_EQ(matrix.total(), 6);
}

TEST(ConfusionMatrix, SumsAreThePairsWhateverTheOrderOfMerging) {
  std::mt19937 random(7);
  std::uniform_int_distribution<int> code(1, 9);
  std::vector<std::int32_t> reference, produced;
  for (int i = 0; i < 500; ++i) reference.push_back(code(random) * 3), produced.push_back(code(random) * 2);
  const auto whole = ConfusionMatrix::from_pairs(reference, produced);
  EXPECT_EQ(whole.total(), 500);

  ConfusionMatrix forward, backward;
  std::vector<ConfusionMatrix> parts;
  for (std::size_t begin = 0; begin < 500; begin += 125)
    parts.push_back(ConfusionMatrix::from_pairs(std::span(reference).subspan(begin, 125), std::span(produced).subspan(begin, 125)));
  for (std::size_t i = 0; i < parts.size(); ++i) forward.merge(parts[i]), backward.merge(parts[parts.size() - 1 - i]);
  EXPECT_EQ(forward, whole);
  EXPECT_EQ(backward, whole);
  std::int64_t rows = 0, cols = 0;
  for (int i = 0; i < whole.size(); ++i) rows += whole.row_sum(i), cols += whole.col_sum(i);
  EXPECT_EQ(rows, 500);
  EXPECT_EQ(cols, 500);
}

TEST(ConfusionCsv, ReadsUnsortedAndDifferingLabels) {
  const std::string file = testing::temp_dir() + "/confusion.csv";
  write_text(file, "#Reference labels (rows):12,11\r\n#Produced labels (columns):255,11,12\r\n1,2,3\r\n4,5,6.00\r\n");
  const auto matrix = read_confusion_csv(file);
  EXPECT_THAT(matrix.codes(), ElementsAre(11, 12, 255));
  EXPECT_EQ(matrix.count(12, 255), 1);
  EXPECT_EQ(matrix.count(12, 11), 2);
  EXPECT_EQ(matrix.count(12, 12), 3);
  EXPECT_EQ(matrix.count(11, 255), 4);
  EXPECT_EQ(matrix.count(11, 12), 6);
  EXPECT_EQ(matrix.count(255, 11), 0);
}

TEST(ConfusionCsv, WritesWhatItReads) {
  const std::string file = testing::temp_dir() + "/confusion.csv";
  const auto matrix = matrix_of({1, 2, 23}, {{4, 0, 1}, {2, 9, 0}, {0, 0, 7}});
  write_confusion_csv(matrix, file);
  EXPECT_EQ(read_text(file), "#Reference labels (rows):1,2,23\n#Produced labels (columns):1,2,23\n4,0,1\n2,9,0\n0,0,7\n");
  EXPECT_EQ(read_confusion_csv(file), matrix);
}

TEST(ConfusionCsv, NamesFileLineAndWhatIsWrong) {
  EXPECT_THAT(error_of(""), HasSubstr("header lines"));
  EXPECT_THAT(error_of("1,2\n3,4\n"), AllOf(HasSubstr("bad.csv, line 1"), HasSubstr("#Reference labels")));
  EXPECT_THAT(error_of("#Reference labels (rows):1,x\n#Produced labels (columns):1,2\n"), AllOf(HasSubstr("line 1"), HasSubstr("\"x\"")));
  EXPECT_THAT(error_of("#Reference labels (rows):1,1\n#Produced labels (columns):1,2\n"), HasSubstr("twice"));
  EXPECT_THAT(error_of("#Reference labels (rows):1,2\n#Produced labels (columns):1,2\n1,2\n"), HasSubstr("expected 2 rows"));
  EXPECT_THAT(error_of("#Reference labels (rows):1,2\n#Produced labels (columns):1,2\n1,2\n3\n"),
              AllOf(HasSubstr("line 4"), HasSubstr("got 1")));
  EXPECT_THAT(error_of("#Reference labels (rows):1\n#Produced labels (columns):1\n0.5\n"), HasSubstr("whole number"));
  EXPECT_THAT(error_of("#Reference labels (rows):1\n#Produced labels (columns):1\n-3\n"), HasSubstr("whole number"));
}

TEST(Measure, KnownExample) {  // two raters, 100 objects: agreement 0.6, expected by chance 0.54
  const auto accuracy = measure(matrix_of({1, 2}, {{45, 15}, {25, 15}}));
  EXPECT_EQ(accuracy.total, 100);
  EXPECT_DOUBLE_EQ(accuracy.overall, 0.6);
  EXPECT_NEAR(accuracy.kappa, 0.06 / 0.46, 1e-15);
  EXPECT_DOUBLE_EQ(accuracy.classes[0].precision, 45.0 / 70);
  EXPECT_DOUBLE_EQ(accuracy.classes[0].recall, 0.75);
  EXPECT_DOUBLE_EQ(accuracy.classes[0].f_score, 90.0 / 130);
  EXPECT_DOUBLE_EQ(accuracy.macro_f, (90.0 / 130 + 30.0 / 70) / 2);
}

TEST(Measure, UndefinedIsNaN) {
  const auto nothing = measure(ConfusionMatrix({1, 2}));
  EXPECT_TRUE(std::isnan(nothing.overall));
  EXPECT_TRUE(std::isnan(nothing.kappa));
  EXPECT_TRUE(std::isnan(nothing.macro_f));

  const auto one_class = measure(matrix_of({1}, {{10}}));
  EXPECT_EQ(one_class.overall, 1);
  EXPECT_TRUE(std::isnan(one_class.kappa));

  const auto missed = measure(matrix_of({1, 2, 3}, {{5, 0, 0}, {2, 0, 0}, {0, 0, 0}}));
  EXPECT_TRUE(std::isnan(missed.classes[1].precision));
  EXPECT_EQ(missed.classes[1].recall, 0);
  EXPECT_EQ(missed.classes[1].f_score, 0);
  EXPECT_TRUE(std::isnan(missed.classes[2].f_score));
  EXPECT_DOUBLE_EQ(missed.macro_f, (10.0 / 12) / 2);

  const auto not_judged = measure(matrix_of({1, 2}, {{5, 5}, {0, 0}}));
  EXPECT_EQ(not_judged.classes[1].f_score, 0);
  EXPECT_DOUBLE_EQ(not_judged.macro_f, 10.0 / 15) << "a class without reference is not in the mean";
}

TEST(StudentT, TabulatedQuantiles) {
  EXPECT_NEAR(student_t_quantile(0.975, 1), 12.7062047364, 1e-8);
  EXPECT_NEAR(student_t_quantile(0.975, 2), 4.30265272991, 1e-9);
  EXPECT_NEAR(student_t_quantile(0.975, 9), 2.26215716274, 1e-9);
  EXPECT_NEAR(student_t_quantile(0.95, 30), 1.69726088659, 1e-9);
  EXPECT_NEAR(student_t_quantile(0.975, 1e6), 1.95996635682, 1e-9);
  EXPECT_NEAR(student_t_quantile(0.025, 9), -2.26215716274, 1e-9);
  EXPECT_NEAR(student_t_quantile(0.5, 4), 0, 1e-12);
}

TEST(MeanInterval, OverSeeds) {
  const auto interval = mean_interval({0.80, 0.82, std::nan(""), 0.87});
  EXPECT_EQ(interval.n, 3);
  EXPECT_NEAR(interval.mean, 0.83, 1e-15);
  EXPECT_NEAR(interval.half_width, 4.30265272991 * std::sqrt(0.0013 / 3), 1e-11);  // variance (9 + 1 + 16) / 2 · 1e-4
  EXPECT_TRUE(std::isnan(mean_interval({0.5}).half_width));
  EXPECT_TRUE(std::isnan(mean_interval({}).mean));
  EXPECT_EQ(mean_interval({0.5, 0.5}).half_width, 0);
}

TEST(Calibration, PerfectAndOverconfident) {
  Calibration perfect;
  perfect.add(0.8, true, 8);
  perfect.add(0.8, false, 2);
  perfect.add(1.0, true, 5);
  EXPECT_NEAR(perfect.expected_error(), 0, 1e-15);

  Calibration overconfident;
  overconfident.add(0.9, true, 60);
  overconfident.add(0.9, false, 40);
  overconfident.add(0.0, false, 100);
  EXPECT_NEAR(overconfident.expected_error(), 0.15, 1e-12);
  EXPECT_NEAR(overconfident.maximum_error(), 0.3, 1e-12);
  EXPECT_EQ(overconfident.bins()[0].n, 100);
  EXPECT_EQ(overconfident.bins()[13].n, 100);  // (13/15, 14/15]

  perfect.merge(overconfident);
  EXPECT_EQ(perfect.total(), 215);
  EXPECT_TRUE(std::isnan(Calibration().expected_error()));
}

// Olofsson et al. 2014, table 8 and section 5: deforestation, forest gain, stable forest, stable non-forest; 30 m pixels.
TEST(AdjustAreas, WorkedExampleOfOlofsson) {
  ConfusionMatrix sample;
  const int map_by_reference[4][4] = {{66, 0, 5, 4}, {0, 55, 8, 12}, {1, 0, 153, 11}, {2, 1, 9, 313}};
  for (int map = 0; map < 4; ++map)
    for (int reference = 0; reference < 4; ++reference) sample.add(reference + 1, map + 1, map_by_reference[map][reference]);
  const double ha = 0.09;
  const auto result = adjust_areas(sample, {{1, 200000 * ha}, {2, 150000 * ha}, {3, 3200000 * ha}, {4, 6450000 * ha}});

  EXPECT_NEAR(result.overall.value, 0.95, 0.005);
  EXPECT_NEAR(result.overall.half_width(), 0.02, 0.005);
  const double users[] = {0.88, 0.73, 0.93, 0.96}, users_half[] = {0.07, 0.10, 0.04, 0.02};
  const double producers[] = {0.75, 0.85, 0.93, 0.96}, producers_half[] = {0.21331, 0.25441, 0.03432, 0.01836};  // equation 7 by hand
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(result.classes[i].users.value, users[i], 0.005) << i;
    EXPECT_NEAR(result.classes[i].users.half_width(), users_half[i], 0.005) << i;
    EXPECT_NEAR(result.classes[i].producers.value, producers[i], 0.005) << i;
    EXPECT_NEAR(result.classes[i].producers.half_width(), producers_half[i], 1e-5) << i;
  }
  EXPECT_NEAR(result.classes[0].area.value, 21158, 1);
  EXPECT_NEAR(result.classes[0].area.half_width(), 6158, 1);
  EXPECT_NEAR(result.classes[1].area.value, 11686, 1);
  EXPECT_NEAR(result.classes[1].area.half_width(), 3756, 1);
  EXPECT_NEAR(result.classes[2].area.value, 285770, 1);
  EXPECT_NEAR(result.classes[2].area.half_width(), 15510, 1);
  EXPECT_NEAR(result.classes[3].area.value, 581386, 1);
  EXPECT_NEAR(result.classes[3].area.half_width(), 16282, 1);
  EXPECT_TRUE(result.unsampled.empty());
  EXPECT_DOUBLE_EQ(result.covered_share, 1);
}

TEST(AdjustAreas, LeavesOutAndListsWhatWasNotSampled) {
  const auto result = adjust_areas(matrix_of({1, 2, 3}, {{10, 0, 0}, {0, 10, 0}, {0, 0, 1}}), {{1, 50}, {2, 30}, {3, 10}, {4, 10}});
  EXPECT_THAT(result.unsampled, ElementsAre(3, 4));
  EXPECT_DOUBLE_EQ(result.covered_share, 0.8);
  EXPECT_DOUBLE_EQ(result.overall.value, 1);
  EXPECT_DOUBLE_EQ(result.classes[0].area.value, 50);
  EXPECT_TRUE(std::isnan(result.classes[3].users.value));
  EXPECT_TRUE(std::isnan(result.classes[3].area.value)) << "not 0: nothing is known of it";
  EXPECT_EQ(result.classes[3].mapped_area, 10);

  const auto nothing = adjust_areas(ConfusionMatrix(), {});
  EXPECT_TRUE(std::isnan(nothing.overall.value));
  EXPECT_TRUE(nothing.classes.empty());
}

// Points that stand for different areas, of a map whose confidence is right: what is found is chance, and as large as it is said to be.
TEST(Calibration, FewPointsAreNeverExact) {
  std::mt19937_64 random(7);
  double found = 0, said = 0;
  constexpr int kDraws = 300;
  for (int d = 0; d < kDraws; ++d) {
    Calibration calibration;
    for (int i = 0; i < 600; ++i) {
      const double confidence = 0.3 + 0.7 * uniform(random);
      calibration.add_weighted(confidence, uniform(random) < confidence, i % 3 == 0 ? 5 : 1);
    }
    EXPECT_TRUE(calibration.weighted());
    found += calibration.expected_error() / kDraws, said += calibration.error_by_chance() / kDraws;
  }
  EXPECT_NEAR(found, said, 0.004);
  EXPECT_GT(said, 0.03);
}

}  // namespace
}  // namespace millesime
