// Polygons with wrong labels are found.

#include "pipeline/learning/audit.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/csv.h"
#include "pipeline/core/error.h"
#include "pipeline/io/vector_file.h"
#include "tests/support/silent_progress.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::HasSubstr;

constexpr int kPolygons = 40, kWrong = 17;

// Polygons 1 to 40 of six samples and two classes with different seasons; polygon 17 has the label of the other class.
std::string table(int wrong = kWrong, int other_noise = 0) {
  std::string text = "label,group,x,y";
  for (const char* day : {"20210110", "20210320", "20210601", "20210812", "20211103"}) text += std::string(",B8_") + day;
  for (int polygon = 1; polygon <= kPolygons; ++polygon)
    for (int i = 0; i < 6; ++i) {
      const int season = 1 + polygon % 2, label = polygon == wrong ? 3 - season : season;
      text += "\n" + std::to_string(label) + "," + std::to_string(polygon) + "," + std::to_string(100 * polygon + i) + ",7";
      for (int d = 0; d < 5; ++d)
        text += "," + std::to_string(500 + 400 * ((d * season) % 5) +
                                     (polygon * (31 + 6 * other_noise) + i * (17 + 6 * other_noise) + 11 * other_noise) % 90);
    }
  return text + "\n";
}

class Audit : public ::testing::Test {
 protected:
  Audit() {
    context.progress = &progress;
    write_text(folder + "/s.csv", table());
    command.samples = {folder + "/s.csv"};
    command.model = "random_forest";
    command.folds = 4;
    command.assignments = {"train.trees=20"};
    command.output = folder + "/suspicious.csv";
  }
  std::string message() {
    try {
      audit(command, context);
    } catch (const UserError& error) {
      return error.what();
    }
    return "no error";
  }
  testing::SilentProgress progress;
  Context context;
  std::string folder = testing::temp_dir();
  AuditCommand command;
};

TEST_F(Audit, TheWrongLabelIsFoundWithTheRightOneAsSuggestion) {
  const auto found = audit(command, context);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].polygon, kWrong);
  EXPECT_EQ(found[0].samples, 6);
  EXPECT_EQ(found[0].label, 1);
  EXPECT_EQ(found[0].suggestion, 2);
  EXPECT_GT(found[0].confidence, 0.8);
  EXPECT_DOUBLE_EQ(found[0].x, 100 * kWrong + 2.5);
  EXPECT_THAT(read_text(command.output), HasSubstr("\n1,17,1702.500000,7.000000,6,1,\"class 1\",2,\"class 2\","));
}

TEST_F(Audit, PolygonsOfTwoFilesWithTheSameNumberAreTwo) {
  constexpr int kOtherWrong = 23;
  write_text(folder + "/t.csv", table(kOtherWrong, 1));
  command.samples.push_back(folder + "/t.csv");
  command.nomenclature = folder + "/n.toml";
  write_text(command.nomenclature, "class = [{ code = 1, name = 'the \"first\"' }, { code = 2, name = 'second, or not' }]\n");
  const auto found = audit(command, context);
  ASSERT_EQ(found.size(), 2u);
  for (const auto& polygon : found) {
    EXPECT_EQ(polygon.polygon, polygon.file.ends_with("/s.csv") ? kWrong : kOtherWrong);
    EXPECT_EQ(polygon.samples, 6);  // of its own file
  }
  EXPECT_NE(found[0].file, found[1].file);
  CsvReader rows(command.output);
  int n = 0;
  for (; rows.next(); ++n) {
    EXPECT_EQ(rows.cells()[static_cast<std::size_t>(rows.column("label_name"))], "the \"first\"");
    EXPECT_EQ(rows.cells()[static_cast<std::size_t>(rows.column("suggestion_name"))], "second, or not");
    EXPECT_THAT(std::string(rows.cells()[static_cast<std::size_t>(rows.column("file"))]), HasSubstr(".csv"));
  }
  EXPECT_EQ(n, 2);
}

TEST_F(Audit, PolygonsAreWrittenWithTheGeometryOfTheReference) {
  std::vector<OutputFeature> squares;
  for (int polygon = 1; polygon <= kPolygons; ++polygon) {
    const double x = 100.0 * polygon;
    squares.push_back({{Polygon{{Ring{{x, 0}, {x + 50, 0}, {x + 50, 50}, {x, 50}, {x, 0}}}}}, {std::int64_t{polygon}}});
  }
  command.reference = folder + "/reference.gpkg";
  command.output = folder + "/suspicious.gpkg";
  write_polygons(command.reference, "reference", "EPSG:32631", {"number"}, squares);
  audit(command, context);
  const VectorLayer written = read_polygons(command.output, "", {"rank", "label", "suggest", "confidence"}, "");
  ASSERT_EQ(written.features.size(), 1u);
  EXPECT_DOUBLE_EQ(written.features[0].centroid().x, 100.0 * kWrong + 25);
  EXPECT_EQ(written.features[0].attributes.at("suggest"), "2");
  EXPECT_EQ(written.features[0].attributes.at("polygon"), std::to_string(kWrong));

  squares.resize(10);
  write_polygons(command.reference, "reference", "EPSG:32631", {"number"}, squares);
  EXPECT_THAT(message(), HasSubstr("has no polygon 17"));
}

TEST_F(Audit, PolygonsThatWereNumberedAnewAreRefused) {
  std::string text = table();
  text.replace(text.find("x,y"), 3, "longitude,latitude");
  for (int polygon = 1; polygon <= kPolygons; ++polygon)
    for (int i = 0; i < 6; ++i) {
      const std::string place = "," + std::to_string(100 * polygon + i) + ",7,";
      text.replace(text.find(place), place.size(), "," + std::to_string(0.1 * polygon) + ",45,");
    }
  write_text(folder + "/s.csv", text);
  std::vector<OutputFeature> squares;
  for (int polygon = 1; polygon <= kPolygons; ++polygon) {
    const double x = 0.1 * polygon - 0.01;
    squares.push_back({{Polygon{{Ring{{x, 44.9}, {x + 0.02, 44.9}, {x + 0.02, 45.1}, {x, 45.1}, {x, 44.9}}}}}, {std::int64_t{polygon}}});
  }
  command.reference = folder + "/reference.gpkg";
  command.output = folder + "/suspicious.gpkg";
  write_polygons(command.reference, "reference", "EPSG:4326", {"number"}, squares);
  EXPECT_EQ(message(), "no error");
  std::ranges::reverse(squares);
  write_polygons(command.reference, "reference", "EPSG:4326", {"number"}, squares);
  EXPECT_THAT(message(), HasSubstr("polygon 17 does not hold the samples of this polygon"));
}

TEST_F(Audit, AVectorFileNeedsThePolygons) {
  command.output = folder + "/suspicious.gpkg";
  EXPECT_THAT(message(), HasSubstr("--reference"));
}

}  // namespace
}  // namespace millesime
