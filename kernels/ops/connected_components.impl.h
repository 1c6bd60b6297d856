#pragma once
// Body of connected_components.h: runs of equal labels in a row, unions between runs, and the root of each run. While it is built,
// component[pixel] is a pixel of the same component with an index not above its own; that of a root is its own.

#include <cstdint>

#include "kernels/base/atomics.h"
#include "kernels/base/parallel_for.h"
#include "kernels/ops/connected_components.h"

namespace millesime {

// Runs end at multiples of this: the length that one thread processes.
inline constexpr int kRunColumns = 64;

struct RowRuns {
  ConnectedComponentsArgs args;

  MILLESIME_HD bool begins(int pixel) const {
    return pixel % args.width % kRunColumns == 0 || args.labels[pixel - 1] != args.labels[pixel];
  }
  // One past the last pixel of the run that begins at `pixel`.
  MILLESIME_HD int end(int pixel) const {
    const int col = pixel % args.width, next = (col / kRunColumns + 1) * kRunColumns;
    const int limit = pixel - col + (next < args.width ? next : args.width);
    int at = pixel + 1;
    while (at < limit && args.labels[at] == args.labels[pixel]) ++at;
    return at;
  }
};

struct ComponentRuns {
  RowRuns runs;

  MILLESIME_HD void operator()(std::int64_t item) const {
    const int pixel = static_cast<int>(item);
    runs.args.size[pixel] = 0;
    if (!runs.begins(pixel)) return;
    const std::int32_t parent = runs.args.labels[pixel] == 0 ? kNoComponent : pixel;
    for (int at = pixel, end = runs.end(pixel); at < end; ++at) runs.args.component[at] = parent;
  }
};

struct ComponentUnions {
  ConnectedComponentsArgs args;

  MILLESIME_HD static std::int32_t root_of(std::int32_t* parent, std::int32_t pixel) {
    for (;;) {
      const std::int32_t above = load_shared(parent + pixel);
      if (above == pixel) return pixel;
      const std::int32_t next = load_shared(parent + above);
      if (next == above) return above;
      store_shared(parent + pixel, next);  // an ancestor, even if another thread changes this one at the same time
      pixel = next;
    }
  }

  // A root gets a parent only by the atomic minimum that finds it to be a root; if another parent was there, that one is united next.
  MILLESIME_HD void unite(std::int32_t a, std::int32_t b) const {
    for (;;) {
      a = root_of(args.component, a);
      b = root_of(args.component, b);
      if (a == b) return;
      const std::int32_t low = a < b ? a : b, high = a < b ? b : a;
      const std::int32_t before = atomic_min(args.component + high, low);
      if (before == high) return;
      a = before;
      b = low;
    }
  }

  // Neighbours above, and the run that was cut; not those that the pixel to the left or right unites.
  MILLESIME_HD void operator()(std::int64_t item) const {
    const int pixel = static_cast<int>(item), col = pixel % args.width, above = pixel - args.width;
    const std::uint8_t* labels = args.labels;
    const std::uint8_t label = labels[pixel];
    if (label == 0) return;
    const bool left = col > 0 && labels[pixel - 1] == label;
    if (left && col % kRunColumns == 0) unite(pixel, pixel - 1);
    if (above < 0) return;
    const bool above_left = col > 0 && labels[above - 1] == label;
    if (labels[above] == label) {
      if (!left || !above_left) unite(pixel, above);
      return;
    }
    if (args.connectivity == 4) return;
    if (above_left && !left) unite(pixel, above - 1);
    const bool has_right = col + 1 < args.width;
    if (has_right && labels[above + 1] == label && labels[pixel + 1] != label) unite(pixel, above + 1);
  }
};

struct ComponentRoots {
  RowRuns runs;

  MILLESIME_HD void operator()(std::int64_t item) const {
    const int pixel = static_cast<int>(item);
    std::int32_t* component = runs.args.component;
    if (runs.args.labels[pixel] == 0 || !runs.begins(pixel)) return;
    // The path stays as it is: to halve it could put an ancestor back where another thread has written the root already.
    std::int32_t root = pixel;
    for (std::int32_t above; (above = load_shared(component + root)) != root;) root = above;
    const int end = runs.end(pixel);
    for (int at = pixel; at < end; ++at) store_shared(component + at, root);
    atomic_add(runs.args.size + root, end - pixel);
  }
};

template <class Backend>
void connected_components_on(const Backend& backend, const ConnectedComponentsArgs& args) {
  const std::int64_t pixels = static_cast<std::int64_t>(args.width) * args.height;
  parallel_for(backend, "connected_components, runs", pixels, ComponentRuns{{args}});
  parallel_for(backend, "connected_components, unions", pixels, ComponentUnions{args});
  parallel_for(backend, "connected_components, roots", pixels, ComponentRoots{{args}});
}

}  // namespace millesime
