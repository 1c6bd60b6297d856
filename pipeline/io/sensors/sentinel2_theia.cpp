// Length: one product layout from its names to its census; what it shares with other layouts is to be split off with the second one.
#include "pipeline/io/sensors/sentinel2_theia.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>

#include "pipeline/core/checksum.h"
#include "pipeline/core/error.h"
#include "pipeline/core/file_name.h"
#include "pipeline/core/mask_rules.h"
#include "pipeline/core/text.h"
#include "pipeline/io/internal/gdal_call.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/sample_unit.h"
#include "pipeline/io/sensors/theia_products.h"

namespace millesime {
namespace fs = std::filesystem;
using namespace theia;
namespace {

const std::vector<std::string> kBands = {"B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12"};
const std::vector<std::string> kMasks = {"CLM", "SAT", "EDG"};

// Files of a product.

// The one image of `names` whose name ends in `ending`, as delivered (.tif) or as stored in some archives (.jp2); "" if there is none, a
// fault if there are several.
std::string only_file(const std::vector<std::string>& names, const std::string& ending, std::vector<std::string>& problems) {
  std::vector<std::string> found;
  for (const std::string& name : names)
    if (name.ends_with(ending + ".tif") || name.ends_with(ending + ".jp2")) found.push_back(name);
  if (found.size() > 1) problems.push_back(join_text(found.size(), " files end in ", ending, ": ", join_list(found, ", ")));
  return found.empty() ? "" : found[0];
}

void find_files(Candidate& candidate) {
  Product& product = candidate.product;
  const auto names = names_inside(product.path);
  if (!names || names->empty()) {
    candidate.problems.push_back(names ? "the folder is empty" : "the folder cannot be listed");
    return;
  }
  for (const std::string& band : kBands)
    if (const std::string file = only_file(*names, "_FRE_" + band, candidate.problems); !file.empty()) {
      product.files[band] = file;
      candidate.bands.insert(band);
    }
  const auto masks = names_inside(product.path + "/MASKS");
  for (const std::string& mask : kMasks) {
    const std::string ending = "_" + mask + "_R1";
    if (const std::string file = masks ? only_file(*masks, ending, candidate.problems) : ""; !file.empty())
      product.files[mask] = "MASKS/" + file;
    else
      candidate.problems.push_back(join_text("the mask MASKS/*", ending, ".tif is missing"));
  }
  if (candidate.bands.empty()) candidate.problems.push_back("it has no band (*_FRE_B*.tif)");
}

// Opens the files that will be read, and reads the first and the last block of each.
void probe_files(Candidate& candidate, const std::vector<std::string>& bands) {
  std::vector<std::string> missing;
  for (const std::string& band : bands)
    if (!candidate.bands.contains(band)) missing.push_back(band);
  if (!missing.empty() && !candidate.bands.empty())
    candidate.problems.push_back(join_text("band ", join_list(missing, ", "), " is missing; it has ",
                                           join_list(std::vector<std::string>(candidate.bands.begin(), candidate.bands.end()), ", "),
                                           " (the bands to read are set by sensors.sentinel2_theia.bands)"));
  std::erase_if(candidate.product.files, [&](const auto& file) {
    return std::ranges::find(bands, file.first) == bands.end() && std::ranges::find(kMasks, file.first) == kMasks.end();
  });
  for (const auto& [layer, name] : candidate.product.files) {
    try {
      const RasterReader reader(candidate.file(layer), image_drivers());
      reader.probe();
      const bool is_mask = std::ranges::find(kMasks, layer) != kMasks.end();
      if (const std::string problem = is_mask ? problem_of_mask(reader) : problem_of_band(reader); !problem.empty())
        candidate.problems.push_back(join_text(name, ": ", problem));
      candidate.grids[layer] = reader.grid();
    } catch (const UserError& error) {
      candidate.problems.push_back(error.what());
    }
  }
}

// The grid that most candidates have for a layer (on a tie the earliest), so that a single wrong product does not decide.
std::optional<Grid> usual_grid(const std::vector<Candidate>& candidates, const std::string& layer) {
  std::vector<std::pair<Grid, int>> votes;
  for (const Candidate& candidate : candidates) {
    const auto grid = candidate.grids.find(layer);
    if (grid == candidate.grids.end()) continue;
    const auto known = std::ranges::find_if(votes, [&](const auto& vote) { return vote.first.same_as(grid->second); });
    if (known == votes.end())
      votes.emplace_back(grid->second, 1);
    else
      ++known->second;
  }
  const auto most = std::ranges::max_element(votes, {}, &std::pair<Grid, int>::second);
  return most == votes.end() ? std::nullopt : std::optional<Grid>(most->first);
}

// A 20 m band may cover a little less than the 10 m grid (odd sizes), but at most two of its pixels less or more.
bool covers(const Grid& band, const Grid& tile) {
  constexpr double kSlack = 2;
  const Box b = band.extent(), t = tile.extent();
  const double x = kSlack * band.pixel_width, y = kSlack * band.pixel_height;
  return band.crs == tile.crs && std::abs(b.min_x - t.min_x) <= x && std::abs(b.max_x - t.max_x) <= x && std::abs(b.min_y - t.min_y) <= y &&
         std::abs(b.max_y - t.max_y) <= y;
}

void check_grids(std::vector<Candidate>& candidates, const Grid& tile, const std::vector<std::string>& bands) {
  std::map<std::string, Grid> expected;
  for (const std::string& mask : kMasks) expected[mask] = tile;
  for (const std::string& band : bands)
    if (const auto grid = usual_grid(candidates, band)) expected[band] = *grid;
  for (Candidate& candidate : candidates)
    for (const auto& [layer, grid] : candidate.grids) {
      const std::string& name = candidate.product.files.at(layer);
      if (!expected.at(layer).same_as(grid))
        candidate.problems.push_back(join_text(name, ": expected the grid ", to_text(expected.at(layer)), ", got ", to_text(grid)));
      else if (!covers(grid, tile))
        candidate.problems.push_back(join_text(name, ": ", to_text(grid), " does not cover the tile, ", to_text(tile)));
    }
}

SourceFile source_file(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) throw UserError(join_text(path, ": disappeared while the census was taken"));
  return {path, status.st_size, std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec};
}

class Sentinel2Theia final : public Sensor {
 public:
  std::string name() const override { return "sentinel2_theia"; }
  std::vector<std::string> bands() const override { return kBands; }

