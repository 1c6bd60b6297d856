#include "pipeline/core/chance.h"

#include <cmath>
#include <numbers>

namespace millesime {

std::uint64_t hash_text(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

std::uint64_t mix(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
  value = (value ^ value >> 27) * 0x94d049bb133111eb;
  return value ^ value >> 31;
}

std::uint64_t below(std::mt19937_64& generator, std::uint64_t bound) {
  const std::uint64_t rest = (~std::uint64_t{0} % bound + 1) % bound;  // 2^64 mod bound
  while (true) {
    const std::uint64_t number = generator();
    if (number <= ~std::uint64_t{0} - rest) return number % bound;
  }
}

double uniform(std::mt19937_64& generator) { return static_cast<double>(generator() >> 11) * 0x1p-53; }

double normal(std::mt19937_64& generator) {
  const double radius = std::sqrt(-2 * std::log(1 - uniform(generator)));
  return radius * std::cos(2 * std::numbers::pi * uniform(generator));
}

std::int64_t round_half_even(double value) {
  const double floor = std::floor(value), rest = value - floor;
  const auto whole = static_cast<std::int64_t>(floor);
  if (rest != 0.5) return whole + (rest > 0.5 ? 1 : 0);
  return whole + whole % 2;
}

}  // namespace millesime
