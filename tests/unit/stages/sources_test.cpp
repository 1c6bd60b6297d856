#include "pipeline/stages/sources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/ops/indices.h"
#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/stages/config.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::temp_dir;

Config load(const std::string& text, const std::vector<std::string>& assignments = {}) {
  const std::string file = temp_dir() + "/c.toml";
  write_text(file, "year = 2021\n" + text);
  return Config::load(file, assignments);
}

const std::string kTheia = "[[source]]\nsensor = \"sentinel2_theia\"\nroot = \"l2a\"\n";

TEST(Sources, HaveTheNamesAndBandsOfTheirSensors) {
  const Config config =
      load(kTheia + "bands = [\"red\", \"nir\"]\n[[source]]\nsensor = \"sentinel1_s1tiling\"\nroot = \"s1\"\nname = \"asc\"\n" +
               "[[source]]\nsensor = \"sentinel1_s1tiling\"\nroot = \"s1\"\nvariant = \"DES\"\n",
           {"source.resampling=cubic", "source.asc.bands=vh", "source.*.skip_damaged=true"});
  ASSERT_EQ(config.sources.size(), 3U);
  EXPECT_EQ(config.sources[0].name, "sentinel2");
  EXPECT_THAT(config.sources[0].bands, ElementsAre("B4", "B8"));
  EXPECT_EQ(config.sources[0].root, temp_dir() + "/l2a");
  EXPECT_EQ(config.sources[0].resampling, "cubic");
  EXPECT_EQ(config.sources[1].name, "asc");
  EXPECT_THAT(config.sources[1].bands, ElementsAre("VH"));
  EXPECT_EQ(config.sources[2].name, "sentinel1");
  EXPECT_TRUE(config.sources[0].skip_damaged && config.sources[1].skip_damaged && config.sources[2].skip_damaged);
  Config copy = config;
  write_text(temp_dir() + "/again.toml", copy.to_toml());
  EXPECT_EQ(Config::load(temp_dir() + "/again.toml", {}).to_toml(), copy.to_toml());
}

TEST(Sources, SayWhatIsWrong) {
  EXPECT_THAT(message_of([] { load("[sensors.sentinel2_theia]\nroot = \"l2a\"\nskip_damaged = true\n"); }),
              AllOf(HasSubstr("c.toml:2: [sensors.NAME] is now [[source]]; expected instead"),
                    HasSubstr("[[source]]\nsensor = \"sentinel2_theia\"\nroot = 'l2a'\nskip_damaged = true")));
  EXPECT_THAT(message_of([] { load(kTheia + kTheia); }), HasSubstr("c.toml:5: [[source]]: two sources are named \"sentinel2\""));
  EXPECT_THAT(message_of([] { load("[[source]]\nroot = \"l2a\"\n"); }), HasSubstr("c.toml:2: [[source]]: needs a sensor; known: "));
  EXPECT_THAT(message_of([] { load("[[source]]\nsensor = \"sentinel2_thea\"\nroot = \"l2a\"\n"); }),
              HasSubstr("did you mean sentinel2_theia?"));
  EXPECT_THAT(message_of([] { load(kTheia + "band = [\"B4\"]\n"); }),
              HasSubstr("c.toml:5: unknown key \"source.band\"; did you mean \"source.bands\"?"));
  EXPECT_THAT(message_of([] { load(kTheia + "bands = [\"ber\"]\n"); }), HasSubstr("[[source]] sentinel2: bands: unknown band \"ber\""));
  EXPECT_THAT(message_of([] { load(kTheia + "variant = \"TOC\"\n"); }), HasSubstr("variant: expected one of FRE, SRE, got \"TOC\""));
  EXPECT_THAT(message_of([] { load(""); }), HasSubstr("source.root"));
  const std::string sen2cor = "[[source]]\nsensor = \"sentinel2_sen2cor\"\nroot = \"l2a\"\ninvalid = [\"";
  EXPECT_THAT(message_of([&] { load(sen2cor + "SCL\"]\n"); }),
              HasSubstr("[[source]] sentinel2: invalid: expected a mask and its invalid values"));
  EXPECT_THAT(message_of([&] { load(sen2cor + "CLM = 1\"]\n"); }), HasSubstr("invalid: there is no mask CLM; the sensor has SCL"));
  EXPECT_THAT(message_of([&] { load(sen2cor + "SCL = 3, 0\"]\n"); }), HasSubstr("none that means no image, got 0"));
  EXPECT_THAT(message_of([] { load(kTheia + "[time]\nown_dates = [\"s3\"]\n"); }),
              HasSubstr("time.own_dates: there is no [[source]] named \"s3\""));
}

