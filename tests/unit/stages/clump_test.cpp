#include "pipeline/stages/clump.h"

#include <map>
#include <random>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/error.h"
#include "pipeline/io/raster_file.h"
#include "tests/support/message_of.h"
#include "tests/support/silent_progress.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ClumpTest : public ::testing::Test {
 protected:
  ClumpTest() {
    context.progress = &progress;
    command.map = folder + "/map.tif";
    command.output = folder + "/new/patches.tif";
  }
  template <class T>
  void write_map(int cols, const std::vector<T>& samples) const {
    Raster<T> map(Grid{"EPSG:2154", 500000, 6500000, 10, 10, cols, static_cast<int>(samples.size()) / cols});
    map.samples = samples;
    write_raster(command.map, map, {});
  }
  std::vector<std::int32_t> result() const { return RasterReader(command.output).read_all<std::int32_t>().samples; }

  std::string folder = testing::temp_dir();
  testing::SilentProgress progress;
  Context context;
  ClumpCommand command;
};

TEST_F(ClumpTest, NumbersRiseWithTheFirstPixelOfEachPatch) {
  write_map<std::uint8_t>(5, {7, 7, 0, 2, 7,  //
                              2, 7, 0, 2, 7,  //
                              2, 0, 7, 2, 2});
  const ClumpCounts counts = clump(command, context);
  EXPECT_THAT(result(), ElementsAre(1, 1, 0, 2, 3,  //
                                    4, 1, 0, 2, 3,  //
                                    4, 0, 5, 2, 2));
  EXPECT_EQ(counts.patches, 5);
  EXPECT_EQ(counts.mapped, 12);
  EXPECT_EQ(counts.largest, 4);
  command.corners = true;  // the single 7 meets the first patch at a corner
  EXPECT_EQ(clump(command, context).patches, 4);
  EXPECT_THAT(result(), ElementsAre(1, 1, 0, 2, 3, 4, 1, 0, 2, 3, 4, 0, 1, 2, 2));
}

TEST_F(ClumpTest, ArmsThatMeetBelowAreOnePatchAndTakeTheNumberOfTheFirst) {
  write_map<std::uint16_t>(5, {300, 0, 300, 0, 300,  //
                               300, 0, 300, 0, 300,  //
                               300, 300, 300, 300, 300});
  EXPECT_EQ(clump(command, context).patches, 1);
  for (const auto number : result()) EXPECT_LE(number, 1);
}

TEST_F(ClumpTest, StripsGiveTheNumbersOfTheWholeMap) {
  std::mt19937 random(3);
  std::vector<std::uint8_t> samples(70 * 1100);  // several strips of blocks
  for (auto& sample : samples) sample = static_cast<std::uint8_t>(random() % 3);
  write_map(70, samples);
  const ClumpCounts whole = clump(command, context);
  const auto numbers = result();
  context.memory_bytes = 1;
  EXPECT_EQ(clump(command, context).patches, whole.patches);
  EXPECT_EQ(result(), numbers);
  // Neighbours of one class have one number, others do not.
  std::set<std::int32_t> seen;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    EXPECT_EQ(numbers[i] == 0, samples[i] == 0);
    if (numbers[i] > 0 && seen.insert(numbers[i]).second) {
      EXPECT_EQ(numbers[i], static_cast<std::int32_t>(seen.size()));
    }
    if (i % 70 > 0 && samples[i] != 0) {
      EXPECT_EQ(numbers[i] == numbers[i - 1], samples[i] == samples[i - 1]);
    }
    if (i >= 70 && samples[i] != 0) {
      EXPECT_EQ(numbers[i] == numbers[i - 70], samples[i] == samples[i - 70]);
    }
  }
}

TEST_F(ClumpTest, AMapWithoutClassesHasNoPatch) {
  write_map<std::uint8_t>(3, {0, 0, 0});
  EXPECT_EQ(clump(command, context).patches, 0);
  EXPECT_THAT(result(), ElementsAre(0, 0, 0));
}

TEST_F(ClumpTest, RefusesNumbersWithAFraction) {
  write_map<float>(2, {0.5F, 1.5F});
  EXPECT_THAT(testing::message_of([&] { clump(command, context); }), HasSubstr("whole numbers"));
}

}  // namespace
}  // namespace millesime
