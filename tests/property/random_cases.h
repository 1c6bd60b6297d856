#pragma once
// Seeded random inputs for properties that hold for any input. A failure names the seed, which reproduces it.

#include <random>
#include <string>

#include <gtest/gtest.h>

namespace millesime::testing {

class RandomCase {
 public:
  explicit RandomCase(unsigned seed) : engine_(seed) {}
  int integer(int low, int high) { return std::uniform_int_distribution<int>(low, high)(engine_); }  // both included
  double number(double low, double high) { return std::uniform_real_distribution<double>(low, high)(engine_); }
  bool chance(double probability) { return number(0, 1) < probability; }
  std::mt19937& engine() { return engine_; }

 private:
  std::mt19937 engine_;
};

// law(random) for each of `cases` seeds; stops at the first seed whose expectations fail.
template <class Law>
void for_any_input(int cases, const Law& law) {
  for (int seed = 1; seed <= cases; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomCase random(static_cast<unsigned>(seed));
    law(random);
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace millesime::testing
