// The layout of THEIA's products (MUSCATE): <root>/<tile>/<product>/, or the products of all tiles beside each other, with an image a band,
// or one of several bands, and masks in a folder of their own, as a folder, or as a zip that contains the folder or its content; zips are
// read in place. Format: https://labo.obs-mip.fr/multitemp/sentinel-2/theias-sentinel-2-l2a-product-format/

#include <algorithm>
#include <filesystem>
#include <map>
#include <regex>

#include "pipeline/core/error.h"
#include "pipeline/core/file_name.h"
#include "pipeline/core/text.h"
#include "pipeline/io/internal/compiled_expression.h"
#include "pipeline/io/sensors/layout.h"

namespace millesime {
namespace fs = std::filesystem;
namespace {

// What names of products begin with: "SENTINEL2".
std::string beginning(const std::string& pattern) { return pattern.substr(0, pattern.find_first_of("{*(?#")); }

// Products of other sensors and of other processors, by the beginning of their names.
bool is_of_another_sensor(const std::string& name) {
  static const std::regex pattern(R"((LANDSAT|L[COT]0\d_|SENTINEL[12]|S1[A-D]_|S2[A-D]_MSI|VENUS|SPOT|FORMOSAT).*)");
  return std::regex_match(name, pattern);
}

// A mask's name in messages: MASKS/*_CLM_R1.tif.
std::string spelled(const SensorMask& mask) { return mask.file + ".tif"; }

class Muscate final : public ProductLayout {
 public:
  std::vector<std::string> tiles(const SensorFile& sensor, const std::string& root) const override {
    const Names naming(sensor);
    return tiles_of_folders_or_names(
        sensor, root,
        [&](const std::string& name) {
          const auto parts = naming.product.match(is_zip(name) ? fs::path(name).stem().string() : name);
          return parts ? parts->at("tile") : "";
        },
        kFoldersOfDays);
  }

  std::vector<Entry> entries(const Search& search) const override {
    if (!std::regex_match(search.tile, compiled(search.sensor.tile)))
      throw UserError(join_text("\"", search.tile, "\" is not the name of a tile of ", search.sensor.name, "; expected for example ",
                                Names(search.sensor).tile_example));
    const Names naming(search.sensor);
    const TileEntries found = entries_of_tile(search);
    std::vector<Entry> entries;
    for (const auto& [listed, in_own_folder] : found.entries)
      if (in_own_folder || is_beside(naming, listed.name(), search.tile)) {
        entries.push_back(look_at(search, naming, listed));
        entries.back().path = listed.path();
      }
    if (!found.has_own_folder && entries.empty())
      throw UserError(join_text(search.folder(), ": no such folder; expected the products of the tile ", search.tile, " in it"));
    return entries;
  }

  void find_layers(const Search& search, FoundProduct& candidate) const override {
    Product& product = candidate.product;
    if (candidate.archive.empty()) product.path = inside_own_folder(product.path, product.name);
    std::map<std::string, std::optional<std::vector<std::string>>> folders;  // content of the product's folder, and of those in it
    const auto content = [&](const std::string& folder) -> const std::optional<std::vector<std::string>>& {
      const auto known = folders.find(folder);
      return known != folders.end()
                 ? known->second
                 : folders.emplace(folder, names_inside(product.path + (folder.empty() ? "" : "/" + folder))).first->second;
    };
    const auto& names = content("");
    if (!names || names->empty()) {
      candidate.problems.push_back(names ? "the folder is empty" : "the folder cannot be listed");
      return;
    }
    const auto image = [&](const std::string& file) {
      const std::string pattern = with_variant(file, search.variant);
      const auto slash = pattern.rfind('/');
      const std::string folder = slash == std::string::npos ? "" : pattern.substr(0, slash);
      const auto& inside = content(folder);
      const std::string found = inside ? only_image(*inside, pattern.substr(slash + 1), candidate.problems) : "";
      return found.empty() || folder.empty() ? found : folder + "/" + found;
    };
    add_layers(search.sensor, image, candidate,
               [](const SensorMask& mask) { return join_text("the mask ", spelled(mask), " is missing"); });
    if (candidate.bands.empty() && is_metadata_only(*names, content("MASKS")))
      candidate.without_images = "MAJA writes none of a cloudy day";
    if (!candidate.bands.empty()) return;
    std::string hint;
    for (const std::string& variant : search.sensor.variants)
      if (matches("*" + ending_of(search.sensor.bands.front().file, variant) + ".*", join_list(*names, " ")))
        hint = join_text("; it has images of variant = \"", variant, "\", which the [[source]] may name");
    candidate.problems.push_back(
        join_text("it has no band (", with_variant(search.sensor.bands.front().file, search.variant), ".tif)", hint));
  }

 private:
  struct Names {
    explicit Names(const SensorFile& sensor)
        : product(sensor.product, sensor.tile, sensor.origin + ": product"),
          start(beginning(sensor.product)),
          example(sensor.settings.at("example")) {
      const auto parts = example.empty() ? std::nullopt : product.match(example);
      if (parts) tile_example = parts->at("tile");
    }
    NamePattern product;
    std::string start, example, tile_example;
  };

  // "_FRE_B2" of "*_{variant}_B2".
  static std::string ending_of(const std::string& file, const std::string& variant) {
    const std::string pattern = with_variant(file, variant);
    return pattern.substr(pattern.rfind('*') + 1);
  }

