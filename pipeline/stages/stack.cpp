#include "pipeline/stages/stack.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "kernels/base/transfer.h"
#include "kernels/ops/gap_fill.h"
#include "kernels/ops/index_expression.h"
#include "kernels/ops/indices.h"
#include "kernels/ops/resample.h"
#include "kernels/ops/validity.h"
#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/imagery/series_strips.h"
#include "pipeline/imagery/window_loop.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/series_reader.h"
#include "pipeline/io/zarr_file.h"
#include "pipeline/learning/gap_filling.h"
#include "pipeline/learning/specification.h"
#include "pipeline/stages/catalog.h"
#include "pipeline/stages/layout.h"
#include "pipeline/stages/tiles.h"

namespace millesime {
namespace {

constexpr int kAhead = 1;  // windows that are read ahead
const std::vector<std::string> kIndices = {"NDVI", "NDWI", "Brightness"};

// The content of the cube of one tile.
struct Plan {
  SourceCensus census;
  std::vector<std::string> bands;
  std::vector<Date> dates;  // acquisitions, or the time grid
  bool filled = false;
  std::vector<std::string> indices;  // of filled series, and of radar
  Resampling resampling = Resampling::bilinear;
  GapFilling filling;
};

// Samples of a window: variables one after the other within each date.
struct Block {
  std::vector<std::int16_t> bands, indices;  // [date][variable][pixel]
  std::vector<std::uint8_t> valid;           // [date][pixel], empty with `filled`

  // Pixels [first, first + row_pixels) of this block of `pixels`.
  void put(const Block& rows, std::int64_t row_pixels, std::int64_t first, std::int64_t pixels) {
    put_rows(rows.bands, row_pixels, first, pixels, bands);
    put_rows(rows.indices, row_pixels, first, pixels, indices);
    put_rows(rows.valid, row_pixels, first, pixels, valid);
  }
};

// Writes variables of the whole cube, in one of the formats.
class CubeWriter {
 public:
  virtual ~CubeWriter() = default;
  virtual void write(const Window& window, const Block& block) = 0;
  virtual std::vector<std::string> commit() = 0;  // what was written
};

std::vector<std::string> index_names(const std::vector<std::string>& indices) {
  std::vector<std::string> names;
  for (const std::string& index : indices) names.push_back(index_name(index));
  return names;
}

nlohmann::ordered_json attributes_of(const std::string& name, double scale) {
  return {{"long_name", name}, {"scale_factor", scale}, {"add_offset", 0.0}};
}

nlohmann::ordered_json band_attributes(const SourceCensus& census, const std::string& band) {
  const std::string quantity = census.unit == SampleUnit::reflectance ? "surface reflectance" : to_text(census.unit);
  return attributes_of(quantity + ", " + census.platform + " " + band, 1 / per_unit(census.unit));
}

nlohmann::ordered_json index_attributes(const SourceCensus& census, const std::string& index, const std::vector<std::string>& bands) {
  if (is_index_expression(index))
    return attributes_of(index, parse_index(index, bands).integer_scale == 1 ? 1 / per_unit(census.unit) : 0.001);
  const auto info = std::ranges::find(known_indices(), lower(index), [](const IndexInfo& known) { return lower(known.name); });
  return attributes_of(info->name + ": " + info->formula, info->name == "Brightness" ? 0.0001 : 0.001);
}

class ZarrCube final : public CubeWriter {
 public:
  ZarrCube(const std::string& path, const Plan& plan)
      : path_(path),
        plan_(plan),
        writer_(path, plan.census.grid, plan.dates,
                {{"title", plan.census.platform + " series of the tile " + plan.census.tile},
                 {"tile", plan.census.tile},
                 {"sensor", plan.census.sensor},
                 {"gap_filled", plan.filled}}) {
    for (const std::string& band : plan.bands) writer_.add_variable<std::int16_t>(band, kNodata, band_attributes(plan.census, band));
    for (const std::string& index : plan.indices)
      writer_.add_variable<std::int16_t>(index_name(index), kNodata, index_attributes(plan.census, index, plan.bands));
    if (!plan.filled)
      writer_.add_variable<std::uint8_t>(
          "validity", std::nullopt,
          {{"long_name", "1 where the acquisition can be used"}, {"flag_values", {0, 1}}, {"flag_meanings", "invalid valid"}});
  }

  void write(const Window& window, const Block& block) override {
    const std::int64_t pixels = window.pixels();
    const auto write_all = [&](const std::vector<std::string>& names, const std::vector<std::int16_t>& samples) {
      const auto n = static_cast<std::int64_t>(names.size());
      for (std::int64_t i = 0; i < n; ++i)
        writer_.write(names[static_cast<std::size_t>(i)], window, samples.data() + i * pixels, n * pixels);
    };
    write_all(plan_.bands, block.bands);
    write_all(index_names(plan_.indices), block.indices);
    if (!plan_.filled) writer_.write("validity", window, block.valid.data(), pixels);
  }

