// The layout of ESA's Sentinel-2 products (Sen2Cor): SAFE trees, as a folder or a zip read in place, in <root>/<tile>/ or beside each
// other in <root>, and in folders of days below both (<root>/2023/01/25/). Images are JPEG 2000 or GeoTIFF:
//   GRANULE/L2A_T31TCJ_A…/IMG_DATA/R10m/T31TCJ_20210511T105621_B02_10m.jp2, R20m, R60m; the scene classification SCL at 20 m
//   MTD_MSIL2A.xml: what is to be added to the numbers (BOA_ADD_OFFSET, from processing baseline 04.00 on) and their quantification
// Format: Sentinel-2 Products Specification Document, ESA S2-PDGS-TAS-DI-PSD

#include <algorithm>
#include <filesystem>
#include <map>

#include <cpl_conv.h>
#include <cpl_minixml.h>

#include "pipeline/core/error.h"
#include "pipeline/core/file_name.h"
#include "pipeline/core/special_file.h"
#include "pipeline/core/text.h"
#include "pipeline/io/internal/gdal_call.h"
#include "pipeline/io/sensors/layout.h"

namespace millesime {
namespace fs = std::filesystem;
namespace {

constexpr const char* kMetadata = "MTD_MSIL2A.xml";
constexpr int kFirstWithOffset = 400;  // processing baseline 04.00
constexpr int kOwnBaseline = 9999;     // of a Sen2Cor that a user ran: the offset is that of its Level 1C product, if it has one

struct FreeXml {
  void operator()(CPLXMLNode* node) const { CPLDestroyXMLNode(node); }
};

// What the metadata say of the numbers.
struct Radiometry {
  double quantification = 10000;
  std::map<int, double> offsets;  // by band_id
};

std::optional<Radiometry> read_radiometry(const std::string& file) {
  const GdalMessages quiet;
  if (!special_file(file).empty()) return std::nullopt;
  const std::unique_ptr<CPLXMLNode, FreeXml> root(CPLParseXMLFile(file.c_str()));
  if (!root) return std::nullopt;
  CPLStripXMLNamespace(root.get(), nullptr, TRUE);
  Radiometry radiometry;
  for (const char* const name : {"=BOA_QUANTIFICATION_VALUE", "=L2A_BOA_QUANTIFICATION_VALUE"})  // the second until 2018
    if (const CPLXMLNode* node = CPLSearchXMLNode(root.get(), name)) {
      const double number = CPLAtof(CPLGetXMLValue(node, nullptr, ""));
      if (number > 0) radiometry.quantification = number;
    }
  if (const CPLXMLNode* list = CPLSearchXMLNode(root.get(), "=BOA_ADD_OFFSET_VALUES_LIST"))
    for (const CPLXMLNode* node = list->psChild; node; node = node->psNext)
      if (node->eType == CXT_Element && std::string_view(node->pszValue) == "BOA_ADD_OFFSET")
        radiometry.offsets[std::atoi(CPLGetXMLValue(node, "band_id", "-1"))] = CPLAtof(CPLGetXMLValue(node, nullptr, "0"));
  return radiometry;
}

// The number that the metadata give a band: B01 to B08 are 0 to 7, then B8A, B09 to B12.
int band_id(const std::string& name) {
  static const std::vector<std::string> order = {"B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B10", "B11", "B12"};
  return static_cast<int>(std::ranges::find(order, name) - order.begin());
}

class Safe final : public ProductLayout {
 public:
  std::vector<std::string> tiles(const SensorFile& sensor, const std::string& root) const override {
    return tiles_of_folders_or_names(
        sensor, root,
        [&](const std::string& name) {
          const auto parts = parts_of(sensor, name);
          return parts ? parts->at("tile") : "";
        },
        kFoldersOfDays);
  }

  std::vector<Entry> entries(const Search& search) const override {
    std::vector<Entry> entries;
    for (const auto& [listed, in_own_folder] : entries_of_tile(search).entries) {
      const std::string name = listed.name();
      Entry entry{name, std::nullopt, "", false, listed.path()};
      std::optional<NamePattern::Parts> parts;
      try {
        parts = parts_of(search.sensor, name);
      } catch (const UserError& error) {
        entry.damage = error.what();
      }
      if (!parts) {
        if (entry.damage.empty() && name.find("_MSIL1C_") != std::string::npos && name.find("_" + search.tile + "_") != std::string::npos)
          entry.damage = "is of Level 1C; expected Level 2A (S2A_MSIL2A_…); make it one with sen2cor, or download the L2A product";
        const bool named_alike = name.find("_MSIL2A_") != std::string::npos && (listed.is_folder() || is_zip(name));
        if (entry.damage.empty() && named_alike)
          entry.damage = join_text("\"", name, "\" is not the name of a product; expected S2A_MSIL2A_20210511T105031_N0500_R051_T31TCJ_… ",
                                   "with .SAFE, .zip or nothing behind it; rename or remove it");
        if (entry.damage.empty() && !in_own_folder) continue;  // of another tile, or no product
        entries.push_back(entry);
        continue;
      }
      if (parts->at("tile") != search.tile) {
        if (!in_own_folder) continue;
        entry.damage = join_text("is of the tile ", parts->at("tile"), " but is in the folder of ", search.tile, "; move or remove it");
        entries.push_back(entry);
        continue;
      }
      if (entry.damage = special_damage(listed); !entry.damage.empty()) {
        entries.push_back(entry);
        continue;
      }
      entry.candidate = candidate_of(name, listed.path(), *parts);
      entry.outside_period = search.is_outside(entry.candidate->product.date);
      entries.push_back(std::move(entry));
    }
    return entries;
  }