TEST(Sources, SynthesesAreReadOnTheirOwnDates) {
  const std::string wasp = "[[source]]\nsensor = \"sentinel2_l3a\"\nname = \"wasp\"\nroot = \"l3a\"\n";
  EXPECT_THAT(load(wasp + "[[source]]\nsensor = \"sentinel1_s1tiling\"\nroot = \"s1\"\n").time.own_dates, ElementsAre("wasp"));
  EXPECT_THAT(load(wasp + "[time]\nstep_days = 15\n").time.own_dates, ::testing::IsEmpty());
  EXPECT_THAT(load(kTheia).time.own_dates, ::testing::IsEmpty());
}

// NDVI of Landsat is of its bands 5 and 4, which Sentinel-2 calls red edge and red.
TEST(Sources, IndicesAreOfTheSourcesOwnBands) {
  const SensorFile theia = SensorFile::load("sentinel2_theia"), landsat8 = SensorFile::load("landsat8_theia"),
                   landsat = SensorFile::load("landsat_c2");
  EXPECT_THAT(own_indices({"NDVI", "Brightness", "R = nir / red"}, theia), ElementsAre("NDVI", "Brightness", "R = B8 / B4"));
  EXPECT_THAT(
      own_indices({"NDVI", "EVI", "Brightness", "R = nir / B2"}, landsat8),
      ElementsAre("NDVI = (B5 - B4) / (B5 + B4)", "EVI = 2.5 * (B5 - B4) / (B5 + 6 * B4 - 7.5 * B2 + 1)", "Brightness", "R = B5 / B2"));
  EXPECT_THAT(own_indices({"NDWI"}, landsat), ElementsAre("NDWI = (swir_1 - nir) / (swir_1 + nir)"));
  EXPECT_THAT(own_indices({"NDVI"}, SensorFile::load("hls_l30")), ElementsAre("NDVI = (B05 - B04) / (B05 + B04)"));
  EXPECT_THAT(message_of([&] { own_indices({"NDRE"}, landsat); }),
              HasSubstr("index NDRE: needs the band red_edge_1, which landsat_c2 has not"));
  // Of a further source: what is written in common names, and what its bands suffice for.
  EXPECT_THAT(indices_elsewhere({"NDVI", "Brightness", "R = nir / red", "Q = B5 / B4", "NDRE"}, landsat8, {"B2", "B4", "B5"}),
              ElementsAre("NDVI = (B5 - B4) / (B5 + B4)", "Brightness", "R = B5 / B4"));
  EXPECT_THAT(indices_elsewhere({"NDVI", "Brightness"}, SensorFile::load("sentinel1_s1tiling"), {"VV", "VH"}), ::testing::IsEmpty());
  // The expression computes what the table does.
  const IndexPlan plan = plan_indices(own_indices({"EVI"}, landsat8), {"B2", "B4", "B5"}),
                  table = plan_indices({"EVI"}, {"B2", "B4", "B8"});
  const IndexFormula &a = plan.formulas[0], &b = table.formulas[0];
  const auto value = [](const IndexFormula& f, const std::vector<float>& bands) {
    float above = f.numerator_offset, below = f.denominator_offset;
    for (int i = 0; i < f.n_bands; ++i)
      above += f.numerator[i] * bands[static_cast<std::size_t>(f.band[i])],
          below += f.denominator[i] * bands[static_cast<std::size_t>(f.band[i])];
    return f.gain * above / below;
  };
  EXPECT_NEAR(value(a, {300, 500, 3000}), value(b, {300, 500, 3000}), 1e-6);
  EXPECT_EQ(a.integer_scale, b.integer_scale);
}

}  // namespace
}  // namespace millesime
