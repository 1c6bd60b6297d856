#pragma once
// The first entries of a list, for messages and manifests that name a few of many.

#include <algorithm>
#include <cstddef>
#include <vector>

namespace millesime {

template <class T>
std::vector<T> first_of(const std::vector<T>& list, std::size_t most) {
  return {list.begin(), list.begin() + static_cast<std::ptrdiff_t>(std::min(most, list.size()))};
}

}  // namespace millesime