  std::vector<std::string> commit() override {
    writer_.commit();
    return {path_};
  }

 private:
  std::string path_;
  const Plan& plan_;
  ZarrWriter writer_;
};

class CogCube final : public CubeWriter {
 public:
  CogCube(const std::string& stem, const Plan& plan) : stem_(stem), plan_(plan) {
    for (const std::string& name : plan.bands) open(name, PixelType::i16, kNodata, band_attributes(plan.census, name));
    for (const std::string& index : plan.indices)
      open(index_name(index), PixelType::i16, kNodata, index_attributes(plan.census, index, plan.bands));
    if (!plan.filled) open("validity", PixelType::u8, std::nullopt, {{"long_name", "1 where the acquisition can be used"}});
  }
  ~CogCube() override {
    writers_.clear();
    for (const std::string& name : names_) {
      std::error_code ignored;
      std::filesystem::remove(plain(name), ignored);
    }
  }
  CogCube(const CogCube&) = delete;
  CogCube& operator=(const CogCube&) = delete;

  void write(const Window& window, const Block& block) override {
    const std::int64_t pixels = window.pixels();
    for (int date = 0; date < static_cast<int>(plan_.dates.size()); ++date) {
      const auto write_all = [&](const std::vector<std::string>& names, const std::vector<std::int16_t>& samples) {
        for (std::size_t i = 0; i < names.size(); ++i)
          writers_.at(names[i])->write(
              window, date, samples.data() + (date * static_cast<std::int64_t>(names.size()) + static_cast<std::int64_t>(i)) * pixels);
      };
      write_all(plan_.bands, block.bands);
      write_all(index_names(plan_.indices), block.indices);
      if (!plan_.filled) writers_.at("validity")->write(window, date, block.valid.data() + date * pixels);
    }
  }

  std::vector<std::string> commit() override {
    std::vector<std::string> written;
    for (const std::string& name : names_) {
      writers_.at(name)->commit();
      write_cog(plain(name), stem_ + "_" + name + ".tif", {});
      written.push_back(stem_ + "_" + name + ".tif");
    }
    return written;
  }

 private:
  std::string plain(const std::string& name) const {  // the uncompressed pyramidless file that the COG is made from
    const auto slash = stem_.rfind('/') + 1;
    return stem_.substr(0, slash) + ".partial-" + stem_.substr(slash) + "_" + name + ".tif";
  }
  void open(const std::string& name, PixelType type, std::optional<double> nodata, const nlohmann::ordered_json& attributes) {
    RasterOptions options;
    options.nodata = nodata;
    options.scale = attributes.value("scale_factor", 1.0);
    options.long_name = attributes.value("long_name", "");
    for (const Date date : plan_.dates) options.band_names.push_back(date.iso());
    names_.push_back(name);
    writers_[name] = std::make_unique<RasterWriter>(plain(name), plan_.census.grid, type, static_cast<int>(plan_.dates.size()), options);
  }

