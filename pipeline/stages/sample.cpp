#include "pipeline/stages/sample.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <set>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/chance.h"
#include "pipeline/core/counted.h"
#include "pipeline/core/error.h"
#include "pipeline/core/land_blocks.h"
#include "pipeline/core/source_name.h"
#include "pipeline/core/text.h"
#include "pipeline/imagery/coordinate_reader.h"
#include "pipeline/imagery/exogenous.h"
#include "pipeline/imagery/labelled_pixels.h"
#include "pipeline/imagery/reference.h"
#include "pipeline/imagery/sample_series.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/io/layer_choice.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/sensor.h"
#include "pipeline/io/source_files.h"
#include "pipeline/learning/selection.h"
#include "pipeline/stages/layout.h"
#include "pipeline/stages/sample_counts.h"
#include "pipeline/stages/tiles.h"
#include "pipeline/stages/train.h"

namespace millesime {
namespace {

// --- samples --------------------------------------------------------------------------------------------------------------------

std::string stratum_of(const std::string& tile, const ReferencePolygon& polygon) {
  return join_text(tile, "|", polygon.region, "|", polygon.code);
}

// Keeps the learning pixels that the rule selects within the tile and each region.
void select_learners(std::vector<std::uint8_t>& split, const std::vector<LabelledPixel>& pixels, const TileReference& reference,
                     const Config& config) {
  const auto n_seeds = static_cast<std::size_t>(config.reference.seeds);
  for (std::size_t seed = 0; seed < n_seeds; ++seed) {
    struct Learners {
      std::vector<std::size_t> pixels;
      std::vector<Candidate> candidates;
    };
    std::map<std::string, Learners> regions;
    for (std::size_t i = 0; i < pixels.size(); ++i) {
      if (static_cast<Split>(split[i * n_seeds + seed]) != Split::learn) continue;
      const ReferencePolygon& polygon = reference.polygons[pixels[i].polygon];
      const std::uint64_t salt = random_number_of(polygon.feature.id, salt_of(config.reference, seed));
      Learners& learners = regions[polygon.region];
      learners.pixels.push_back(i);
      learners.candidates.push_back({polygon.code, polygon.feature.id, random_number_of(pixels[i].pixel, salt)});
    }
    for (const auto& [region, learners] : regions) {
      const auto kept = select(config.sample, learners.candidates);
      for (std::size_t k = 0, next = 0; k < learners.pixels.size(); ++k) {
        if (next < kept.size() && kept[next] == k) {
          ++next;
          continue;
        }
        split[learners.pixels[k] * n_seeds + seed] = static_cast<std::uint8_t>(Split::unused);
      }
    }
  }
}

// All data of the samples except their series.
Samples frame_of(const Config& config, const TileImages& images, const TileReference& reference, std::vector<LabelledPixel>& pixels,
                 Dropped& dropped, bool only_tile) {
  Samples samples;
  samples.tile = images.tile;
  samples.year = config.year;
  samples.n_seeds = config.reference.seeds;
  samples.static_names = exogenous_names(config.exogenous);
  std::set<std::string> regions;
  for (const ReferencePolygon& polygon : reference.polygons) regions.insert(polygon.region);
  regions.insert(reference.regions.begin(), reference.regions.end());  // also those without samples: they need a model, too
  if (regions.empty() && config.regions.path.empty()) regions.insert("");
  samples.region_names.assign(regions.begin(), regions.end());

  // Only polygons with pixels are split.
  std::vector<std::size_t> with_pixels;
  for (const LabelledPixel& p : pixels)
    if (with_pixels.empty() || with_pixels.back() != p.polygon) with_pixels.push_back(p.polygon);
  for (std::size_t i = 0, next = 0; i < reference.polygons.size(); ++i)
    if (next < with_pixels.size() && with_pixels[next] == i)
      ++next;
    else if (!reference.polygons[i].is_contradicted)
      ++dropped.polygons_without_pixel;
  std::vector<std::int64_t> ids;
  std::vector<std::string> strata(reference.polygons.size()), strata_with_pixels;
  for (std::size_t i = 0; i < strata.size(); ++i) strata[i] = stratum_of(images.tile, reference.polygons[i]);
  for (const std::size_t i : with_pixels) {
    ids.push_back(reference.polygons[i].feature.id);
    strata_with_pixels.push_back(strata[i]);
  }
  std::vector<std::int64_t> blocks;
  const std::string& crs = images.main().grid.crs;
  const bool degrees = in_degrees(crs);
  const double metres = metres_per_unit(crs).value_or(1), block_km = config.reference.block_km;
  for (const std::size_t i : with_pixels) {  // the same blocks in every tile
    const Point at = reference.polygons[i].feature.centroid();
    blocks.push_back(degrees ? block_of_degrees(at.x, at.y, block_km) : block_of(at, block_km, metres));
  }
  const auto splits = split_reference(ids, blocks, strata_with_pixels, config.reference);
  dropped.untested = untested_text(config.reference, blocks, splits);
  if (only_tile && !dropped.untested.empty()) throw UserError(dropped.untested);  // of several tiles another may have blocks that test
  std::string table = "polygon,block\n";
  for (std::size_t i = 0; i < ids.size(); ++i) table += join_text(ids[i], ",", blocks[i], "\n");
  write_text(Layout(config).blocks(images.tile), table);

  const auto n_seeds = static_cast<std::size_t>(samples.n_seeds);
  std::vector<std::size_t> place(reference.polygons.size());  // polygon -> position in with_pixels
  for (std::size_t i = 0; i < with_pixels.size(); ++i) place[with_pixels[i]] = i;
  std::vector<std::uint8_t> split(pixels.size() * n_seeds);
  for (std::size_t i = 0; i < pixels.size(); ++i)
    for (std::size_t seed = 0; seed < n_seeds; ++seed)
      split[i * n_seeds + seed] = static_cast<std::uint8_t>(splits[seed][place[pixels[i].polygon]]);
  if (!config.sample.takes_all()) select_learners(split, pixels, reference, config);

  std::vector<LabelledPixel> used;
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    const auto first = split.begin() + static_cast<std::ptrdiff_t>(i * n_seeds), last = first + static_cast<std::ptrdiff_t>(n_seeds);
    if (std::all_of(first, last, [](std::uint8_t s) { return s == static_cast<std::uint8_t>(Split::unused); })) {
      ++dropped.pixels_not_selected;
      continue;
    }
    const ReferencePolygon& polygon = reference.polygons[pixels[i].polygon];
    const int col = static_cast<int>(pixels[i].pixel % images.grid.cols), row = static_cast<int>(pixels[i].pixel / images.grid.cols);
    const Point centre = images.grid.centre(col, row);
    samples.label.push_back(polygon.code);
    samples.polygon.push_back(polygon.feature.id);
    samples.region.push_back(
        static_cast<std::int32_t>(std::ranges::lower_bound(samples.region_names, polygon.region) - samples.region_names.begin()));
    samples.x.push_back(centre.x);
    samples.y.push_back(centre.y);
    samples.col.push_back(col);
    samples.row.push_back(row);
    samples.split.insert(samples.split.end(), first, last);
    used.push_back(pixels[i]);
  }
  pixels = std::move(used);
  samples.statics.resize(pixels.size() * samples.static_names.size());
  locate(samples, images.grid);

