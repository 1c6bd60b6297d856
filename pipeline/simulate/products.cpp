#include "pipeline/simulate/products.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <optional>

#include "pipeline/core/error.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/zip_file.h"
#include "pipeline/simulate/ground.h"

namespace millesime::simulated {

namespace {

namespace fs = std::filesystem;

constexpr int kOpenProducts = 24;  // of 16 files each, well below the usual limit of 1024 open files

// <folder>/<name>/ becomes <folder>/<name>.zip.
void zip_product(const std::string& folder, const std::string& name) {
  std::vector<ZipMember> members;
  for (const auto& entry : fs::recursive_directory_iterator(folder + "/" + name))
    if (entry.is_regular_file()) members.push_back({fs::relative(entry.path(), folder).generic_string(), entry.path().string()});
  std::sort(members.begin(), members.end(), [](const ZipMember& a, const ZipMember& b) { return a.name < b.name; });
  write_zip(folder + "/" + name + ".zip", members);
  fs::remove_all(folder + "/" + name);
}

double share(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0 : std::round(1000.0 * static_cast<double>(part) / static_cast<double>(whole)) / 1000;
}

nlohmann::ordered_json entry_of(const Tile& tile, const std::map<int, std::int64_t>& class_pixels) {
  nlohmann::ordered_json entry;
  entry["name"] = tile.name;
  entry["crs"] = tile.grid.crs;
  entry["origin"] = {tile.grid.x0, tile.grid.y0};
  entry["size"] = {tile.grid.cols, tile.grid.rows};
  nlohmann::ordered_json classes;
  for (const auto& [code, pixels] : class_pixels) classes[std::to_string(code)] = pixels;
  entry["class_pixels"] = classes;
  return entry;
}

// The map of the classes of a tile, with their numbers of pixels.
class Truth {
 public:
  Truth(const Tile& tile, const std::string& path) : file_(path, tile.grid, PixelType::u8, 1, options_of(tile.grid)) {}

  void write(const Ground& ground) {
    file_.write(ground.window, 0, ground.land_class.data());
    for (const std::uint8_t code : ground.land_class) ++class_pixels_[code];
  }
  void commit() { file_.commit(); }
  const std::map<int, std::int64_t>& class_pixels() const { return class_pixels_; }

 private:
  static RasterOptions options_of(const Grid& grid) {
    RasterOptions options;
    options.nodata = 0;
    options.block = block_of(std::max(grid.cols, grid.rows), kStripRows);
    return options;
  }

