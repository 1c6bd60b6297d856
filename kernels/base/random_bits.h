#pragma once
// Random numbers without a state: the same on every device, in any order. Philox 2x32-10 (Salmon et al. 2011, "Parallel random numbers: as
// easy as 1, 2, 3"): 64 bits of a key and a counter.

#include <cstdint>

#include "kernels/base/host_device.h"

namespace millesime {

struct RandomBits {
  std::uint32_t a, b;
};

// `index` below 2^60 and `what`, 0 to 15, are the counter.
MILLESIME_HD RandomBits random_bits(std::uint32_t key, std::int64_t index, std::uint32_t what) {
  const auto wide = static_cast<std::uint64_t>(index);
  RandomBits bits{static_cast<std::uint32_t>(wide), static_cast<std::uint32_t>(wide >> 32) | what << 28};
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product = std::uint64_t{0xD256D193u} * bits.a;
    bits = {static_cast<std::uint32_t>(product >> 32) ^ key ^ bits.b, static_cast<std::uint32_t>(product)};
    key += 0x9E3779B9u;
  }
  return bits;
}

// In [0, 1), of the upper 24 bits.
MILLESIME_HD float uniform(std::uint32_t bits) { return static_cast<float>(bits >> 8) * 5.9604645e-8f; }

// Mean 0, deviation 1: the sum of four uniform numbers of 16 bits (Irwin 1927, Hall 1927), within 3.46 deviations. It needs additions only;
// a normal distribution needs functions that devices round differently.
MILLESIME_HD float bell(RandomBits bits) {
  const std::uint32_t sum = (bits.a & 0xFFFFu) + (bits.a >> 16) + (bits.b & 0xFFFFu) + (bits.b >> 16);
  return (static_cast<float>(sum) - 131070.0f) * 2.6428998e-5f;  // less their mean, over their deviation sqrt((2^32 - 1) / 3)
}

}  // namespace millesime