  // A day with more than 90 % clouds: MAJA writes the metadata, and no image.
  static bool is_metadata_only(const std::vector<std::string>& names, const std::optional<std::vector<std::string>>& masks) {
    const auto has = [](const std::vector<std::string>& in, std::string_view ending) {
      return std::ranges::any_of(in, [&](const std::string& name) { return lower(name).ends_with(ending); });
    };
    return has(names, "_mtd_all.xml") && !has(names, ".tif") && !has(names, ".jp2") && !(masks && has(*masks, ".tif"));
  }

  // Whether an entry of a folder of products of all tiles is one of this tile.
  static bool is_beside(const Names& naming, const std::string& name, const std::string& tile) {
    return name.starts_with(naming.start) && name.find("_" + tile + "_") != std::string::npos;
  }

  static std::string not_a_product_name(const std::string& name, const Names& naming) {
    return join_text("\"", name, "\" is not the name of a product; expected ", naming.product.text(),
                     naming.example.empty() ? "" : ", for example " + naming.example, "; rename or remove it");
  }

  static Entry product_at(const Names& naming, const std::string& entry, const std::string& name, const std::string& path,
                          const std::string& archive) {
    std::optional<NamePattern::Parts> parts;
    try {
      parts = naming.product.match(name);
    } catch (const UserError& error) {
      return {entry, std::nullopt, error.what(), false};
    }
    if (!parts) return {entry, std::nullopt, not_a_product_name(name, naming), false};
    FoundProduct candidate;
    candidate.entry = entry;
    candidate.archive = archive;
    Product& product = candidate.product;
    product.name = name;
    product.path = path;
    try {
      product.date = Date::parse(parts->at("date"));
    } catch (const UserError& error) {
      return {entry, std::nullopt, error.what(), false};
    }
    product.tile = parts->at("tile");
    product.version = parts->at("version");
    candidate.version = version_numbers(product.version);
    candidate.version.push_back(archive.empty());  // a folder is preferred to a zip of the same
    if (const auto time = parts->find("time"); time != parts->end()) product.time = time->second;
    candidate.pass = product.time;
    for (const auto& [part, text] : *parts)
      if (part != "date" && part != "tile" && part != "version" && part != "time") candidate.pass += "_" + text;
    return {entry, candidate, "", false};
  }

  // A zip contains the product's folder, or its content.
  static Entry look_into_zip(const Search& search, const Names& naming, const std::string& archive, const std::string& entry) {
    const auto damaged = [&](const std::string& why) { return Entry{entry, std::nullopt, why, false}; };
    if (entry.find_first_of("{}") != std::string::npos) return damaged("names with { or } cannot be read in place; rename the archive");
    const std::string inside = "/vsizip/{" + archive + "}";
    const auto names = names_inside(inside);
    if (!names || names->empty())
      return damaged("the zip archive cannot be read: it is truncated, empty or not a zip file; download it again");
    std::vector<std::string> products;
    for (const std::string& name : *names) {
      if (name.find("..") != std::string::npos || name.front() == '/')
        return damaged(join_text("the zip archive has the unsafe name \"", name, "\""));
      if (name.starts_with(naming.start) && name.find('.') == std::string::npos) products.push_back(name);
    }
    if (products.size() > 1) return damaged(join_text("the zip archive contains ", products.size(), " products, expected one"));
    if (products.size() == 1) return product_at(naming, entry, products[0], inside + "/" + products[0], archive);
    for (const SensorBand& band : search.sensor.bands) {
      const std::string ending = ending_of(band.file, search.variant);
      for (const std::string& name : *names)
        if (const auto suffix = name.find(ending + "."); !ending.empty() && suffix != std::string::npos)
          return product_at(naming, entry, name.substr(0, suffix), inside, archive);
    }
    return damaged(join_text("the zip archive contains no product of ", search.sensor.title));
  }

  static Entry look_at(const Search& search, const Names& naming, const FolderEntry& listed) {
    const std::string entry = listed.name(), &path = listed.path();
    Entry found{entry, std::nullopt, "", false};
    const std::string special = special_damage(listed);
    if (!special.empty()) {
      if (is_zip(entry) || entry.starts_with(naming.start)) found.damage = special;
    } else if (listed.is_folder()) {
      if (entry.starts_with(naming.start))
        found = product_at(naming, entry, entry, path, "");
      else if (is_of_another_sensor(entry))
        found.damage = join_text("is a product of another sensor or processor; expected only ", search.sensor.title,
                                 naming.example.empty() ? "" : " (" + naming.example + ")", "; keep it in another folder");
    } else if (is_zip(entry)) {
      const Entry named = product_at(naming, entry, fs::path(entry).stem().string(), path, path);
      if (named.candidate && search.is_outside(named.candidate->product.date))
        found = named;  // not read, damaged or not
      else
        found = look_into_zip(search, naming, path, entry);
    }
    if (listed.is_broken_link() && entry.starts_with(naming.start)) found.damage = kBrokenLink;
    if (!found.candidate) return found;
    if (const Product& product = found.candidate->product; product.tile != search.tile) {
      found.damage = join_text("is of the tile ", product.tile, " but is in the folder of ", search.tile, "; move or remove it");
      found.candidate.reset();
    } else {
      found.outside_period = search.is_outside(product.date);
    }
    return found;
  }
};

}  // namespace

std::unique_ptr<ProductLayout> make_muscate() { return std::make_unique<Muscate>(); }

}  // namespace millesime
