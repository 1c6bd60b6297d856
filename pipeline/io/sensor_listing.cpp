// Sensor: the state of its products' files, looked at for every plan.

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "pipeline/core/checksum.h"
#include "pipeline/core/error.h"
#include "pipeline/core/json_text.h"
#include "pipeline/core/text.h"
#include "pipeline/io/sensor.h"
#include "pipeline/io/sensors/layout.h"
#include "pipeline/io/source_files.h"

namespace millesime {
namespace {

// Which files of a product's folder a census and the reading of its images depend on: all but the images that no band and no mask of the
// source names (products hold several times as many).
class FilesOfInterest {
 public:
  FilesOfInterest(const SensorFile& sensor, const CensusRequest& request, const std::string& variant) {
    const auto add = [&](const std::string& file) {
      const std::string pattern = with_variant(file, variant);
      patterns_.push_back("*" + pattern.substr(pattern.rfind('/') + 1) + "*");
    };
    const std::vector<std::string> asked = sensor.own_names(request.bands, "bands of the source " + request.source);
    for (const SensorBand& band : sensor.bands) {
      if (!asked.empty() && std::ranges::find(asked, band.name) == asked.end()) continue;
      add(band.file);
      for (const auto& [beginning, file] : band.files) add(file);
    }
    for (const SensorMask& mask : sensor.masks) add(mask.file);
  }

  bool hold(const std::string& file) const {
    static const std::set<std::string> kImages = {".tif", ".tiff", ".jp2", ".jpg", ".png"};
    const auto dot = file.rfind('.');
    if (dot == std::string::npos || !kImages.contains(lower(file.substr(dot)))) return true;
    return std::ranges::any_of(patterns_, [&](const std::string& pattern) { return matches(pattern, file); });
  }

 private:
  std::vector<std::string> patterns_;
};

// Files below the folder of a product. None of a product that is no folder.
std::vector<std::string> files_of_product(const std::string& path) {
  try {
    return files_below(path);
  } catch (const UserError&) {
    if (is_folder(path)) throw;
    return {};
  }
}

}  // namespace

std::vector<std::string> Sensor::unmatched(const std::string& root) const { return layout_of(root).unmatched(file_, storage_path(root)); }

std::string Sensor::listing(const CensusRequest& request) const {
  const Search search = search_of(file_, request);
  const std::string root = folder_of_products(request.root);
  std::map<std::string, std::string> listing;  // of each entry the names of its files, and their states
  const auto add = [&](const std::string& entry, const std::string& path) {
    const std::optional<FileState> state = state_of(path);
    if (state && state->is_file)
      listing[entry] +=
          join_text(path.starts_with(root) ? path.substr(root.size()) : path, '\n', state->bytes, ' ', state->modified_ns, '\n');
  };
  if (is_item_list(request.root)) add(std::filesystem::path(search.root).filename().string(), search.root);
  FilesBesideImages beside;
  const FilesOfInterest of_interest(file_, request, search.variant);
  for (const Entry& entry : layout_of(request.root).entries(search)) {
    std::string& names = listing[entry.name];
    if (!entry.candidate) {
      add(entry.name, path_of(search, entry));
      continue;
    }
    const FoundProduct& candidate = *entry.candidate;
    if (!candidate.archive.empty()) {
      add(entry.name, candidate.archive);
      continue;
    }
    if (entry.outside_period) continue;
    std::set<std::string> files;
    const bool listed = candidate.product.layers.empty();
    for (const std::string& file : listed ? files_of_product(candidate.product.path) : std::vector<std::string>{})
      if (of_interest.hold(file))
        files.insert(candidate.product.path + "/" + file);
      else
        names += file + "\n";
    for (const auto& [name, layer] : candidate.product.layers) {
      const std::string image = candidate.product.path + "/" + layer.file;
      files.insert(image);
      if (layer.file.empty()) continue;
      for (const std::string& sidecar : beside.of(image)) files.insert(sidecar);
    }
    for (const std::string& file : files) add(entry.name, file);
  }
  for (auto& [name, files] : listing) files = xxh3(files);
  return json_text(nlohmann::json(listing));
}

}  // namespace millesime