  std::string stem_;
  const Plan& plan_;
  std::vector<std::string> names_;
  std::map<std::string, std::unique_ptr<RasterWriter>> writers_;
};

// The time grid of a production covers the acquisitions of all its tiles, unless it is given.
std::vector<Date> time_grid(const Config& config) {
  return config.time.grid(config.sources.front().name, [&] {
    std::vector<Date> dates;
    for (const std::string& tile : tiles_of(config)) {
      const TileImages images = usable_images(config, tile);
      for (const Acquisition& acquisition : images.main().acquisitions) dates.push_back(acquisition.date);
    }
    return dates;
  });
}

std::vector<std::int32_t> days_of(const std::vector<Date>& dates) {
  std::vector<std::int32_t> days;
  for (const Date date : dates) days.push_back(date.days);
  return days;
}

// `acquired`: the days of the series.
Block compute_rows(Transfer& transfer, const Plan& plan, const SeriesView& series, const std::vector<std::int32_t>& acquired) {
  const Stream& stream = transfer.stream();
  const std::int64_t pixels = series.pixels();
  const int n_dates = series.n_dates, n_bands = series.n_bands;
  Buffer<std::int16_t> samples(stream.device, n_dates * n_bands * pixels);
  ResampleArgs resampling;
  resampling.series = series;
  resampling.method = plan.resampling;
  resampling.samples = samples.data();
  resample(stream, resampling);
  Buffer<std::uint8_t> valid(stream.device, n_dates * pixels), count(stream.device, pixels);
  ValidityArgs checking;
  checking.series = series;
  checking.valid = valid.data();
  checking.count = count.data();
  validity(stream, checking);
  Block block;
  const auto compute_indices = [&](int dates, const std::int16_t* integers_of, const float* exact_of) {
    IndicesArgs computing;
    computing.pixels = pixels, computing.n_dates = dates, computing.n_bands = n_bands;
    computing.plan =
        plan_indices(plan.indices, plan.bands, std::vector(plan.bands.size(), static_cast<float>(1 / per_unit(plan.census.unit))));
    computing.samples = integers_of, computing.exact = exact_of;
    Buffer<std::int16_t> integers(stream.device, dates * computing.plan.n * pixels);
    computing.integers = integers.data();
    indices(stream, computing);
    block.indices = transfer.to_host(integers);
  };
  if (!plan.filled) {
    block.bands = transfer.to_host(samples);
    block.valid = transfer.to_host(valid);
    if (plan.indices.empty()) return block;
    compute_indices(n_dates, samples.data(), nullptr);
    const std::size_t per_date = plan.indices.size() * static_cast<std::size_t>(pixels);
    for (std::size_t i = 0; i < block.indices.size(); ++i)
      if (block.valid[i / per_date * static_cast<std::size_t>(pixels) + i % static_cast<std::size_t>(pixels)] == 0)
        block.indices[i] = kNodata;
    return block;
  }

  const int n_targets = static_cast<int>(plan.dates.size());
  const Buffer<std::int32_t> days = to_device(stream, acquired), targets = to_device(stream, days_of(plan.dates));
  Buffer<std::int16_t> filled(stream.device, n_targets * n_bands * pixels);
  std::optional<Buffer<float>> exact;  // what indices are of: each number of the cube is rounded once
  if (!plan.indices.empty()) exact.emplace(stream.device, n_targets * n_bands * pixels);
  GapFillArgs filling;
  filling.pixels = pixels, filling.n_dates = n_dates, filling.n_bands = n_bands, filling.n_targets = n_targets;
  filling.days = days.data();
  filling.target_days = targets.data();
  filling.samples = samples.data();
  filling.valid = valid.data();
  filling.filled = filled.data();
  filling.exact = exact ? exact->data() : nullptr;
  filling.filling = plan.filling;
  gap_fill(stream, filling);
  block.bands = transfer.to_host(filled);
  if (!plan.indices.empty()) compute_indices(n_targets, nullptr, exact->data());
  // A pixel without any valid date has no data, instead of 0.
  const std::vector<std::uint8_t> seen = transfer.to_host(count);
  for (auto* layer : {&block.bands, &block.indices})
    for (std::size_t i = 0; i < layer->size(); ++i)
      if (seen[i % static_cast<std::size_t>(pixels)] == 0) (*layer)[i] = kNodata;
  return block;
}

Block compute_block(SeriesAhead& ahead, Transfer& transfer, FittingRows& fit, const Plan& plan, const Series& read) {
  const std::int64_t pixels = read.window.pixels();
  const std::vector<std::int32_t> acquired = days_of(read.dates);
  Block block;
  const auto compute = [&](const DeviceSeries& part, int first) {
    Block rows = compute_rows(transfer, plan, part.view(), acquired);
    const std::int64_t part_pixels = part.view().pixels();
    if (part_pixels == pixels)
      block = std::move(rows);
    else
      block.put(rows, part_pixels, std::int64_t{first} * read.window.width, pixels);
  };
  compute_in_strips(ahead, read, fit, compute, [] {});
  return block;
}

std::vector<std::string> write_cube(const Plan& plan, const std::string& stem, const std::string& format, const Context& context) {
  const Grid& grid = plan.census.grid;
  std::unique_ptr<CubeWriter> writer;
  if (format == "zarr")
    writer = std::make_unique<ZarrCube>(stem + ".zarr", plan);
  else
    writer = std::make_unique<CogCube>(stem, plan);

  SeriesReader reader(plan.census, plan.bands, std::max(1, context.threads / 2));
  const auto n_acquisitions = static_cast<std::int64_t>(plan.census.acquisitions.size()),
             n_dates = static_cast<std::int64_t>(plan.dates.size());
  const auto n_bands = static_cast<std::int64_t>(plan.bands.size());
  const std::int64_t cube_bytes = n_dates * (2 * n_bands + 2 * static_cast<std::int64_t>(plan.indices.size()) + 1),
                     exact_bytes = plan.indices.empty() ? 0 : n_dates * 4 * n_bands;
  const OwnStream stream(context.device, context.threads);
  SeriesAhead ahead(stream);
  Transfer transfer(stream);
  const std::int64_t bytes_per_pixel =
      (kAhead + 3 + ahead.windows_on_host()) * (reader.bytes_per_pixel() + cube_bytes) + n_acquisitions * (2 * n_bands + 1) + exact_bytes;
  reader.keep_within(context.memory_bytes / SeriesReader::kShareForBlocks);
  const std::int64_t most_pixels = std::min(reader.pixels_within(context.memory_bytes, 2, bytes_per_pixel), std::int64_t{1} << 22);
  const std::vector<Window> windows =
      format == "zarr" ? reader.windows_of_chunks(kZarrChunk, most_pixels) : reader.windows(most_pixels, most_pixels);
  if (const auto note = reader.rereading(windows.front()); !note.empty()) context.progress->note(note);

  FittingRows fit;
  context.progress->start("stack " + plan.census.tile, grid.pixels(), "px");
  window_loop<Series, Block>(
      windows, 1, kAhead, [&] { return [&reader](const Window& window) { return reader.read(window); }; },
      [&](const Window&, Series&& series) { return compute_block(ahead, transfer, fit, plan, series); },
      [&](const Window& window, Block&& block) {
        writer->write(window, block);
        context.progress->advance(window.pixels());
      },
      context.progress, uploader<Series>(ahead, [](const Series& series) -> const Series& { return series; }));
  if (const auto note = reader.decompressed_again(); !note.empty()) context.progress->note(note);
  std::vector<std::string> written = writer->commit();
  context.progress->finish();
  return written;
}

}  // namespace

Options StackOptions::declare() {
  Options o;
  o.section("");
  o.add("tiles", &tiles, "tiles to stack; default: those of the configuration").names("tile");
  o.add("format", &format, "format of the data cube").choices({"zarr", "cog"});
  o.add("filled", &filled, "gap-filled on the dates of the time grid, instead of the acquisitions themselves");
  o.add("features", &features, "gap-filled, with the indices of each date");
  o.add("indices", &indices, "indices for --features; default: NDVI, NDWI, Brightness, and VH - VV of radar").names("index");
  o.add("output", &output, "folder of the cubes; default: <output>/<year>/cubes").path();
  return o;
}

std::string folder_of_cubes(const Config& config, const StackOptions& options) {
  return options.output.empty() ? Layout(config).cubes() : options.output;
}

nlohmann::json stack(const Config& config, const StackOptions& options, const Context& context) {
  const std::string folder = folder_of_cubes(config, options);
  Plan plan;
  plan.bands = config.sources.front().bands;
  plan.resampling = resampling_of(config.sources.front().resampling);
  plan.filled = options.filled || options.features;
  plan.filling = gap_filling(fill_spec(config.time));
  const std::vector<std::string>& asked = options.indices.empty() ? kIndices : options.indices;
  if (options.features) {
    const SensorFile sensor = SensorFile::load(config.sources.front().sensor);
    if (sensor.unit != SampleUnit::decibel || !options.indices.empty()) plan.indices = own_indices(asked, sensor);
    plan_indices(plan.indices, plan.bands);  // an unknown name, or a band that is not read, is an error before the work
  }
  const std::vector<Date> grid_dates = plan.filled ? time_grid(config) : std::vector<Date>{};
  nlohmann::json report = nlohmann::json::object();
  for (const std::string& tile : options.tiles.empty() ? tiles_of(config) : options.tiles) {
    const TileImages images = usable_images(config, tile);
    remove_abandoned_of(folder + "/" + tile + ".zarr");  // whoever calls this writes here alone
    for (std::size_t source = 0; source < images.sources.size(); ++source) {
      Plan of_source = plan;
      of_source.census = images.sources[source];
      if (of_source.census.acquisitions.empty()) continue;
      of_source.bands = of_source.census.bands;
      of_source.resampling = resampling_of(config.sources[source].resampling);
      of_source.filled = plan.filled && of_source.census.unit != SampleUnit::decibel;  // radar sees through clouds
      if (source > 0 && options.features)
        of_source.indices = indices_elsewhere(asked, SensorFile::load(config.sources[source].sensor), of_source.bands);
      if (options.features && of_source.indices.empty()) of_source.indices = radar_indices(of_source.bands);
      of_source.dates = of_source.filled ? grid_dates : std::vector<Date>{};
      if (!of_source.filled)
        for (const Acquisition& acquisition : of_source.census.acquisitions) of_source.dates.push_back(acquisition.date);
      const std::string stem = folder + "/" + tile + (source == 0 ? "" : "_" + of_source.census.source);
      if (source > 0) remove_abandoned_of(stem + ".zarr");
      const std::vector<std::string> written = write_cube(of_source, stem, options.format, context);
      nlohmann::json& entry = source == 0 ? report[tile] : report[tile]["sources"][of_source.census.source];
      entry = {{"files", written},
               {"dates", of_source.dates.size()},
               {"bands", of_source.bands},
               {"indices", of_source.indices},
               {"acquisitions", of_source.census.acquisitions.size()}};
    }
  }
  return report;
}

}  // namespace millesime
