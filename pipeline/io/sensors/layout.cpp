#include "pipeline/io/sensors/layout.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <regex>
#include <set>

#include <cpl_conv.h>
#include <cpl_string.h>
#include <cpl_vsi.h>

#include "pipeline/core/error.h"
#include "pipeline/core/file_name.h"
#include "pipeline/core/special_file.h"
#include "pipeline/core/text.h"
#include "pipeline/io/internal/compiled_expression.h"
#include "pipeline/io/internal/gdal_call.h"
#include "pipeline/io/sensor.h"

namespace millesime {
namespace fs = std::filesystem;
namespace {

struct LayoutCard {
  const char* name;
  std::unique_ptr<ProductLayout> (*make)();
  std::vector<std::string> settings;    // of a sensor file
  std::vector<std::string> of_product;  // what its pattern `product` must say
};

// Every layout. A new one is a line here.
const std::vector<LayoutCard>& layouts() {
  static const std::vector<LayoutCard> known = {
      {"muscate", make_muscate, {"example"}, {"date", "tile", "version"}},
      {"safe", make_safe, {}, {"date", "time", "tile", "satellite", "baseline", "orbit", "generated"}},
      {"landsat_c2", make_landsat_c2, {}, {"date", "scene", "processed"}},
      {"sentinel1", make_raster_series, {"file", "offset_flag"}, {}},  // S1Tiling's files are a series whose names say all
      {"raster_series", make_raster_series, {"file", "offset_flag"}, {}},
  };
  return known;
}

const LayoutCard& layout_card(const std::string& name) {
  const auto known = std::ranges::find_if(layouts(), [&](const LayoutCard& card) { return name == card.name; });
  MILLESIME_CHECK(known != layouts().end(), "layout ", name);
  return *known;
}

std::string damage_of_kind(const std::string& kind) {
  return kind.empty() ? "" : join_text("is ", kind, ", which is not opened; expected a product, remove it");
}

}  // namespace

std::string special_damage(const std::string& path) { return damage_of_kind(is_remote(path) ? "" : special_file(path)); }
std::string special_damage(const FolderEntry& entry) { return damage_of_kind(entry.special()); }

const std::map<std::string, std::string>& SpecialFiles::in(const std::string& folder) {
  const auto [known, is_new] = known_.try_emplace(folder);
  std::error_code error;
  if (is_new)
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
      if (std::error_code ignored; !entry->is_regular_file(ignored) && !entry->is_directory(ignored))
        if (const std::string kind = special_file(entry->path().string()); !kind.empty()) {
          known->second[entry->path().filename().string()] = kind;
          others_.push_back(join_text(entry->path().string(), " (", kind, ")"));
        }
  return known->second;
}

void SpecialFiles::take_out(FoundProduct& candidate) {
  std::set<std::string> found;
  for (const auto& [name, layer] : candidate.product.layers) {
    const fs::path path = candidate.product.path + "/" + layer.file;
    if (layer.file.empty() || path.string().find("/vsi") != std::string::npos) continue;
    const std::string folder = path.parent_path().string(), stem = lower(path.stem().string());
    for (const auto& [special, kind] : in(folder)) {  // world files, masks, metadata and others begin like the image that they are of
      if (!lower(special).starts_with(stem)) continue;
      found.insert(join_text(special, " is ", kind, ", which is not opened; expected a file, remove it"));
      std::erase(others_, join_text(folder, "/", special, " (", kind, ")"));
    }
  }
  if (found.empty()) return;
  candidate.problems.insert(candidate.problems.end(), found.begin(), found.end());
  candidate.product.layers.clear();
}

std::vector<std::string> known_layouts() {
  std::vector<std::string> names;
  for (const LayoutCard& card : layouts()) names.emplace_back(card.name);
  return names;
}

std::unique_ptr<ProductLayout> make_layout(const std::string& name) { return layout_card(name).make(); }

std::vector<std::string> layout_settings(const std::string& layout) { return layout_card(layout).settings; }

void check_layout(const SensorFile& sensor) {
  const LayoutCard& card = layout_card(sensor.layout);
  if (card.make == make_raster_series) check_raster_series(sensor);
  if (card.of_product.empty()) return;
  const NamePattern pattern(sensor.product, sensor.tile, sensor.origin + ": product");
  for (const std::string& part : card.of_product)
    if (!pattern.has(part))
      throw UserError(join_text(sensor.origin, ": product: expected a pattern of names with {", part, "}, got \"", sensor.product, "\""));
}

std::string canonical_tile(const std::string& name) {
  static const std::regex bare(R"((\d{1,2})[A-Z]{3})");
  std::smatch part;
  if (!std::regex_match(name, part, bare)) return name;
  return (part[1].length() == 1 ? "T0" : "T") + name;  // zones 1 to 9 are written either way
}

std::optional<std::vector<std::string>> names_inside(const std::string& path) {
  const GdalMessages quiet;
  VSIStatBufL status;
  CPLStringList list;
  persist(path, [&] {
    char** names = VSIReadDir(path.c_str());
    list.Assign(names, TRUE);
    return names != nullptr;
  });
  std::error_code error;
  if (!list && is_folder(path) && !is_remote(path))
    if (static_cast<void>(fs::directory_iterator(path, error)); error)
      throw UserError(join_text(path, ": cannot be listed: ", error.message()));
  if (!list && (VSIStatL(path.c_str(), &status) != 0 || !VSI_ISDIR(status.st_mode))) return std::nullopt;
  std::vector<std::string> names;
  for (int i = 0; i < list.Count(); ++i)
    if (const std::string name = list[i]; !is_left_by_desktop(name)) names.push_back(name);
  std::ranges::sort(names);
  return names;
}

std::string inside_only_folder(const std::string& archive, const std::vector<std::string>& names) {
  if (names.size() != 1 || names.front().find("..") != std::string::npos) return archive;
  const std::string folder = archive + "/" + names.front();
  VSIStatBufL status;
  return VSIStatL(folder.c_str(), &status) == 0 && VSI_ISDIR(status.st_mode) ? folder : archive;
}

std::string inside_own_folder(const std::string& product, const std::string& name) {
  const auto names = names_inside(product);
  const bool nested = names && names->size() == 1 && (names->front() == name || names->front() == name + ".SAFE");
  return nested ? inside_only_folder(product, *names) : product;
}

std::vector<std::int64_t> version_numbers(const std::string& version) {
  std::vector<std::int64_t> numbers;
  if (version.empty()) return numbers;
  for (const std::string& part : split_text(version, '-'))
    for (const std::string& number : split_text(part, '.')) numbers.push_back(std::stoll(number));
  return numbers;
}

bool matches(std::string_view pattern, std::string_view name) {
  std::size_t p = 0, n = 0, star = std::string_view::npos, retry = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++, retry = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p, ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1, n = ++retry;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::string only_image(const std::vector<std::string>& names, const std::string& pattern, std::vector<std::string>& problems) {
  std::vector<std::string> found;
  for (const std::string& name : names)
    for (const char* const extension : {".tif", ".jp2", ".TIF"})  // as delivered, or as stored in some archives
      if (name.ends_with(extension) && matches(pattern + extension, name)) found.push_back(name);
  if (found.size() > 1) {
    const std::string ending = pattern.substr(pattern.find_first_not_of('*'));
    problems.push_back(join_text(found.size(), " files end in ", ending, ": ", join_list(found, ", ")));
  }
  return found.empty() ? "" : found[0];
}

void add_layers(const SensorFile& sensor, const std::function<std::string(const std::string& pattern)>& image, FoundProduct& found,
                const std::function<std::string(const SensorMask& mask)>& missing) {
  auto& layers = found.product.layers;
  for (const SensorBand& band : sensor.bands)
    if (const std::string file = image(band.file); !file.empty()) {
      layers[band.name] = {.file = file, .variable = "", .band = band.band - 1, .grid = {}, .encoding = band.encoding};
      found.bands.insert(band.name);
    }
  for (const SensorMask& mask : sensor.masks) {
    const std::string file = image(mask.file);
    if (file.empty() && !mask.plane.optional)
      found.problems.push_back(missing(mask));
    else
      layers[mask.plane.name] = {.file = file, .variable = "", .band = mask.band - 1, .grid = {}, .encoding = {}};
  }
}

std::string with_variant(std::string pattern, const std::string& variant) {
  constexpr std::string_view kPlace = "{variant}";
  for (std::size_t at = 0; (at = pattern.find(kPlace, at)) != std::string::npos; at += variant.size())
    pattern.replace(at, kPlace.size(), variant);
  return pattern;
}

namespace {

std::string existing_root(const Search& search) {
  const std::string root = search.root.empty() ? "." : search.root;
  if (!is_folder(root)) throw UserError(join_text(root, ": no such folder; expected products of ", search.sensor.title, " in it"));
  return root;
}

// "2021", "05": a year, a month or a day.
bool is_of_days(const std::string& name) {
  constexpr std::size_t kYear = 4;
  return name.size() <= kYear && std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
}

void add_entries(const Search& search, const std::string& folder, bool is_own, int deeper, TileEntries& found) {
  const std::string bare = canonical_tile(search.tile.substr(1)) == search.tile ? search.tile.substr(1) : search.tile;
  for (FolderEntry& listed : sorted_entries(folder)) {
    const std::string name = listed.name();
    if (is_left_by_desktop(name)) continue;
    const bool of_tile = !is_own && (name == search.tile || name == bare);
    if ((of_tile || (deeper > 0 && is_of_days(name))) && listed.is_folder()) {
      found.has_own_folder = found.has_own_folder || of_tile;
      add_entries(search, listed.path(), is_own || of_tile, of_tile ? deeper : deeper - 1, found);
    } else if (is_own || name.find("_" + search.tile + "_") != std::string::npos) {
      found.entries.push_back({std::move(listed), is_own});
    }
  }
}

}  // namespace

std::string folder_of_tile(const Search& search) { return is_folder(search.folder()) ? search.folder() : existing_root(search); }

TileEntries entries_of_tile(const Search& search) {
  TileEntries found;
  try {
    add_entries(search, existing_root(search), false, kFoldersOfDays, found);
  } catch (const UserError&) {  // on object storage a tile may be open and the root closed
    if (!is_folder(search.folder())) throw;
    found = {{}, true};
    add_entries(search, search.folder(), true, kFoldersOfDays, found);
  }
  return found;
}

std::vector<std::string> tiles_of_folders_or_names(const SensorFile& sensor, const std::string& root,
                                                   const std::function<std::string(const std::string&)>& tile_of, int deeper) {
  const std::regex tile = compiled(sensor.tile);
  std::set<std::string> tiles;
  for (const FolderEntry& entry : sorted_entries(root.empty() ? "." : root)) {
    const std::string name = entry.name(), of_folder = deeper > 0 ? canonical_tile(name) : name;
    std::string of_product;
    try {
      of_product = tile_of(name);
    } catch (const UserError&) {  // an impossible date: the census names it
    }
    if (!of_product.empty())
      tiles.insert(of_product);
    else if (std::regex_match(of_folder, tile) && entry.is_folder())
      tiles.insert(of_folder);
    else if (deeper > 0 && is_of_days(name) && entry.is_folder())
      for (const std::string& below : tiles_of_folders_or_names(sensor, entry.path(), tile_of, deeper - 1)) tiles.insert(below);
  }
  return {tiles.begin(), tiles.end()};
}

std::optional<Grid> sentinel2_grid(const std::string& tile, double resolution) {
  static const std::regex form(R"(T(\d{2})([C-HJ-NP-X])([A-HJ-NP-Z])([A-HJ-NP-V]))");
  std::smatch part;
  if (!std::regex_match(tile, part, form)) return std::nullopt;
  constexpr double kSquare = 100000, kRound = 2000000, kSide = 109800, kStep = 60;
  const int zone = std::stoi(part[1]);
  if (zone < 1 || zone > 60) return std::nullopt;
  const std::string_view columns[] = {"ABCDEFGH", "JKLMNPQR", "STUVWXYZ"}, rows = "ABCDEFGHJKLMNPQRSTUV", bands = "CDEFGHJKLMNPQRSTUVWX";
  const auto column = columns[(zone - 1) % 3].find(part[3].str()[0]);
  auto row = static_cast<int>(rows.find(part[4].str()[0]));
  if (column == std::string_view::npos) return std::nullopt;
  if (zone % 2 == 0) row = (row + 15) % 20;  // the rows of even zones begin with F
  const auto band = static_cast<int>(bands.find(part[2].str()[0]));
  const bool north = band >= 10;
  // The northing of the band's southern edge, from its latitude by the mean length of a degree: the rows repeat every 2000 km.
  constexpr double kDegree = 110600, kFalseNorthing = 10000000;
  const double south = (band - 10) * 8 * kDegree + (north ? 0 : kFalseNorthing);
  double northing = row * kSquare;
  while (northing + kSquare < south - kSquare / 2) northing += kRound;
  Grid grid;
  grid.crs = join_text("EPSG:", north ? 32600 + zone : 32700 + zone);
  grid.x0 = std::floor((static_cast<double>(column) + 1) * kSquare / kStep) * kStep;
  const double top = northing + kSquare;  // rows of the south count from its false northing
  grid.y0 = north ? std::ceil(top / kStep) * kStep : kFalseNorthing - std::floor((kFalseNorthing - top) / kStep) * kStep;
  grid.pixel_width = grid.pixel_height = resolution;
  grid.cols = grid.rows = static_cast<int>(std::lround(kSide / resolution));
  return grid;
}

bool is_zip(const std::string& name) { return lower(name).ends_with(".zip"); }

}  // namespace millesime
