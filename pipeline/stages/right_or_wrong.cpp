#include "pipeline/stages/right_or_wrong.h"

#include <algorithm>
#include <numeric>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/io/map_input.h"
#include "pipeline/io/raster_file.h"

namespace millesime {
namespace {

// Polygons as labels of a window, as classes_of_pixels() gives them.
class ReferencePixels {
 public:
  explicit ReferencePixels(const LabelledPolygons& polygons) : polygons_(polygons) {
    for (const Feature& feature : polygons.layer.features) extents_.push_back(feature.extent());
  }

  // {} where no polygon meets the window.
  std::vector<std::int32_t> in(const Grid& window) const {
    std::vector<Feature> inside;
    std::vector<std::int32_t> codes;
    for (std::size_t i = 0; i < extents_.size(); ++i)
      if (extents_[i].intersects(window.extent())) inside.push_back(polygons_.layer.features[i]), codes.push_back(polygons_.codes[i]);
    if (inside.empty()) return {};
    return classes_of_pixels(inside, codes, window);
  }

 private:
  const LabelledPolygons& polygons_;
  std::vector<Box> extents_;
};

constexpr std::uint8_t kWrong = 1, kRight = 2;  // of what was held out
constexpr std::uint8_t kLearned = 2;            // added to them where a model learned from the pixel

Nomenclature legend() {
  Nomenclature legend;
  legend.name = "right or wrong";
  const auto add = [&](int code, const char* name, const char* colour) {
    legend.classes.push_back(
        {.code = code, .name = name, .name_en = name, .color = Color::parse(colour), .alias = join_text("class_", code), .parent = 0});
  };
  add(1, "wrong, held out", "#d73027");
  add(2, "right, held out", "#1a9850");
  add(3, "wrong, learned from", "#fdae61");
  add(4, "right, learned from", "#a6d96a");
  add(6, "right, held out and learned from", "#006837");
  return legend;
}

std::optional<MapInput> layer_of(const std::string& file, MapKind kind, const MapInput& map) {
  if (file.empty()) return std::nullopt;
  MapInput layer(file, kind);
  require_same(map.grid(), layer.grid(), file + " and " + map.path());
  return layer;
}

std::string lines_of(const std::string& layer, const RightWrongCounts& counts) {
  std::string text;
  for (const auto& [value, n] : counts) text += join_text(layer, ",", value, ",", n[0], ",", n[1], "\n");
  return text;
}

}  // namespace

std::vector<std::int32_t> classes_of_pixels(const std::vector<Feature>& polygons, const std::vector<std::int32_t>& codes,
                                            const Grid& grid) {
  // Burnt in the order of the classes a pixel gets its highest one, in the other order its lowest.
  std::vector<std::size_t> order(polygons.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return codes[i]; });
  std::vector<const Feature*> by_class;
  for (const std::size_t i : order) by_class.push_back(&polygons[i]);
  std::vector<std::int32_t> classes = rasterise(by_class, grid, [&](std::size_t i) { return codes[order[i]]; }).samples;
  std::ranges::reverse(by_class), std::ranges::reverse(order);
  const auto lowest = rasterise(by_class, grid, [&](std::size_t i) { return codes[order[i]]; });
  for (std::size_t i = 0; i < classes.size(); ++i)
    if (classes[i] != lowest.samples[i]) classes[i] = kOfTwoClasses;
  return classes;
}

void write_right_or_wrong(const RightOrWrong& request, const Context& context) {
  const MapInput map(request.classification, MapKind::classes);
  const auto confidence = layer_of(request.confidence, MapKind::confidence, map),
             validity = layer_of(request.validity, MapKind::validity, map);
  const ReferencePixels held_out(request.held_out);
  const std::optional<ReferencePixels> learned = request.learned ? std::optional<ReferencePixels>(*request.learned) : std::nullopt;
  const Nomenclature classes = legend();
  RasterOptions options;
  options.nodata = 0;
  options.nomenclature = &classes;
  RasterWriter writer(request.map, map.grid(), PixelType::u8, 1, options);

  RightWrongCounts by_confidence, by_validity;
  constexpr std::int64_t kBytesPerPixel = 64;  // labels of both kinds, classes, confidence, validity and what GDAL holds of them
  const std::int64_t most = std::clamp<std::int64_t>(context.memory_bytes / kBytesPerPixel, 1, 1 << 22);
  const auto windows = split(map.grid().whole(), map.grid().cols, writer.block(), most);
  context.progress->start("right or wrong", static_cast<std::int64_t>(windows.size()), "windows");
  for (const Window& window : windows) {
    context.progress->advance(1);
    const Grid grid = map.grid().crop(window);
    std::vector<std::int32_t> test = held_out.in(grid), train = learned ? learned->in(grid) : std::vector<std::int32_t>{};
    if (test.empty() && train.empty()) continue;
    const auto pixels = static_cast<std::size_t>(window.pixels());
    test.resize(pixels), train.resize(pixels);
    std::vector<std::int32_t> produced(pixels), value(pixels);
    map.read(window, produced.data());
    std::vector<std::uint8_t> result(pixels);
    for (std::size_t i = 0; i < pixels; ++i) {
      if (produced[i] == 0) continue;
      if (test[i] > 0) result[i] = test[i] == produced[i] ? kRight : kWrong;
      if (train[i] > 0) result[i] = static_cast<std::uint8_t>(result[i] + kLearned + (train[i] == produced[i] ? kRight : kWrong));
    }
    writer.write(window, 0, result.data());
    for (const auto& [layer, counts] : {std::pair{&confidence, &by_confidence}, {&validity, &by_validity}}) {
      if (!*layer) continue;
      (*layer)->read(window, value.data());
      for (std::size_t i = 0; i < pixels; ++i)
        if (test[i] > 0 && produced[i] != 0) ++(*counts)[value[i]][test[i] == produced[i] ? 0 : 1];
    }
  }
  writer.commit();
  context.progress->finish();
  write_text(request.histograms, "layer,value,right,wrong\n" + lines_of("confidence", by_confidence) + lines_of("validity", by_validity));
}

}  // namespace millesime
