// The layout of Landsat Collection 2 Level 2 (USGS): a folder or a tar of GeoTIFFs a scene, or these files alone, in <root>/<tile>/ or
// beside each other in <root>. Without folders of tiles, a tile is a path and row of WRS-2 (197030), on a grid of its own, or a Sentinel-2
// tile (T31TCJ), on whose grid the scenes of every path, row and UTM zone are brought together; scenes of one path and day are one
// acquisition. Format: Landsat 8-9 Collection 2 Level 2 Science Product Guide, USGS LSDS-1619; Landsat 4-7: LSDS-1618

#include <algorithm>
#include <filesystem>
#include <map>
#include <regex>
#include <set>

#include "pipeline/core/error.h"
#include "pipeline/core/file_name.h"
#include "pipeline/core/text.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/sensor.h"
#include "pipeline/io/sensors/layout.h"

namespace millesime {
namespace fs = std::filesystem;
namespace {

bool is_tar(const std::string& name) {
  const std::string known = lower(name);
  return known.ends_with(".tar") || known.ends_with(".tar.gz") || known.ends_with(".tgz");
}

std::string stem_of(const std::string& name) { return is_tar(name) ? name.substr(0, name.find('.')) : name; }

// The product that a file of a band is of, by its name: LC08_L2SP_197030_20210511_20210524_02_T1 of ..._T1_SR_B4.TIF. "" for others.
std::string product_of_image(const std::string& name) {
  constexpr int kParts = 7;
  std::size_t end = 0;
  for (int part = 0; part < kParts && end != std::string::npos; ++part) end = name.find('_', end + (part > 0));
  return end == std::string::npos || !lower(name).ends_with(".tif") ? "" : name.substr(0, end);
}

// Why a name that begins like one of Landsat is no product of this layout.
std::string refusal(const std::string& name) {
  static const std::regex scene(R"((L[COTEM]0[1-9])_(L[12][A-Z]{2})_\d{6}_\d{8}_\d{8}_(\d{2})_(RT|T[12]))"),
      old(R"(L[COTEM]0?[1-9]\d{6,13}.*)");
  std::smatch part;
  constexpr const char* kExpected = "expected Collection 2 Level 2, e.g. LC08_L2SP_197030_20210511_20210524_02_T1; download that product";
  if (!std::regex_match(name, part, scene))
    return std::regex_match(name, old) ? join_text("is a scene of an older collection; ", kExpected) : "";
  if (part[2].str()[1] == '1') return join_text("is of Level 1 (", part[2].str(), "), numbers at the top of the atmosphere; ", kExpected);
  if (part[3] != "02") return join_text("is of Collection ", part[3].str(), "; ", kExpected);
  return "";
}

class LandsatC2 final : public ProductLayout {
 public:
  std::vector<std::string> tiles(const SensorFile& sensor, const std::string& root) const override {
    std::vector<std::string> tiles = tiles_of_folders_or_names(sensor, root, [&](const std::string& name) {
      const std::string of_image = product_of_image(name);
      const auto parts = pattern_of(sensor).match(of_image.empty() ? stem_of(name) : of_image);
      return parts ? parts->at("scene") : "";
    });
    if (tiles.empty())
      for (const std::string& name : sorted_names(root))
        if (const std::string why = refusal(stem_of(name)); !why.empty()) throw UserError(join_text(root, "/", name, ": ", why));
    return tiles;
  }

  std::vector<Entry> entries(const Search& search) const override {
    const std::string folder = folder_of_tile(search);
    const bool own_folder = folder == search.folder(), of_scene = !own_folder && std::regex_match(search.tile, std::regex(R"(\d{6})"));
    const NamePattern pattern = pattern_of(search.sensor);
    std::vector<Entry> entries;
    std::set<std::string> of_images;  // products whose files lie in the folder itself
    const auto names_product = [&](const std::string& stem) {
      try {
        return pattern.match(stem).has_value();
      } catch (const UserError&) {  // an impossible date: told below
        return true;
      }
    };
    for (const FolderEntry& listed : sorted_entries(folder)) {
      std::string name = listed.name(), path = listed.path();
      if (is_left_by_desktop(name)) continue;
      const std::string of_image = listed.is_folder() ? "" : product_of_image(name);
      const bool is_image = !of_image.empty() && names_product(of_image);
      if (is_image && !of_images.insert(of_image).second) continue;
      if (is_image) name = of_image, path = folder;
      Entry entry{name, std::nullopt, "", false};
      const std::string stem = stem_of(name);
      if (listed.is_broken_link() && pattern.match(stem)) entry.damage = kBrokenLink;
      if (!is_image && !is_tar(name) && !listed.is_folder()) {
        if (own_folder || !entry.damage.empty()) entries.push_back(entry);
        continue;
      }
      std::optional<NamePattern::Parts> parts;
      try {
        parts = pattern.match(stem);
      } catch (const UserError& error) {
        entry.damage = error.what();
      }
      if (!parts) {
        if (entry.damage.empty()) entry.damage = refusal(stem);
        const bool other_scene = of_scene && stem.find("_" + search.tile + "_") == std::string::npos;
        if (!other_scene && (own_folder || !entry.damage.empty())) entries.push_back(entry);
        continue;
      }
      if (of_scene && parts->at("scene") != search.tile) continue;
      if (entry.damage = special_damage(listed); !entry.damage.empty()) {
        entries.push_back(entry);
        continue;
      }
      entry.candidate = candidate_of(name, path, stem, *parts);
      entry.candidate->product.tile = search.tile;
      entry.outside_period = search.is_outside(entry.candidate->product.date);
      entries.push_back(std::move(entry));
    }
    return entries;
  }

