#pragma once
// A map, its accuracy and its census, for tests of what is published.

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "pipeline/core/raster.h"
#include "pipeline/core/results.h"
#include "pipeline/io/census.h"

namespace millesime::testing {

// A map of patches of `n_classes` classes with an empty border, its confidence and validity.
struct Patches {
  LabelMap map;
  Raster<std::uint8_t> confidence, validity;

  Patches(const Grid& grid, int n_classes) : map(grid), confidence(grid), validity(grid) {
    std::mt19937 random(5);
    struct Seed {
      int col, row;
      std::uint8_t code;
    };
    std::vector<Seed> seeds;
    for (int i = 0; i < 60; ++i)
      seeds.push_back({static_cast<int>(random() % static_cast<unsigned>(grid.cols)),
                       static_cast<int>(random() % static_cast<unsigned>(grid.rows)),
                       static_cast<std::uint8_t>(
                           1 + std::min(random() % static_cast<unsigned>(n_classes), random() % static_cast<unsigned>(n_classes)))});
    for (int row = 4; row < grid.rows - 4; ++row)
      for (int col = 4; col < grid.cols - 4; ++col) {
        const auto distance = [&](const Seed& s) { return std::hypot(s.col - col, s.row - row); };
        const auto nearest = std::ranges::min_element(seeds, {}, distance);
        map.at(col, row) = nearest->code;
        confidence.at(col, row) = static_cast<std::uint8_t>(std::clamp(95 - distance(*nearest), 30.0, 100.0));
        validity.at(col, row) = static_cast<std::uint8_t>(10 + 15 * col / grid.cols);
      }
  }
};

// Reference pixels of which about `right` agree; the others go to the neighbouring class.
inline MapAccuracy accuracy_of(const std::string& name, int n_classes, double right) {
  MapAccuracy accuracy{name, {}, Calibration{}, 3};
  for (int code = 1; code <= n_classes; ++code) {
    const int n = 4000 / (code + 2), wrong = static_cast<int>(n * (1 - right) * (1 + code % 4) / 2.0);
    accuracy.confusion.add(code, code, n - wrong);
    if (wrong)
      accuracy.confusion.add(code, code % n_classes + 1, wrong - wrong / 3),
          accuracy.confusion.add(code, 1 + (code + 6) % n_classes, wrong / 3);
  }
  for (int percent = 30; percent <= 100; percent += 5) {
    accuracy.calibration->add(percent / 100.0, true, percent * percent / 20);
    accuracy.calibration->add(percent / 100.0, false, std::max(1, (105 - percent) * percent / 30));
  }
  return accuracy;
}

inline SourceCensus census_of(const std::string& tile, int first_day) {
  SourceCensus census;
  census.tile = tile;
  census.sensor = "sentinel2_theia";
  census.grid = {"EPSG:32631", 300000, 4900020, 10, 10, 100, 100};
  for (Date date = Date::from_ymd(2021, 1, first_day); date < Date::from_ymd(2021, 12, 28); date = date + (date.days % 3 == 0 ? 20 : 10)) {
    Acquisition acquisition{date, {Product{}}};
    if (date.days % 7 == 0) {
      acquisition.passes.push_back(Product{});
      census.merged.push_back(date.iso());
    }
    census.acquisitions.push_back(acquisition);
  }
  census.superseded = {"SENTINEL2A_20210401-105804-037_L2A_" + tile + "_D_V1-7"};
  census.damaged = {
      {"SENTINEL2B_20210711-105031-456_L2A_" + tile + "_D_V2-2", "SENTINEL2B_FRE_B8.tif: cannot be read, cut short <at 1 MB>"}};
  return census;
}

}  // namespace millesime::testing
