// Years of one world: seasons that follow the temperature, and crops that follow each other.

#include <cmath>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/simulate/simulate.h"
#include "pipeline/simulate/spectra.h"
#include "pipeline/simulate/world.h"
#include "pipeline/stages/config.h"
#include "tests/support/silent_progress.h"
#include "tests/support/temp_dir.h"

namespace millesime::simulated {
namespace {

const Box kExtent{456000, 6310000, 466000, 6320000};
constexpr Point kWest{457000, 6315000}, kEast{465000, 6315000};

World world_of(const WorldYear& year) { return World(1, kExtent, 2560, year); }

TEST(Years, TheSeasonIsWhereTheMeanClimateHasAsManyDegreeDays) {
  const World cold = world_of({2020, true, -1.5}), warm = world_of({2021, true, 1.5});
  for (const int day : {60, 120, 180, 260}) {
    double here = 0, of_climate = 0;
    for (int d = 1; d < day; ++d) here += std::max(0.0, warm.degrees(kWest, d));
    int whole = 1;
    for (; of_climate + 12.5 - 8 * std::cos((whole - 20) * 2 * 3.14159265358979 / 365) < here; ++whole)
      of_climate += 12.5 - 8 * std::cos((whole - 20) * 2 * 3.14159265358979 / 365);
    EXPECT_EQ(std::floor(warm.season_day(kWest, day)), whole) << day;
    EXPECT_GT(warm.season_day(kWest, day), cold.season_day(kWest, day)) << day;
    EXPECT_GT(warm.season_day(kEast, day), warm.season_day(kWest, day)) << "the east is warmer";
  }
  EXPECT_GT(warm.season_day(kWest, 180), cold.season_day(kWest, 180) + 20) << "3 deg C";
}

TEST(Years, AWarmYearIsGreenEarlier) {
  Parcel wheat{.id = 7, .land_class = 6, .anchor = kWest};
  const auto greenness = [&](const WorldYear& year, int day) {
    const Look look = look_of(world_of(year), wheat, day);
    return (look.mean[6] - look.mean[2]) / (look.mean[6] + look.mean[2]);
  };
  EXPECT_GT(greenness({2021, true, 1.5}, 85), greenness({2021, true, -1.5}, 85) + 0.1);
  EXPECT_EQ(greenness({2021, false, 1.5}, 85), greenness({2021, false, -1.5}, 85)) << "seasons of the climate";
}

TEST(Years, CropsFollowEachOther) {
  const World plain = world_of({}), now = world_of({2021, false, 0, true}), next = world_of({2022, false, 0, true});
  std::map<int, std::set<int>> after;
  for (double x = kExtent.min_x; x < kExtent.max_x; x += 90)
    for (double y = kExtent.min_y; y < kExtent.max_y; y += 90) {
      const int crop = now.parcel_at({x, y}).land_class;
      ASSERT_EQ(crop, plain.parcel_at({x, y}).land_class) << "2021 is the year of worlds without rotations";
      after[crop].insert(next.parcel_at({x, y}).land_class);
    }
  EXPECT_THAT(after[5], ::testing::ElementsAre(6)) << "cereals after rapeseed";
  EXPECT_THAT(after[9], ::testing::ElementsAre(6));
  EXPECT_THAT(after[6], ::testing::ElementsAre(5, 7, 9, 12));
  EXPECT_THAT(after[8], ::testing::ElementsAre(10, 11));
  EXPECT_THAT(after[16], ::testing::ElementsAre(16)) << "a forest stays";
}

TEST(Years, TheRegisterHasTheCropsOfTheYearBefore) {
  millesime::testing::SilentProgress progress;
  Context context;
  context.progress = &progress;
  SimulateOptions options;
  options.tiles = 1, options.size = 64, options.dates = 2, options.rotations = true, options.sensors = {"temperature_daily"};
  const std::string folder = millesime::testing::temp_dir();
  simulate(options, folder + "/2021", context);
  options.year = 2020;
  simulate(options, folder + "/2020", context);
  const auto classes = [&](const std::string& file) { return RasterReader(folder + file).read_all<std::uint8_t>().samples; };
  const auto before = classes("/2020/truth/truth.tif"), reg = classes("/2021/register.tif"), now = classes("/2021/truth/truth.tif");
  ASSERT_EQ(before.size(), reg.size());
  int changed = 0;
  for (std::size_t i = 0; i < reg.size(); ++i) {
    ASSERT_EQ(reg[i], is_crop(before[i]) ? before[i] : 0) << i;
    changed += reg[i] != 0 && reg[i] != now[i];
  }
  EXPECT_GT(changed, 100);
  EXPECT_THAT(read_text(folder + "/2021/config.toml"),
              ::testing::HasSubstr("name = \"register\"\npath = \"register.tif\"\nkind = \"category\""));
}

}  // namespace
}  // namespace millesime::simulated