  for (const SourceCensus& census : images.sources) {
    if (census.acquisitions.empty()) continue;  // absent here: models learn to do without it
    SampleSeries series;
    series.source = census.source;
    series.bands = census.bands;
    series.scale.assign(series.bands.size(), 1.0F);
    series.unit.assign(series.bands.size(), static_cast<float>(1 / per_unit(census.unit)));
    for (const Acquisition& acquisition : census.acquisitions) series.dates.push_back(acquisition.date);
    samples.series.push_back(std::move(series));
  }
  const std::vector<std::string> files = files_of_source(config.reference.path);
  std::error_code error;
  const auto bytes = files.empty() ? 0 : std::filesystem::file_size(files.front(), error);
  samples.reference = join_text(std::filesystem::path(config.reference.path).filename().string(), " ", config.reference.layer, " ",
                                error ? 0 : bytes, " bytes");
  return samples;
}

template <class T>
void keep_entries(std::vector<T>& values, const std::vector<std::size_t>& kept, std::size_t per_entry) {
  for (std::size_t i = 0; i < kept.size(); ++i)
    std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(kept[i] * per_entry), per_entry,
                values.begin() + static_cast<std::ptrdiff_t>(i * per_entry));
  values.resize(kept.size() * per_entry);
}

template <class T>
void keep_entries(Column<T>& values, const std::vector<std::size_t>& kept, std::size_t per_entry) {
  const std::span<T> all = values.space();
  for (std::size_t i = 0; i < kept.size(); ++i) std::copy_n(all.data() + kept[i] * per_entry, per_entry, all.data() + i * per_entry);
  values.cut(kept.size() * per_entry);
}