  // CLM has two bit layouts (MUSCATE and MAJA's own), SAT one bit a band: in all of them only 0 is valid.
  std::vector<MaskPlane> mask_planes() const override {
    std::vector<MaskPlane> planes;
    for (const std::string& mask : kMasks) planes.push_back({mask, only_zero_is_valid(), mask == "EDG"});
    return planes;
  }

  std::vector<std::string> tiles(const std::string& root) const override {
    std::vector<std::string> names = sorted_names(root);
    std::erase_if(names, [&](const std::string& name) { return !is_tile_name(name) || !is_folder(root + "/" + name); });
    return names;
  }

  Census take_census(const std::string& root, const std::string& tile, const std::vector<std::string>& bands, Date first,
                     Date last) const override;
  std::string listing_digest(const std::string& root, const std::string& tile, Date first, Date last) const override;
};

void require_known(const std::vector<std::string>& bands) {
  for (const std::string& band : bands)
    if (std::ranges::find(kBands, band) == kBands.end()) {
      const std::string near = nearest_name(band, kBands);
      throw UserError(join_text("sensors.sentinel2_theia.bands: unknown band \"", band, "\"",
                                near.empty() ? "" : ", did you mean " + near + "?", "; known are ", join_list(kBands, ", ")));
    }
}

// The bands to read: the requested ones, or all that any product has. A requested band that no product has is an error of the
// configuration.
std::vector<std::string> bands_to_read(const std::vector<std::string>& asked, const std::vector<Candidate>& candidates,
                                       const std::string& folder) {
  std::vector<std::string> present;
  for (const std::string& band : kBands)
    if (std::ranges::any_of(candidates, [&](const Candidate& candidate) { return candidate.bands.contains(band); }))
      present.push_back(band);
  if (asked.empty()) return present;
  for (const std::string& band : asked)
    if (!present.empty() && std::ranges::find(present, band) == present.end())
      throw UserError(join_text(folder, ": no product has the band ", band, " that sensors.sentinel2_theia.bands requests (for example ",
                                candidates[0].product.name, " does not); set it to bands that exist: ", join_list(present, ", ")));
  return asked;
}

Census Sentinel2Theia::take_census(const std::string& root, const std::string& tile, const std::vector<std::string>& asked, Date first,
                                   Date last) const {
  const std::string folder = tile_folder(root, tile);
  if (!is_folder(folder)) throw UserError(join_text(folder, ": no such folder; expected the products of the tile ", tile, " in it"));
  require_known(asked);
  Census census;
  census.tile = tile;
  census.root = root;
  census.sensor = name();

  std::vector<Candidate> candidates;
  for (const std::string& entry : sorted_names(folder)) {
    if (is_left_by_desktop(entry)) continue;
    Entry found = look_at(folder, entry, first, last);
    if (!found.damage.empty())
      census.damaged.push_back({entry, found.damage});
    else if (!found.candidate)
      census.ignored.push_back(entry);
    else if (const Product& product = found.candidate->product; product.tile != tile)
      census.damaged.push_back(
          {entry, join_text("is of the tile ", product.tile, " but is in the folder of ", tile, "; move or remove it")});
    else if (found.outside_period)
      census.outside_period.push_back({entry, product.date});
    else
      candidates.push_back(std::move(*found.candidate));
  }

  for (Candidate& candidate : candidates) find_files(candidate);
  census.bands = bands_to_read(asked, candidates, folder);
  for (Candidate& candidate : candidates) probe_files(candidate, census.bands);
  if (const auto grid = usual_grid(candidates, "EDG")) {
    census.grid = *grid;
    check_grids(candidates, *grid, census.bands);
  }

  // The newest version of each pass that can be read; a folder is preferred to a zip of the same.
  std::ranges::stable_sort(candidates, [](const Candidate& a, const Candidate& b) {
    if (a.platform_and_time != b.platform_and_time) return a.platform_and_time < b.platform_and_time;
    const auto newer = version_numbers(a.product.version), older = version_numbers(b.product.version);
    return newer != older ? newer > older : a.archive.empty() && !b.archive.empty();
  });
  std::map<std::pair<Date, std::string>, const Candidate*> chosen;  // by date, then time and platform
  for (const Candidate& candidate : candidates) {
    const Product& product = candidate.product;
    const Candidate*& pass = chosen[{product.date, product.time + candidate.platform_and_time}];
    if (pass)
      census.superseded.push_back(join_text(candidate.entry, " by ", pass->entry));
    else if (candidate.problems.empty())
      pass = &candidate;
    else
      census.damaged.push_back({candidate.entry, join_list(candidate.problems, "; ")});
  }

  std::set<std::string> archives;
  for (const auto& [when, candidate] : chosen) {
    if (!candidate) continue;
    if (census.acquisitions.empty() || census.acquisitions.back().date != when.first) census.acquisitions.push_back({when.first, {}});
    census.acquisitions.back().passes.push_back(candidate->product);
    if (candidate->archive.empty())
      for (const auto& [layer, file] : candidate->product.files) census.files.push_back(source_file(candidate->file(layer)));
    else if (archives.insert(candidate->archive).second)
      census.files.push_back(source_file(candidate->archive));
  }
  for (const Acquisition& acquisition : census.acquisitions)
    if (acquisition.passes.size() > 1) {
      std::vector<std::string> passes;
      for (const Product& pass : acquisition.passes) passes.push_back(pass.name);
      census.merged.push_back(acquisition.date.iso() + ": " + join_list(passes, " + "));
    }
  return census;
}

std::string Sentinel2Theia::listing_digest(const std::string& root, const std::string& tile, Date first, Date last) const {
  const std::string folder = tile_folder(root, tile);
  if (!is_folder(folder)) throw UserError(join_text(folder, ": no such folder; expected the products of the tile ", tile, " in it"));
  std::string listing;
  const auto add = [&](const fs::path& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return;
    listing +=
        join_text(path.string().substr(folder.size()), '\n', status.st_size, ' ', status.st_mtim.tv_sec, '.', status.st_mtim.tv_nsec, '\n');
  };
  for (const std::string& entry : sorted_names(folder)) {
    if (is_left_by_desktop(entry)) continue;
    listing += entry + "\n";
    const std::string path = folder + "/" + entry;
    if (!is_folder(path)) {
      add(path);
      continue;
    }
    const Entry found = look_at(folder, entry, first, last);
    if (!found.candidate || found.outside_period) continue;
    std::vector<fs::path> files;
    std::error_code error;
    for (fs::recursive_directory_iterator file(path, error), end; !error && file != end; file.increment(error))
      if (!is_left_by_desktop(file->path().filename().string())) files.push_back(file->path());
    std::ranges::sort(files);
    for (const fs::path& file : files) add(file);
  }
  return xxh3(listing);
}

}  // namespace

std::unique_ptr<Sensor> make_sentinel2_theia() { return std::make_unique<Sentinel2Theia>(); }

}  // namespace millesime
