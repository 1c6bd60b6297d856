#include "pipeline/simulate/ground.h"

#include <cmath>
#include <unordered_map>

#include "pipeline/core/error.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/simulate/noise.h"

namespace millesime::simulated {

namespace {
constexpr double kLatticeStep = 640;  // metres

// Variation of growth: patches of some pixels, and a part that differs from pixel to pixel. A function of the position.
double growth_at(std::uint64_t seed, Point p) {
  const double patches = smooth_noise(hash_of(seed, 81), p.x / 45, p.y / 45) * 1.9;
  const double pixel = normal(hash_of(seed, 82, std::llround(p.x / 10), std::llround(p.y / 10)));
  return 0.75 * patches + 0.66 * pixel;
}

struct Row {  // one row of a window, with its own numbering of parcels
  std::vector<Parcel> parcels;
  std::unordered_map<std::uint64_t, std::uint32_t> index;
  std::uint32_t number(const Parcel& parcel) {
    const auto [found, added] = index.try_emplace(parcel.id, static_cast<std::uint32_t>(parcels.size()));
    if (added) parcels.push_back(parcel);
    return found->second;
  }
};
}  // namespace

PositionLattice::PositionLattice(const std::string& from_crs, const std::string& to_crs, const Box& extent) {
  const CoordinateTransform transform(from_crs, to_crs);
  const double first_col = std::floor(extent.min_x / kLatticeStep), first_row = std::floor(extent.min_y / kLatticeStep);
  cols_ = static_cast<int>(std::floor(extent.max_x / kLatticeStep) - first_col) + 2;
  const int rows = static_cast<int>(std::floor(extent.max_y / kLatticeStep) - first_row) + 2;
  x0_ = first_col * kLatticeStep;
  y0_ = first_row * kLatticeStep;
  std::vector<double> x, y;
  for (int row = 0; row < rows; ++row)
    for (int col = 0; col < cols_; ++col) {
      x.push_back(x0_ + col * kLatticeStep);
      y.push_back(y0_ + row * kLatticeStep);
    }
  transform.apply(x, y);
  for (std::size_t node = 0; node < x.size(); ++node) {
    MILLESIME_CHECK(std::isfinite(x[node]) && std::isfinite(y[node]), "no position in ", to_crs, " near ", x0_, ", ", y0_);
    nodes_.push_back({x[node], y[node]});
  }
}

Point PositionLattice::operator()(Point p) const {
  const double col = (p.x - x0_) / kLatticeStep, row = (p.y - y0_) / kLatticeStep;
  const auto c = static_cast<std::size_t>(col), r = static_cast<std::size_t>(row);
  const std::size_t node = r * static_cast<std::size_t>(cols_) + c;
  MILLESIME_CHECK(col >= 0 && row >= 0 && node + static_cast<std::size_t>(cols_) + 1 < nodes_.size(), "position ", p.x, ", ", p.y,
                  " outside the lattice");
  const double u = col - static_cast<double>(c), v = row - static_cast<double>(r);
  const Point &a = nodes_[node], &b = nodes_[node + 1], &d = nodes_[node + static_cast<std::size_t>(cols_)],
              &e = nodes_[node + static_cast<std::size_t>(cols_) + 1];
  return {(a.x * (1 - u) + b.x * u) * (1 - v) + (d.x * (1 - u) + e.x * u) * v,
          (a.y * (1 - u) + b.y * u) * (1 - v) + (d.y * (1 - u) + e.y * u) * v};
}

Ground survey(const World& world, const Grid& grid, const PositionLattice& to_world, const Window& window, int threads) {
  Ground ground;
  ground.window = window;
  const auto pixels = static_cast<std::size_t>(window.pixels());
  ground.at_pixel.resize(pixels);
  ground.position.resize(pixels);
  ground.growth.resize(pixels);
  ground.land_class.resize(pixels);
  std::vector<Row> rows(static_cast<std::size_t>(window.height));

#pragma omp parallel for schedule(dynamic) num_threads(threads)
  for (int r = 0; r < window.height; ++r) {
    Row& row = rows[static_cast<std::size_t>(r)];
    for (int c = 0; c < window.width; ++c) {
      const std::size_t pixel = static_cast<std::size_t>(r) * static_cast<std::size_t>(window.width) + static_cast<std::size_t>(c);
      const double col = window.col + c, line = window.row + r;
      const Point centre = to_world(grid.centre(window.col + c, window.row + r));
      ground.position[pixel] = centre;
      ground.growth[pixel] = static_cast<float>(growth_at(world.seed(), centre));
      ground.land_class[pixel] = static_cast<std::uint8_t>(world.parcel_at(centre).land_class);
      for (int point = 0; point < kPointsPerPixel; ++point) {
        const Point on_map = {grid.x(col + 0.25 + 0.5 * (point % 2)), grid.y(line + 0.25 + 0.5 * (point / 2))};
        ground.at_pixel[pixel][static_cast<std::size_t>(point)] = row.number(world.parcel_at(to_world(on_map)));
      }
    }
  }

  // One numbering for the window, in the order of the rows.
  Row all;
  for (int r = 0; r < window.height; ++r) {
    std::vector<std::uint32_t> renumbered;
    for (const Parcel& parcel : rows[static_cast<std::size_t>(r)].parcels) renumbered.push_back(all.number(parcel));
    for (int c = 0; c < window.width; ++c)
      for (std::uint32_t& parcel :
           ground.at_pixel[static_cast<std::size_t>(r) * static_cast<std::size_t>(window.width) + static_cast<std::size_t>(c)])
        parcel = renumbered[parcel];
  }
  ground.parcels = std::move(all.parcels);
  return ground;
}

}  // namespace millesime::simulated