// A pixel without any valid date is useless for training.
void drop_unobserved(Samples& samples, Dropped& dropped) {
  SampleSeries& series = samples.series.front();
  const std::size_t n = samples.label.size(), dates = series.dates.size();
  std::vector<std::size_t> kept;
  for (std::size_t i = 0; i < n; ++i) {
    const auto first = series.valid.begin() + static_cast<std::ptrdiff_t>(i * dates);
    if (std::any_of(first, first + static_cast<std::ptrdiff_t>(dates), [](std::uint8_t v) { return v != 0; })) kept.push_back(i);
  }
  dropped.pixels_without_observation = static_cast<std::int64_t>(n - kept.size());
  if (kept.size() == n) return;
  keep_entries(samples.label, kept, 1);
  keep_entries(samples.polygon, kept, 1);
  keep_entries(samples.region, kept, 1);
  keep_entries(samples.x, kept, 1);
  keep_entries(samples.y, kept, 1);
  if (!samples.longitude.empty()) keep_entries(samples.longitude, kept, 1), keep_entries(samples.latitude, kept, 1);
  keep_entries(samples.col, kept, 1);
  keep_entries(samples.row, kept, 1);
  keep_entries(samples.statics, kept, samples.static_names.size());
  keep_entries(samples.split, kept, static_cast<std::size_t>(samples.n_seeds));
  for (SampleSeries& each : samples.series) {
    keep_entries(each.values, kept, each.dates.size() * each.bands.size());
    keep_entries(each.valid, kept, each.dates.size());
  }
}

// Keys of the configuration that shape what the units make.
const std::vector<std::string> kSampleOptions = {"year",   "source.bands",  "source.resampling", "reference",
                                                 "sample", "regions.layer", "regions.field"};

std::optional<std::vector<Unit>> plan_sample(const Config& config) {
  std::vector<Unit> units;
  if (config.reference.path.empty()) return units;  // a trained model is given
  const Layout layout(config);
  const std::vector<std::string> tiles = tiles_of(config);
  std::vector<std::string> sources = files_of_source(config.reference.path);
  if (!config.regions.path.empty())
    for (const std::string& file : files_of_source(config.regions.path)) sources.push_back(file);
  for (const std::string& file : files_of_exogenous(config.exogenous)) sources.push_back(file);
  std::vector<std::string> keys = source_keys(config, {"bands", "resampling"});
  for (const std::string& key : kSampleOptions)
    if (!key.starts_with("source.")) keys.push_back(key);
  const std::string classes = "classes = " + Nomenclature::load(config.nomenclature).names_text();
  for (const std::string& tile : tiles) {
    Unit unit{.stage = "sample",
              .key = tile,
              .tile = tile,
              .inputs = {layout.census(tile)},
              .outputs = {layout.samples(tile), layout.blocks(tile)},
              .config_keys = keys,
              .facts = {classes},
              .run = {}};
    for (const std::string& other : tiles) unit.inputs.push_back(layout.footprint(other));  // decides which tile a polygon belongs to
    unit.inputs.insert(unit.inputs.end(), sources.begin(), sources.end());
    for (const ExogenousOptions& entry : config.exogenous) unit.facts.push_back(entry.identity());
    for (const auto& [key, path] : {std::pair{"reference.path", config.reference.path}, {"regions.path", config.regions.path}})
      if (const std::string part = part_of_source(path); !part.empty()) unit.facts.push_back(join_text(key, " = ", part));
    unit.run = [config, tiles, tile](const Context& context) { return sample_tile(config, tiles, tile, context); };
    units.push_back(std::move(unit));
  }
  return units;
}

