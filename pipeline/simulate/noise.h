#pragma once
// Random numbers as a function of keys: the same keys give the same number on every thread and in every order.

#include <cmath>
#include <cstdint>

namespace millesime::simulated {

// Finaliser of SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators").
inline std::uint64_t mix(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15u;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return value ^ (value >> 31);
}

template <class... Keys>
std::uint64_t hash_of(std::uint64_t seed, Keys... keys) {
  std::uint64_t value = mix(seed);
  ((value = mix(value ^ static_cast<std::uint64_t>(static_cast<std::int64_t>(keys)))), ...);
  return value;
}

// Uniform in [0, 1).
inline double uniform(std::uint64_t hash) { return static_cast<double>(hash >> 11) * 0x1.0p-53; }

// Mean 0, standard deviation 1, within +-3.47: the sum of four uniform numbers (Irwin-Hall).
inline double normal(std::uint64_t hash) {
  const double sum = static_cast<double>((hash & 0xffff) + ((hash >> 16) & 0xffff) + ((hash >> 32) & 0xffff) + (hash >> 48));
  return (sum / 65536.0 - 2.0) * 1.7320508;
}

// Value noise in [-1, 1]: random numbers on the unit lattice, interpolated with a quintic that is smooth to the second derivative.
inline double smooth_noise(std::uint64_t seed, double x, double y) {
  const double floor_x = std::floor(x), floor_y = std::floor(y);
  const auto col = static_cast<std::int64_t>(floor_x), row = static_cast<std::int64_t>(floor_y);
  const double u = x - floor_x, v = y - floor_y;
  const double fade_u = u * u * u * (u * (u * 6 - 15) + 10), fade_v = v * v * v * (v * (v * 6 - 15) + 10);
  const auto node = [&](std::int64_t c, std::int64_t r) { return uniform(hash_of(seed, c, r)) * 2 - 1; };
  const double upper = node(col, row) + (node(col + 1, row) - node(col, row)) * fade_u;
  const double lower = node(col, row + 1) + (node(col + 1, row + 1) - node(col, row + 1)) * fade_u;
  return upper + (lower - upper) * fade_v;
}

// Octaves of value noise, each of half the size and half the strength of the one before; in [-1, 1].
inline double fractal_noise(std::uint64_t seed, double x, double y, int octaves) {
  double sum = 0, strength = 1, total = 0;
  for (int octave = 0; octave < octaves; ++octave) {
    sum += strength * smooth_noise(seed + static_cast<std::uint64_t>(octave), x, y);
    total += strength;
    strength *= 0.5;
    x *= 2;
    y *= 2;
  }
  return sum / total;
}

// 0 below `low`, 1 above `high`, a smooth step between.
inline double smooth_step(double low, double high, double value) {
  const double t = std::fmin(1.0, std::fmax(0.0, (value - low) / (high - low)));
  return t * t * (3 - 2 * t);
}

}  // namespace millesime::simulated
