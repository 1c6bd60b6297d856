#include "pipeline/imagery/region_weights.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/io/geodesy.h"

namespace millesime {
namespace {

constexpr float kFar = std::numeric_limits<float>::infinity();

// d[q] = min over p of (step (q - p))^2 + f[p], for one line of n values `stride` apart.
class LineTransform {
 public:
  explicit LineTransform(int longest)
      : f_(static_cast<std::size_t>(longest)),
        border_(static_cast<std::size_t>(longest) + 1),
        parabola_(static_cast<std::size_t>(longest)) {}

  void operator()(float* line, int n, std::ptrdiff_t stride, double step) {
    const double square = step * step;
    int last = -1;  // of the parabolas in the lower envelope
    for (int q = 0; q < n; ++q) {
      const double value = f_[static_cast<std::size_t>(q)] = line[q * stride];
      if (std::isinf(value)) continue;
      double from = -std::numeric_limits<double>::infinity();
      while (last >= 0) {
        const int p = parabola_[static_cast<std::size_t>(last)];
        from = ((value + square * q * q) - (f_[static_cast<std::size_t>(p)] + square * p * p)) / (2.0 * square * (q - p));
        if (from > border_[static_cast<std::size_t>(last)]) break;
        --last;
      }
      ++last;
      parabola_[static_cast<std::size_t>(last)] = q;
      border_[static_cast<std::size_t>(last)] = last == 0 ? -std::numeric_limits<double>::infinity() : from;
    }
    if (last < 0) return;
    int k = 0;
    for (int q = 0; q < n; ++q) {
      while (k < last && border_[static_cast<std::size_t>(k) + 1] < q) ++k;
      const int p = parabola_[static_cast<std::size_t>(k)];
      line[q * stride] = static_cast<float>(square * (q - p) * (q - p) + f_[static_cast<std::size_t>(p)]);
    }
  }

 private:
  std::vector<double> f_, border_;
  std::vector<int> parabola_;
};

}  // namespace

std::vector<float> distance_to(const std::vector<std::uint8_t>& marked, int width, int height, double row_step) {
  std::vector<float> distance(marked.size());
  for (std::size_t i = 0; i < marked.size(); ++i) distance[i] = marked[i] ? 0 : kFar;
  LineTransform transform(std::max(width, height));
  for (int row = 0; row < height; ++row) transform(distance.data() + std::ptrdiff_t{row} * width, width, 1, 1);
  for (int col = 0; col < width; ++col) transform(distance.data() + col, height, width, row_step);
  for (float& value : distance) value = std::sqrt(value);
  return distance;
}

RegionWeights::RegionWeights(const RegionOptions& options, const Grid& grid) : grid_(grid) {
  const PixelMetres pixel = pixel_metres(grid);
  blend_px_ = options.blend_m / pixel.across;
  row_step_ = pixel.down / pixel.across;
  std::map<std::string, std::vector<Feature>> by_name;
  for (RegionPolygon& region : read_regions(options, grid, false)) by_name[region.name].push_back(std::move(region.feature));
  if (by_name.empty()) throw UserError(join_text(options.path, ": regions.path has no polygon"));
  for (auto& [name, features] : by_name) {
    names_.push_back(name);
    features_.push_back(std::move(features));
  }
}

std::vector<int> RegionWeights::present(const Window& window) const {
  const double margin_x = (blend_px_ + 1) * grid_.pixel_width, margin_y = (blend_px_ / row_step_ + 1) * grid_.pixel_height;
  Box box = grid_.extent(window);
  box = {box.min_x - margin_x, box.min_y - margin_y, box.max_x + margin_x, box.max_y + margin_y};
  std::vector<int> regions;
  for (std::size_t r = 0; r < features_.size(); ++r)
    if (std::ranges::any_of(features_[r], [&](const Feature& feature) { return feature.extent().intersects(box); }))
      regions.push_back(static_cast<int>(r));
  return regions;
}

std::vector<float> RegionWeights::weights(const Window& window, const std::vector<int>& regions) const {
  // Distances up to the blend width are exact if the window is extended by it; longer ones are not needed.
  const int margin = static_cast<int>(std::ceil(blend_px_)) + 1, margin_rows = static_cast<int>(std::ceil(blend_px_ / row_step_)) + 1;
  const Window wide{window.col - margin, window.row - margin_rows, window.width + 2 * margin, window.height + 2 * margin_rows};
  const Grid wide_grid = grid_.crop(wide);
  const auto pixels = static_cast<std::size_t>(window.pixels());
  std::vector<float> weights(pixels * regions.size());
  for (std::size_t k = 0; k < regions.size(); ++k) {
    const auto burnt = rasterise(features_[static_cast<std::size_t>(regions[k])], wide_grid, [](std::size_t) { return 1; });
    std::vector<std::uint8_t> inside(burnt.samples.size());
    std::ranges::transform(burnt.samples, inside.begin(), [](std::int32_t value) { return static_cast<std::uint8_t>(value != 0); });
    const auto distance = distance_to(inside, wide.width, wide.height, row_step_);
    for (int row = 0; row < window.height; ++row)
      for (int col = 0; col < window.width; ++col) {
        const float d = distance[static_cast<std::size_t>(row + margin_rows) * static_cast<std::size_t>(wide.width) +
                                 static_cast<std::size_t>(col + margin)];
        const double weight = d == 0 ? 1 : blend_px_ > 0 ? std::max(0.0, 1 - d / blend_px_) : 0;
        weights[k * pixels + static_cast<std::size_t>(row) * static_cast<std::size_t>(window.width) + static_cast<std::size_t>(col)] =
            static_cast<float>(weight);
      }
  }
  return weights;
}

}  // namespace millesime
