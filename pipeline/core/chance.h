#pragma once
// Random numbers that are the same on every machine: distributions and shuffles differ between standard libraries.

#include <cstdint>
#include <random>
#include <string_view>
#include <utility>
#include <vector>

namespace millesime {

std::uint64_t hash_text(std::string_view text);  // FNV-1a, 64 bits
std::uint64_t mix(std::uint64_t value);          // finaliser of SplitMix64 (Steele et al. 2014): similar numbers give unrelated results

std::uint64_t below(std::mt19937_64& generator, std::uint64_t bound);  // 0 to bound - 1, each equally likely
double uniform(std::mt19937_64& generator);                            // in [0, 1)
double normal(std::mt19937_64& generator);                             // mean 0, deviation 1 (Box & Muller 1958)

template <class T>
void shuffle(std::vector<T>& items, std::mt19937_64& generator) {  // Fisher & Yates, from the end
  for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(generator, i)]);
}

std::int64_t round_half_even(double value);

}  // namespace millesime
