#include "pipeline/learning/class_curves.h"

#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

TEST(ClassCurves, AreMeansOfTheValidObservationsOfAHalfMonth) {
  const std::string table = testing::temp_dir() + "/samples.csv";
  write_text(table,
             "label,B4_20210105,B8_20210105,B4_20210110,B8_20210110,B4_20210701,B8_20210701\n"
             "7,1000,3000,,,500,4500\n"             // 0.5, cloudy, 0.8
             "7,1000,1000,,,,\n"                    // 0, cloudy, cloudy
             "2,3000,1000,1000,4000,,\n");          // -0.5, 0.6, cloudy
  const auto curves = ndvi_curves({table, table});  // the same observations twice change no mean
  ASSERT_EQ(curves.size(), 2u);
  EXPECT_EQ(curves[0].code, 2);
  EXPECT_EQ(curves[0].steps[0].observations, 4);
  EXPECT_NEAR(curves[0].steps[0].mean, 0.05, 1e-6);
  EXPECT_EQ(curves[1].code, 7);
  EXPECT_EQ(curves[1].steps[0].observations, 4);
  EXPECT_NEAR(curves[1].steps[0].mean, 0.25, 1e-6);
  EXPECT_NEAR(curves[1].steps[0].deviation, 0.25, 1e-6);
  EXPECT_EQ(curves[1].steps[11].observations, 2);  // 1 July is the 182nd day of 365
  EXPECT_NEAR(curves[1].steps[11].mean, 0.8, 1e-6);
  EXPECT_EQ(curves[1].steps[12].observations, 0);
}

TEST(ClassCurves, OfABandAreInItsOwnUnit) {
  const std::string table = testing::temp_dir() + "/samples.csv";
  write_text(table, "label,VV_20210105,VV_20210301\n7,-0.5,\n7,0.25,\n2,0.3,0.4\n");
  const Samples samples = read_samples_csv(table);
  const auto curves = band_curves({&samples}, "VV");
  ASSERT_EQ(curves.size(), 2u);
  EXPECT_NEAR(curves[1].steps[0].mean, -0.125, 1e-4);
  EXPECT_EQ(curves[1].steps[4].observations, 0);
  EXPECT_TRUE(band_curves({&samples}, "VH").empty());
}

TEST(ClassCurves, BandsOfOtherDigitsAreOfOneUnit) {
  const std::string table = testing::temp_dir() + "/samples.csv";
  write_text(table, "label,B4_20210105,B8_20210105\n7,0.0500,0.30\n7,0.0512,0.31\n2,0.0488,0.40\n");
  const auto curves = ndvi_curves({table});
  ASSERT_EQ(curves.size(), 2u);
  EXPECT_NEAR(curves[0].steps[0].mean, (0.4 - 0.0488) / (0.4 + 0.0488), 1e-4);
}

TEST(ClassCurves, WithoutItsBandsThereAreNone) {
  const std::string table = testing::temp_dir() + "/samples.csv";
  write_text(table, "label,VV_20210105\n7,0.1\n2,0.3\n");
  EXPECT_TRUE(ndvi_curves({table}).empty());
}

}  // namespace
}  // namespace millesime
