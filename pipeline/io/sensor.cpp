// Sensor: the census of a source over a tile, the same for every layout.

#include "pipeline/io/sensor.h"

#include <algorithm>
#include <map>
#include <regex>
#include <set>

#include "pipeline/core/error.h"
#include "pipeline/core/side_by_side.h"
#include "pipeline/core/special_file.h"
#include "pipeline/core/text.h"
#include "pipeline/io/internal/census_grids.h"
#include "pipeline/io/internal/gdal_call.h"
#include "pipeline/io/internal/storage.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/sample_unit.h"
#include "pipeline/io/sensors/layout.h"
#include "pipeline/io/source_files.h"

namespace millesime {
namespace {

constexpr int kProbes = 8;                  // products whose files are looked into at once: storage answers late rather than slowly
constexpr const char* kNoData = "no_data";  // the mask that a band makes, where no mask tells where there is an image

// The bands to read: the requested ones, or all that any product has. A requested band that no product has is an error of the
// configuration.
std::vector<std::string> bands_to_read(const SensorFile& sensor, const CensusRequest& request,
                                       const std::vector<FoundProduct>& candidates) {
  const std::vector<std::string> asked = sensor.own_names(request.bands, "bands of the source " + request.source);
  std::vector<std::string> present;
  for (const std::string& band : sensor.band_names())
    if (std::ranges::any_of(candidates, [&](const FoundProduct& candidate) { return candidate.bands.contains(band); }))
      present.push_back(band);
  if (asked.empty()) return present;
  for (const std::string& band : asked)
    if (!present.empty() && std::ranges::find(present, band) == present.end())
      throw UserError(join_text("tile ", request.tile, " under ", request.root, ": no product has the band ", band,
                                " that source.bands requests (for example ", candidates[0].product.name,
                                " does not); set it to bands that exist: ", join_list(present, ", ")));
  return asked;
}

// Removes what is not read, and notes what is missing.
void keep_layers(FoundProduct& candidate, const std::vector<std::string>& bands, const std::vector<MaskPlane>& masks) {
  std::vector<std::string> missing;
  for (const std::string& band : bands)
    if (!candidate.bands.contains(band)) missing.push_back(band);
  if (!missing.empty() && !candidate.bands.empty())
    candidate.problems.push_back(join_text("band ", join_list(missing, ", "), " is missing; it has ",
                                           join_list(std::vector<std::string>(candidate.bands.begin(), candidate.bands.end()), ", "),
                                           " (the bands to read are set by source.bands)"));
  auto& layers = candidate.product.layers;
  if (const auto& own = masks.back(); !own.band.empty())
    if (const auto band = layers.find(own.band); band != layers.end()) layers[own.name] = band->second;
  std::erase_if(layers, [&](const auto& layer) {
    return std::ranges::find(bands, layer.first) == bands.end() && std::ranges::find(masks, layer.first, &MaskPlane::name) == masks.end();
  });
}

// Opens the files that will be read, and reads the first and the last block of each. `of_many_dates`: files that hold several dates stay
// open in it.
void probe_files(FoundProduct& candidate, const SensorFile& sensor, const ProductLayout& layout, const std::vector<MaskPlane>& masks,
                 std::map<std::string, RasterReader>& of_many_dates) {
  std::map<std::string, int> layers_in_file;
  for (const auto& [name, layer] : candidate.product.layers) ++layers_in_file[layer.file + ":" + layer.variable];
  for (auto& [name, layer] : candidate.product.layers) {
    if (layer.file.empty()) continue;
    const auto mask = std::ranges::find(masks, name, &MaskPlane::name);
    const bool is_own = mask != masks.end() && !mask->band.empty();
    try {
      const std::string path = candidate.product.file_of(layer);
      std::optional<RasterReader> own;
      if (sensor.dates == "name")
        own.emplace(path, image_drivers(layer.variable));
      else if (!of_many_dates.contains(path))
        of_many_dates.emplace(path, RasterReader(path, image_drivers(layer.variable)));
      const RasterReader& reader = own ? *own : of_many_dates.at(path);
      layer.grid = reader.grid();
      if (is_own) continue;
      if (layer.band >= reader.info().bands) {
        candidate.problems.push_back(
            join_text(layer.file, ": expected at least ", layer.band + 1, " bands, for ", name, ", got ", reader.info().bands));
        continue;
      }
      reader.probe(layer.band);
      const bool alone = sensor.dates == "name" && layer.band == 0 && layers_in_file[layer.file + ":" + layer.variable] == 1;
      std::string problem;
      if (mask == masks.end())
        problem = problem_of_band(reader, layer, sensor.find_band(name)->unit, alone);
      else
        problem = problem_of_mask(reader, layer, alone);
      if (problem.empty() && mask != masks.end()) problem = layout.problem_of_mask(name, reader);
      if (!problem.empty()) candidate.problems.push_back(join_text(layer.file, ": ", problem));
      if (problem.empty() && mask == masks.end() && sensor.settings.contains("file"))  // products of an agency are as it says
        if (auto fill = undeclared_fill(reader, layer, name)) candidate.fills.push_back(std::move(*fill));
    } catch (const UserError& error) {
      candidate.problems.push_back(error.what());
    }
  }
}

// Masks that no product has, although it might.
void drop_absent_masks(std::vector<FoundProduct>& candidates, std::vector<MaskPlane>& masks) {
  const auto is_absent = [&](const MaskPlane& plane) {
    return plane.optional && std::ranges::all_of(candidates, [&](const FoundProduct& candidate) {
             const auto layer = candidate.product.layers.find(plane.name);
             return layer == candidate.product.layers.end() || layer->second.file.empty();
           });
  };
  for (const MaskPlane& plane : masks)
    if (is_absent(plane))
      for (FoundProduct& candidate : candidates) candidate.product.layers.erase(plane.name);
  std::erase_if(masks, [&](const MaskPlane& plane) {
    return plane.optional &&
           std::ranges::none_of(candidates, [&](const FoundProduct& each) { return each.product.layers.contains(plane.name); });
  });
}

SourceFile source_file(const std::string& path) {
  const std::optional<FileState> state = state_of(path);
  if (!state) throw UserError(join_text(path, ": disappeared while the census was taken"));
  return {path, state->bytes, state->modified_ns};
}

// Newest first, among the versions of each pass.
bool is_before(const FoundProduct& a, const FoundProduct& b) {
  if (a.product.date != b.product.date) return a.product.date < b.product.date;
  if (a.pass != b.pass) return a.pass < b.pass;
  return a.version > b.version;
}

// Products of which there is nothing to read, and nothing wrong.
void leave_out_without_images(std::vector<FoundProduct>& candidates, SourceCensus& census) {
  std::vector<std::string> names;
  std::string why;
  for (const FoundProduct& candidate : candidates)
    if (!candidate.without_images.empty()) names.push_back(candidate.entry), why = candidate.without_images;
  if (names.empty()) return;
  std::erase_if(candidates, [](const FoundProduct& candidate) { return !candidate.without_images.empty(); });
  census.notes.push_back(join_text("left out, since they have metadata and no image (", why, "): ", join_list(names, ", ")));
}

std::string pattern_of_files(const SensorFile& sensor) {
  const auto every = sensor.settings.find("file");
  return every != sensor.settings.end() && !every->second.empty() ? every->second : sensor.bands.front().file;
}

// The one of the chosen products of a pass that a further, older one is a version of.
const FoundProduct* superseding(const FoundProduct& candidate, const std::vector<const FoundProduct*>& chosen) {
  if (chosen.empty()) return nullptr;
  if (candidate.part.empty() || candidate.version.front() != chosen.front()->version.front()) return chosen.front();
  const auto same = std::ranges::find(chosen, candidate.part, [](const FoundProduct* known) { return known->part; });
  return same == chosen.end() ? nullptr : *same;
}

std::string chosen_variant(const SensorFile& sensor, const CensusRequest& request) {
  if (request.variant.empty()) return sensor.variants.empty() ? "" : sensor.variants.front();
  if (std::ranges::find(sensor.variants, request.variant) != sensor.variants.end()) return request.variant;
  throw UserError(
      join_text("source.variant: ", sensor.name, " has no \"", request.variant, "\"; ",
                sensor.variants.empty() ? "it has no variants, leave the key out" : "expected one of " + join_list(sensor.variants, ", ")));
}

// An entry that is no product: "notes.txt", "feed (a named pipe)".
std::string with_kind(const Search& search, const Entry& entry) {
  const std::string kind = is_remote(search.folder()) ? "" : special_file(path_of(search, entry));
  return kind.empty() ? entry.name : join_text(entry.name, " (", kind, ")");
}

// A tile of an unmounted disk, say, must not be left out of the map because nobody named it.
void require_folders(const SensorFile& sensor, const std::string& root) {
  const std::regex tile(sensor.tile), any_case(sensor.tile, std::regex::icase);
  if (is_item_list(root) || is_remote(root) || std::regex_match("readme", any_case)) return;  // the last: any name is one of a tile
  for (const FolderEntry& entry : sorted_entries(root.empty() ? "." : root)) {
    const std::string name = entry.name(), special = entry.special();
    if (!std::regex_match(name, any_case) || (std::regex_match(name, tile) && entry.is_folder())) continue;
    throw UserError(join_text(entry.path(), ": is named like a tile of ", sensor.name, " and is ",
                              entry.is_broken_link() ? "a link to what is not there"
                              : !special.empty()     ? special
                              : entry.is_folder()    ? "spelled with other capital letters"
                                                     : "no folder",
                              "; expected a folder of products, named by the pattern ", sensor.tile,
                              "; mount, rename or remove it, or name the tiles to work on"));
  }
}

}  // namespace

Search search_of(const SensorFile& sensor, const CensusRequest& request) {
  return {sensor,       storage_path(request.root), request.tile, chosen_variant(sensor, request), request.first,
          request.last, request.grid.has_value()};
}

Sensor::Sensor(SensorFile file) : file_(std::move(file)), layout_(make_layout(file_.layout)), list_(make_item_list()) {}
Sensor::~Sensor() = default;
Sensor::Sensor(Sensor&&) noexcept = default;

std::unique_ptr<Sensor> make_sensor(const std::string& name_or_file) { return std::make_unique<Sensor>(SensorFile::load(name_or_file)); }

const ProductLayout& Sensor::layout_of(const std::string& root) const {
  if (!is_item_list(root)) return *layout_;
  if (layout_->reads_encodings())
    throw UserError(join_text(root, ": ", file_.name,
                              " reads the offset of its numbers from metadata of products, which items of a list lack; ",
                              file_.list_sensor.empty() ? "expected a folder of products, or a sensor of another layout"
                                                        : "expected sensor = \"" + file_.list_sensor + "\", which reads such items"));
  return *list_;
}

std::vector<std::string> Sensor::tiles(const std::string& root) const { return layout_of(root).tiles(file_, storage_path(root)); }

std::vector<std::string> Sensor::found_tiles(const std::string& root) const {
  std::vector<std::string> found = tiles(root);
  require_folders(file_, storage_path(root));
  if (!found.empty()) return found;
  const bool files = file_.product.empty();
  throw UserError(join_text(root, ": no tiles found; ", file_.name, " is looked for as ",
                            files ? "files " + pattern_of_files(file_) : "products <tile>/" + file_.product,
                            " (configs/sensors/README.md)"));
}

SourceCensus Sensor::take_census(const CensusRequest& request) const {
  const Search search = search_of(file_, request);
  SourceCensus census;
  census.tile = request.tile;
  census.source = request.source.empty() ? file_.source : request.source;
  census.sensor = file_.name;
  census.platform = file_.platform;
  census.unit = file_.unit;
  census.root = folder_of_products(request.root);
  const ProductLayout& layout = layout_of(request.root);

  std::vector<FoundProduct> candidates;
  for (Entry& entry : layout.entries(search)) {
    if (!entry.damage.empty())
      census.damaged.push_back({entry.name, entry.damage});
    else if (!entry.candidate)
      census.ignored.push_back(with_kind(search, entry));
    else if (entry.outside_period)
      census.outside_period.push_back({entry.name, entry.candidate->product.date});
    else
      candidates.push_back(std::move(*entry.candidate));
  }
  SpecialFiles special;
  for (FoundProduct& candidate : candidates) {
    layout.find_layers(search, candidate);
    special.take_out(candidate);
  }
  leave_out_without_images(candidates, census);
  census.ignored.insert(census.ignored.end(), special.others().begin(), special.others().end());
  CensusRequest named = request;
  named.source = census.source;
  census.bands = bands_to_read(file_, named, candidates);
  census.masks = file_.planes();
  change_invalid(census.masks, request.invalid);
  if (std::ranges::none_of(census.masks, &MaskPlane::tells_images) && !census.bands.empty())
    census.masks.push_back({kNoData, {}, census.bands.front(), false});
  std::map<std::string, RasterReader> of_many_dates;
  const bool shares_files = file_.dates != "name";
  side_by_side(std::ssize(candidates), shares_files ? 1 : kProbes, [&](std::int64_t i) {
    FoundProduct& candidate = candidates[static_cast<std::size_t>(i)];
    if (!census.masks.empty()) keep_layers(candidate, census.bands, census.masks);
    probe_files(candidate, file_, layout, census.masks, of_many_dates);
  });
  if (std::string note = note_on_fills(candidates); !note.empty()) census.notes.push_back(std::move(note));
  drop_absent_masks(candidates, census.masks);
  std::vector<std::string> names = census.bands;
  for (const MaskPlane& plane : census.masks) names.push_back(plane.name);
  const std::optional<Grid> grid = request.grid ? request.grid : layout.grid_of_tile(search);
  if (grid) {
    census.grid = *grid;
    std::erase_if(candidates, [&](const FoundProduct& candidate) { return lies_elsewhere(candidate, census.grid); });
  }
  if (layout.shares_grid() && !grid)
    check_grids(candidates, census, names);
  else
    join_grids(candidates, census, names);

  // The newest version of each pass that can be read, with its parts.
  std::ranges::stable_sort(candidates, is_before);
  std::map<std::pair<Date, std::string>, std::vector<const FoundProduct*>> chosen;  // by date, then pass
  for (const FoundProduct& candidate : candidates) {
    std::vector<const FoundProduct*>& parts = chosen[{candidate.product.date, candidate.pass}];
    if (const FoundProduct* newer = superseding(candidate, parts))
      census.superseded.push_back(join_text(candidate.entry, " by ", newer->entry));
    else if (candidate.problems.empty())
      parts.push_back(&candidate);
    else
      census.damaged.push_back({candidate.entry, join_list(candidate.problems, "; ")});
  }

  std::map<Date, std::vector<const FoundProduct*>> days;
  for (const auto& [when, parts] : chosen) days[when.first].insert(days[when.first].end(), parts.begin(), parts.end());
  std::set<std::string> archives;
  FilesBesideImages beside;
  for (auto& [date, passes] : days) {
    if (passes.empty()) continue;
    std::ranges::stable_sort(passes, std::greater{}, &FoundProduct::version);  // a pass that was processed anew may have another time
    census.acquisitions.push_back({date, {}});
    for (const FoundProduct* candidate : passes) {
      census.acquisitions.back().passes.push_back(candidate->product);
      if (!candidate->archive.empty()) {
        if (archives.insert(candidate->archive).second) census.files.push_back(source_file(candidate->archive));
        continue;
      }
      for (const auto& [name, layer] : candidate->product.layers)
        if (const std::string path = candidate->product.path + "/" + layer.file; !layer.file.empty() && archives.insert(path).second) {
          census.files.push_back(source_file(path));
          for (const std::string& sidecar : beside.of(opened_for(path)))
            if (archives.insert(sidecar).second) census.files.push_back(source_file(sidecar));
        }
      for (const std::string& path : candidate->metadata)
        if (archives.insert(path).second) census.files.push_back(source_file(path));
    }
  }
  for (const Acquisition& acquisition : census.acquisitions)
    if (acquisition.passes.size() > 1) {
      std::vector<std::string> passes;
      for (const Product& pass : acquisition.passes) passes.push_back(pass.name);
      census.merged.push_back(acquisition.date.iso() + ": " + join_list(passes, " + "));
    }
  return census;
}

}  // namespace millesime