void check_sample_files(const Config& config) {
  if (config.reference.path.empty()) return;
  Nomenclature::load(config.nomenclature);
  require_polygons(config.reference.path, LayerChoice{config.reference.layer, "reference.layer"}, {config.reference.class_field});
  if (!config.regions.path.empty()) require_regions(config.regions);
  require_exogenous(config.exogenous);
}

}  // namespace

nlohmann::json sample_tile(const Config& config, const std::vector<std::string>& tiles, const std::string& tile, const Context& context) {
  const Layout layout(config);
  const TileImages images = TileImages::read(layout.census(tile), source_roots(config));
  const SourceCensus& census = images.main();
  const Nomenclature nomenclature = Nomenclature::load(config.nomenclature);
  std::vector<TileFootprint> footprints;
  for (const std::string& name : tiles) footprints.push_back({name, layout.footprint(name)});
  const TileReference reference = read_reference(config.reference, config.regions, nomenclature, footprints, tile);
  Dropped dropped;
  std::vector<LabelledPixel> pixels = labelled_pixels(reference, census.grid, config.reference.erosion_m, dropped.pixels_of_two_classes);
  Samples samples = frame_of(config, images, reference, pixels, dropped, tiles.size() == 1);
  if (samples.size() > 0) {
    for (const std::string& note : notes_of_exogenous(config.exogenous)) context.progress->note(join_text("tile ", tile, ": ", note));
    std::size_t series = 0;
    for (std::size_t source = 0; source < images.sources.size(); ++source) {
      const SourceCensus& each = images.sources[source];
      if (each.acquisitions.empty()) continue;
      read_series(each, series == 0 ? config.exogenous : std::vector<ExogenousOptions>{}, resampling_of(config.sources[source].resampling),
                  samples, series, std::filesystem::path(layout.samples(tile)).parent_path().string(), context);
      ++series;
    }
    drop_unobserved(samples, dropped);
    for (const std::string& note : notes_of_missing(missing_of(samples), config.exogenous, "samples"))
      context.progress->note(join_text("tile ", tile, ": ", note));
  }
  if (samples.size() == 0 && dropped.pixels_without_observation > 0)
    context.progress->note(join_text("tile ", tile, ": no pixel of the polygons has a valid observation (",
                                     counted(dropped.pixels_without_observation, "pixel"),
                                     "); do the masks hide every image there, or is the invalid value of a mask another one?"));
  for (const std::string& note : notes_of_reference(reference, config, census.grid)) context.progress->note(tile + ": " + note);
  if (!dropped.untested.empty()) context.progress->note(join_text("tile ", tile, ": ", dropped.untested));
  write_samples(samples, layout.samples(tile));
  return counts_of(samples, reference, dropped);
}

Stage sample_stage() {
  return {.name = "sample",
          .summary = "extracts the series of the pixels in reference polygons, split into learning and testing",
          .reads = "census and footprints of the tiles, reference polygons, regions, exogenous inputs",
          .writes = "samples of each tile",
          .command = "samples extract",
          .example = "millesime samples extract france-2021.toml",
          .revision = 9,
          .papers = {},
          .options = kSampleOptions,
          .kept_when_mending = true,
          .of_any_edition = true,
          .plan = plan_sample,
          .check = require_reference,
          .check_files = check_sample_files,
          .kept_while = all_models_learned};
}

}  // namespace millesime
