#pragma once
// What is summed over the pixels of a patch. Whole numbers: the sums do not depend on the order.

#include <cstdint>
#include <vector>

#include "pipeline/coverage/pixel_transfer.h"

namespace millesime {

struct PatchSums {
  std::int64_t cm2 = 0;  // true area of the polygon
  // Weights count 1/65536 of a pixel of the statistics (see PixelTransfer).
  std::int64_t pixels = 0;                   // of all pixels
  std::int64_t classified = 0;               // of those that have a class
  std::int64_t confidence = 0;               // weight x confidence, of those
  std::int64_t validity = 0, validity2 = 0;  // weight x validity, weight x validity squared, of those
  std::vector<std::int64_t> classes;         // by index

  void add(const PatchSums& other) {
    cm2 += other.cm2, pixels += other.pixels, classified += other.classified, confidence += other.confidence;
    validity += other.validity, validity2 += other.validity2;
    if (classes.size() < other.classes.size()) classes.resize(other.classes.size());
    for (std::size_t i = 0; i < other.classes.size(); ++i) classes[i] += other.classes[i];
  }
};

}  // namespace millesime
