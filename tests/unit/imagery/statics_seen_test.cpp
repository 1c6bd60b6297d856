// Static inputs of a tile in another unit than the samples'.

#include "pipeline/imagery/statics_seen.h"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/error.h"

namespace millesime {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> notes_of(const std::vector<StaticSpec>& statics, const std::vector<std::vector<float>>& pixels) {
  ModelSpec spec;
  spec.statics = statics;
  StaticsSeen seen(spec);
  for (const auto& pixel : pixels)
    for (std::size_t s = 0; s < statics.size(); ++s) seen.add(s, pixel[s]);
  return seen.notes();
}

TEST(StaticsSeen, OtherMountainsAreNoOtherUnit) {
  const StaticSpec elevation{"elevation", 150, 60};
  EXPECT_THAT(notes_of({elevation}, {{2500}, {4800}, {3100}}), IsEmpty());
  EXPECT_THAT(notes_of({elevation}, {{0}, {1}, {2}}), IsEmpty());  // a coast
  EXPECT_THAT(notes_of({elevation}, {{150000}, {90000}}),          // in millimetres
              ElementsAre(AllOf(HasSubstr("elevation has a magnitude of 120000"), HasSubstr("about 210"))));
  EXPECT_THAT(notes_of({elevation}, {{std::numeric_limits<float>::quiet_NaN()}}), IsEmpty());
  EXPECT_THAT(notes_of({{"soil:category", 0, 1, {1, 2}}}, {{70000}}), IsEmpty());
  EXPECT_THAT(notes_of({{"slope", 0, 1}}, {{70000}}), IsEmpty());  // missing in all samples
}

TEST(StaticsSeen, AnEmbeddingWithoutItsScaleIsTold) {
  std::vector<StaticSpec> statics;
  for (int b = 1; b <= 16; ++b) statics.push_back({join_text("embedding_", b), 0.3F, 0.4F});
  EXPECT_THAT(notes_of(statics, {std::vector<float>(16, 0.9F), std::vector<float>(16, -1.5F)}), IsEmpty());
  EXPECT_THAT(notes_of(statics, {std::vector<float>(16, -100), std::vector<float>(16, 90)}),
              ElementsAre(HasSubstr("embedding_1 to embedding_16 has a magnitude of 95")));
  EXPECT_THAT(notes_of(statics, {std::vector<float>(16, 0.01F)}), ElementsAre(HasSubstr("another unit")));
}

}  // namespace
}  // namespace millesime
