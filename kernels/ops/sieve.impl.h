#pragma once
// Body of sieve.h. The data of a component are stored at its lowest pixel. Classes are counted and compared one after the other, so no
// table of components and classes is needed.

#include <cstdint>

#include "kernels/base/atomics.h"
#include "kernels/base/parallel_for.h"
#include "kernels/ops/sieve.h"

namespace millesime {

struct SieveMap {
  SieveArgs args;

  MILLESIME_HD bool is_large(std::int64_t pixel) const {
    return args.labels[pixel] != 0 && args.size[args.component[pixel]] >= args.min_pixels;
  }
  MILLESIME_HD bool is_small(std::int64_t pixel) const {
    return args.labels[pixel] != 0 && args.size[args.component[pixel]] < args.min_pixels;
  }

  MILLESIME_HD int group_of(std::int64_t pixel) const { return args.group ? args.group[args.labels[pixel]] : 0; }

  // Number of neighbours in large components of the pixel's group that have the label, or any label if it is 0.
  MILLESIME_HD int touched(std::int64_t pixel, int label) const {
    const int col = static_cast<int>(pixel % args.width);
    const int row = static_cast<int>(pixel / args.width);
    const int own = group_of(pixel);
    int n = 0;
    MILLESIME_ROLLED
    for (int down = -1; down <= 1; ++down) {
      if (row + down < 0 || row + down >= args.height) continue;
      MILLESIME_ROLLED
      for (int right = -1; right <= 1; ++right) {
        if (col + right < 0 || col + right >= args.width || (args.connectivity == 4 && down != 0 && right != 0)) continue;
        const std::int64_t at = pixel + static_cast<std::int64_t>(down) * args.width + right;
        if ((label == 0 || args.labels[at] == label) && group_of(at) == own && is_large(at)) ++n;
      }
    }
    return n;
  }
};

// Until the end, sieved[pixel] says whether a pixel of a small component touches a large one.
struct SieveStart {
  SieveMap map;
  MILLESIME_HD void operator()(std::int64_t pixel) const {
    map.args.contact[pixel] = map.args.most_contact[pixel] = 0;
    map.args.winner[pixel] = 0;
    map.args.sieved[pixel] = map.is_small(pixel) && map.touched(pixel, 0) > 0 ? 1 : 0;
  }
};

struct SieveContacts {
  SieveMap map;
  int label;
  MILLESIME_HD void operator()(std::int64_t pixel) const {
    if (map.args.sieved[pixel] == 0) return;
    const int n = map.touched(pixel, label);
    if (n > 0) atomic_add(map.args.contact + map.args.component[pixel], n);
  }
};

struct SieveComparison {
  SieveMap map;
  int label;
  MILLESIME_HD void operator()(std::int64_t pixel) const {
    const std::int32_t n = map.args.contact[pixel];
    if (n == 0) return;
    map.args.contact[pixel] = 0;
    if (n <= map.args.most_contact[pixel]) return;  // labels rise: the lowest of equals stays
    map.args.most_contact[pixel] = n;
    map.args.winner[pixel] = static_cast<std::uint8_t>(label);
  }
};

struct SieveResult {
  SieveMap map;
  MILLESIME_HD void operator()(std::int64_t pixel) const {
    const std::uint8_t label = map.args.labels[pixel];
    const std::uint8_t winner = label == 0 ? std::uint8_t{0} : map.args.winner[map.args.component[pixel]];  // only small ones have one
    map.args.sieved[pixel] = winner == 0 ? label : winner;
  }
};

template <class Backend>
void sieve_on(const Backend& backend, const SieveArgs& args) {
  const std::int64_t pixels = static_cast<std::int64_t>(args.width) * args.height;
  const SieveMap map{args};
  parallel_for(backend, "sieve, start", pixels, SieveStart{map});
  for (int c = 0; c < args.n_classes; ++c) {
    parallel_for(backend, "sieve, contacts", pixels, SieveContacts{map, args.classes[c]});
    parallel_for(backend, "sieve, comparison", pixels, SieveComparison{map, args.classes[c]});
  }
  parallel_for(backend, "sieve, result", pixels, SieveResult{map});
}

}  // namespace millesime
