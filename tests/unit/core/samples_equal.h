#pragma once
// Whether two Samples hold the same, for tests.

#include <cmath>

#include <gtest/gtest.h>

#include "pipeline/core/samples.h"

namespace millesime {

inline void expect_equal(const Samples& a, const Samples& b) {
  EXPECT_EQ(a.year, b.year);
  EXPECT_EQ(a.label, b.label);
  EXPECT_EQ(a.polygon, b.polygon);
  EXPECT_EQ(a.region, b.region);
  EXPECT_EQ(a.region_names, b.region_names);
  EXPECT_EQ(a.x, b.x);
  EXPECT_EQ(a.y, b.y);
  for (const auto& [one, other] : {std::pair(&a.longitude, &b.longitude), {&a.latitude, &b.latitude}}) {
    ASSERT_EQ(one->size(), other->size());
    for (std::size_t i = 0; i < one->size(); ++i)
      EXPECT_TRUE((*one)[i] == (*other)[i] || (std::isnan((*one)[i]) && std::isnan((*other)[i])));
  }
  EXPECT_EQ(a.static_names, b.static_names);
  ASSERT_EQ(a.statics.size(), b.statics.size());
  for (std::size_t i = 0; i < a.statics.size(); ++i)
    EXPECT_TRUE(a.statics[i] == b.statics[i] || (std::isnan(a.statics[i]) && std::isnan(b.statics[i])));
  EXPECT_EQ(a.n_seeds, b.n_seeds);
  EXPECT_EQ(a.split, b.split);
  ASSERT_EQ(a.series.size(), b.series.size());
  for (std::size_t s = 0; s < a.series.size(); ++s) {
    EXPECT_EQ(a.series[s].source, b.series[s].source);
    EXPECT_EQ(a.series[s].bands, b.series[s].bands);
    EXPECT_EQ(a.series[s].dates, b.series[s].dates);
    EXPECT_EQ(a.series[s].scale, b.series[s].scale);
    EXPECT_EQ(a.series[s].values, b.series[s].values);
    EXPECT_EQ(a.series[s].valid, b.series[s].valid);
  }
}

// Two sensors, a region each, two seeds, statics with a gap.

}  // namespace millesime