  void find_layers(const Search& search, FoundProduct& candidate) const override {
    Product& product = candidate.product;
    if (!candidate.archive.empty() && !open_archive(candidate)) return;
    if (candidate.archive.empty()) product.path = inside_own_folder(product.path, product.name);
    auto granules = names_inside(product.path + "/GRANULE").value_or(std::vector<std::string>{});
    std::erase_if(granules, [](const std::string& name) { return !name.starts_with("L2A_"); });
    if (granules.size() != 1) {
      candidate.problems.push_back(granules.empty() ? "GRANULE/L2A_*: no such folder; the product is incomplete, download it again"
                                                    : join_text("GRANULE: expected one granule, got ", granules.size(), ": ",
                                                                join_list(granules, ", "), "; split the product into one for each tile"));
      return;
    }
    const std::string images = "GRANULE/" + granules[0] + "/IMG_DATA/";
    std::map<std::string, std::vector<std::string>> folders;
    const auto image = [&](const std::string& pattern) {
      const auto slash = pattern.rfind('/');
      const std::string folder = images + pattern.substr(0, slash);
      if (!folders.contains(folder)) folders[folder] = names_inside(product.path + "/" + folder).value_or(std::vector<std::string>{});
      const std::string found = only_image(folders.at(folder), pattern.substr(slash + 1), candidate.problems);
      return found.empty() ? "" : folder + "/" + found;
    };
    add_layers(search.sensor, image, candidate, [&](const SensorMask& mask) {
      return join_text("the scene classification ", images, mask.file, " is missing; it is needed as mask, download the product again");
    });
    if (candidate.bands.empty()) {
      candidate.problems.push_back(join_text("it has no band (", images, search.sensor.bands.front().file, ".jp2 or .tif)"));
      return;
    }
    set_encodings(candidate);
  }

  bool reads_encodings() const override { return true; }

 private:
  static std::optional<NamePattern::Parts> parts_of(const SensorFile& sensor, const std::string& name) {
    std::string stem = is_zip(name) ? name.substr(0, name.size() - 4) : name;
    if (stem.ends_with(".SAFE")) stem.resize(stem.size() - 5);
    return NamePattern(sensor.product, sensor.tile, sensor.origin + ": product").match(stem);
  }

  static FoundProduct candidate_of(const std::string& name, const std::string& path, const NamePattern::Parts& parts) {
    FoundProduct candidate;
    candidate.entry = name;
    candidate.product.name = is_zip(name) ? name.substr(0, name.size() - 4) : name;
    if (candidate.product.name.ends_with(".SAFE")) candidate.product.name.resize(candidate.product.name.size() - 5);
    candidate.product.path = path;
    candidate.product.tile = parts.at("tile");
    candidate.product.date = Date::parse(parts.at("date"));
    candidate.product.time = parts.at("time");
    candidate.product.version = "N" + parts.at("baseline") + "-" + parts.at("generated");
    candidate.pass = parts.at("time") + "_" + parts.at("satellite") + "_" + parts.at("orbit");
    std::string generated = parts.at("generated");
    std::erase(generated, 'T');
    candidate.version = {std::stoll(parts.at("baseline")), std::stoll(generated), !is_zip(name)};
    candidate.part = generated;  // of one baseline: the parts of a tile on two datastrips, which have names of their own
    if (is_zip(name)) candidate.archive = candidate.product.path;
    return candidate;
  }

  // Whether the product's tree was found in its zip.
  static bool open_archive(FoundProduct& candidate) {
    Product& product = candidate.product;
    if (candidate.archive.find_first_of("{}") != std::string::npos) {
      candidate.problems.push_back("names with { or } cannot be read in place; rename the archive");
      return false;
    }
    const std::string inside = "/vsizip/{" + candidate.archive + "}";
    const auto names = names_inside(inside);
    if (!names || names->empty()) {
      candidate.problems.push_back("the zip archive cannot be read: it is truncated, empty or not a zip file; download it again");
      return false;
    }
    product.path = inside;
    for (const std::string& name : *names)
      if (name.ends_with(".SAFE") && name.find("..") == std::string::npos) product.path = inside + "/" + name;
    if (product.path == inside) product.path = inside_only_folder(inside, *names);
    return true;
  }

  static void set_encodings(FoundProduct& candidate) {
    Product& product = candidate.product;
    const std::string file = product.path + "/" + kMetadata;
    const auto radiometry = read_radiometry(file);
    const bool needs_offset = candidate.version.front() >= kFirstWithOffset;
    const bool may_lack_it = candidate.version.front() == kOwnBaseline && radiometry;
    if (needs_offset && !may_lack_it && (!radiometry || radiometry->offsets.empty())) {
      candidate.problems.push_back(join_text(kMetadata, radiometry ? " has no BOA_ADD_OFFSET_VALUES_LIST" : " is missing or cannot be read",
                                             "; products from baseline 04.00 on (this is ", product.version.substr(0, 5),
                                             ") say in it what is added to their numbers; download it again"));
      return;
    }
    if (candidate.archive.empty() && radiometry) candidate.metadata.push_back(file);
    for (const std::string& band : candidate.bands) {
      Encoding& encoding = product.layers.at(band).encoding;
      encoding.kind = Encoding::Kind::linear;
      encoding.factor = per_unit(SampleUnit::reflectance) / (radiometry ? radiometry->quantification : per_unit(SampleUnit::reflectance));
      const auto offset = radiometry ? radiometry->offsets.find(band_id(band)) : std::map<int, double>::const_iterator{};
      encoding.offset = radiometry && offset != radiometry->offsets.end() ? offset->second * encoding.factor : 0;
    }
  }
};

}  // namespace

std::unique_ptr<ProductLayout> make_safe() { return std::make_unique<Safe>(); }

}  // namespace millesime