  void find_layers(const Search& search, FoundProduct& candidate) const override {
    Product& product = candidate.product;
    if (!candidate.archive.empty()) {
      if (candidate.archive.find_first_of("{}") != std::string::npos) {
        candidate.problems.push_back("names with { or } cannot be read in place; rename the archive");
        return;
      }
      product.path = "/vsitar/{" + candidate.archive + "}";
    }
    auto names = names_inside(product.path);
    if (!candidate.archive.empty() && names)
      if (const std::string inside = inside_only_folder(product.path, *names); inside != product.path)
        product.path = inside, names = names_inside(inside);
    if (!names || names->empty()) {
      candidate.problems.push_back(candidate.archive.empty()
                                       ? "the folder is empty or cannot be listed"
                                       : "the tar archive cannot be read: it is truncated, empty or not a tar file; download it again");
      return;
    }
    const std::string platform = product.name.substr(0, 2);  // LC, LE, LT
    const auto image = [&](const std::string& ending) { return only_image(*names, product.name + "_" + ending, candidate.problems); };
    for (const SensorBand& band : search.sensor.bands) {
      const auto own = band.files.find(platform);
      const std::string ending = own == band.files.end() ? band.file : own->second, file = ending.empty() ? "" : image(ending);
      if (file.empty()) continue;
      product.layers[band.name] = {.file = file, .variable = "", .band = 0, .grid = {}, .encoding = band.encoding};
      candidate.bands.insert(band.name);
    }
    for (const SensorMask& mask : search.sensor.masks) {
      const std::string file = image(mask.file);
      if (file.empty() && !mask.plane.optional)
        candidate.problems.push_back(join_text("the mask ", product.name, "_", mask.file, ".TIF is missing; download the product again"));
      product.layers[mask.plane.name] = {.file = file, .variable = "", .band = 0, .grid = {}, .encoding = {}};
    }
    if (candidate.bands.empty()) candidate.problems.push_back(join_text("it has no band (", product.name, "_SR_B*.TIF)"));
  }

  // Of Collection 1, in which other bits mean clouds: no number is above 2^12, while every pixel of Collection 2 states how sure its masks
  // are in the bits above.
  std::string problem_of_mask(const std::string& name, const RasterReader& reader) const override {
    if (name != "QA_PIXEL") return "";
    constexpr int kLeast = 4096;
    const Grid& grid = reader.grid();
    std::vector<std::uint16_t> row(static_cast<std::size_t>(grid.cols));
    for (const int r : {grid.rows / 2, grid.rows / 4, 3 * grid.rows / 4}) {
      reader.read({0, r, grid.cols, 1}, 0, row.data());
      const auto most = std::ranges::max(row);
      if (most > 1)
        return most < kLeast ? join_text("expected QA_PIXEL of Collection 2 (numbers above ", kLeast, "), got numbers up to ", most,
                                         ", which are of another collection; download the product of Collection 2")
                             : "";
    }
    return "";
  }

  bool shares_grid() const override { return false; }

  std::optional<Grid> grid_of_tile(const Search& search) const override {
    return folder_of_tile(search) == search.folder() ? std::nullopt : sentinel2_grid(search.tile, search.sensor.resolution);
  }

 private:
  static NamePattern pattern_of(const SensorFile& sensor) { return {sensor.product, sensor.tile, sensor.origin + ": product"}; }

  static FoundProduct candidate_of(const std::string& name, const std::string& path, const std::string& stem,
                                   const NamePattern::Parts& parts) {
    FoundProduct candidate;
    candidate.entry = name;
    candidate.product.name = stem;
    candidate.product.path = path;
    candidate.product.date = Date::parse(parts.at("date"));
    candidate.product.time = parts.at("scene");
    candidate.product.version = parts.at("processed");
    candidate.pass = stem.substr(0, 4) + "_" + parts.at("scene");
    candidate.version = {std::stoll(parts.at("processed")), !is_tar(name)};
    if (is_tar(name)) candidate.archive = path;
    return candidate;
  }
};

}  // namespace

std::unique_ptr<ProductLayout> make_landsat_c2() { return std::make_unique<LandsatC2>(); }

}  // namespace millesime
