#pragma once

#include <cmath>
#include <numbers>

namespace millesime {

// Learning rate at a share of the training: rises along a cosine over the first tenth, then falls along one (Smith & Topin 2018).
inline double one_cycle(double share) {
  constexpr double kRise = 0.1, kStart = 0.04, kEnd = 1e-4;
  const auto between = [](double a, double b, double x) { return b + (a - b) * 0.5 * (1 + std::cos(std::numbers::pi * x)); };
  return share < kRise ? between(kStart, 1, share / kRise) : between(1, kEnd, (share - kRise) / (1 - kRise));
}

}  // namespace millesime