  RasterWriter file_;
  std::map<int, std::int64_t> class_pixels_;
};

}  // namespace

nlohmann::ordered_json write_truth(const World& world, const Tile& tile, const std::string& path, const Context& context) {
  const PositionLattice to_world(tile.grid.crs, kWorldCrs, tile.grid.extent());
  Truth truth(tile, path);
  for (const Window& window : strips_of(tile.grid)) truth.write(survey(world, tile.grid, to_world, window, context.threads));
  truth.commit();
  return entry_of(tile, truth.class_pixels());
}

nlohmann::ordered_json write_tile(const World& world, const Tile& tile, const std::vector<Pass>& passes, const OpticalLayout& layout,
                                  const ProductOptions& options, const std::string& products, const std::string& truth,
                                  const Context& context) {
  const PositionLattice to_world(tile.grid.crs, kWorldCrs, tile.grid.extent());
  const std::vector<Window> strips = strips_of(tile.grid);
  nlohmann::ordered_json found = nlohmann::ordered_json::array();
  std::optional<Truth> truth_map;
  if (!truth.empty()) truth_map.emplace(tile, truth);

  context.progress->start(join_text("simulate ", tile.name, " as ", layout.sensor),
                          static_cast<std::int64_t>(passes.size() * strips.size()), "strips");
  for (std::size_t first = 0; first < passes.size(); first += kOpenProducts) {
    const std::size_t last = std::min(passes.size(), first + kOpenProducts);
    std::vector<Renderer> renderers;
    std::vector<std::unique_ptr<ProductFiles>> files;
    std::vector<Strip> totals(last - first);  // counts only
    for (std::size_t k = first; k < last; ++k) {
      renderers.emplace_back(world, tile, passes[k], options.cloud_share, options.value_step);
      files.push_back(layout.open(products, layout.name(passes[k], tile.name), tile, passes[k]));
    }
    for (const Window& window : strips) {
      const Ground ground = survey(world, tile.grid, to_world, window, context.threads);
      if (first == 0 && truth_map) truth_map->write(ground);
      for (std::size_t k = 0; k < renderers.size(); ++k) {
        const Strip strip = renderers[k].render(ground, context.threads);
        files[k]->write(window, strip, context.threads);
        totals[k].seen += strip.seen;
        totals[k].cloudy += strip.cloudy;
        totals[k].masked += strip.masked;
        context.progress->advance(1);
      }
    }
    for (std::size_t k = 0; k < files.size(); ++k) {
      files[k]->commit(context.threads);
      const Pass& pass = passes[first + k];
      const std::string name = layout.name(pass, tile.name);
      if (pass.zipped) zip_product(products, name);
      nlohmann::ordered_json entry;
      entry["product"] = name;
      entry["date"] = pass.date.iso();
      entry["orbit"] = pass.orbit;
      entry["seen"] = share(totals[k].seen, tile.grid.pixels());
      entry["cloudy"] = share(totals[k].cloudy, totals[k].seen);
      entry["masked"] = share(totals[k].masked, totals[k].seen);
      entry["haze"] = std::round(renderers[k].sky().haze_strength() * 1e4) / 1e4;
      if (pass.zipped) entry["zipped"] = true;
      if (pass.faulty) entry["faulty"] = true;
      found.push_back(entry);
    }
  }
  if (truth_map) truth_map->commit();
  context.progress->finish();

  nlohmann::ordered_json entry = truth_map ? entry_of(tile, truth_map->class_pixels()) : nlohmann::ordered_json::object();
  entry["products"] = found;
  return entry;
}

namespace {

void write_classes(const World& world, const std::vector<Tile>& tiles, const Grid& grid, const std::string& path, bool crops_alone,
                   const Context& context) {
  std::map<std::string, PositionLattice> to_tile;  // one a CRS
  for (const Tile& tile : tiles) to_tile.try_emplace(tile.grid.crs, kWorldCrs, tile.grid.crs, grid.extent());
  RasterOptions options;
  options.nodata = 0;
  options.block = block_of(std::max(grid.cols, grid.rows), kStripRows);
  RasterWriter file(path, grid, PixelType::u8, 1, options);
  const std::vector<Window> strips = strips_of(grid);
  context.progress->start("simulate the truth of all tiles", static_cast<std::int64_t>(strips.size()), "strips");
  for (const Window& window : strips) {
    std::vector<std::uint8_t> classes(static_cast<std::size_t>(window.pixels()));
#pragma omp parallel for schedule(dynamic) num_threads(context.threads)
    for (int r = 0; r < window.height; ++r)
      for (int c = 0; c < window.width; ++c) {
        const Point centre = grid.centre(window.col + c, window.row + r);
        const bool covered = std::any_of(tiles.begin(), tiles.end(), [&](const Tile& tile) {
          const Point p = to_tile.at(tile.grid.crs)(centre);
          return tile.grid.whole().contains(static_cast<int>(std::floor(tile.grid.col(p.x))),
                                            static_cast<int>(std::floor(tile.grid.row(p.y))));
        });
        const int land_class = covered ? world.parcel_at(centre).land_class : 0;
        if (!crops_alone || is_crop(land_class))
          classes[static_cast<std::size_t>(r) * static_cast<std::size_t>(window.width) + static_cast<std::size_t>(c)] =
              static_cast<std::uint8_t>(land_class);
      }
    file.write(window, 0, classes.data());
    context.progress->advance(1);
  }
  file.commit();
  context.progress->finish();
}

}  // namespace

void write_union_truth(const World& world, const std::vector<Tile>& tiles, const Grid& grid, const std::string& path,
                       const Context& context) {
  write_classes(world, tiles, grid, path, false, context);
}

void write_register(const World& world, const std::vector<Tile>& tiles, const Grid& grid, const std::string& path, const Context& context) {
  write_classes(world, tiles, grid, path, true, context);
}

}  // namespace millesime::simulated
