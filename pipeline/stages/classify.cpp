#include "pipeline/stages/classify.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <optional>

#include "kernels/base/in_strips.h"
#include "kernels/base/transfer.h"
#include "kernels/ops/resample.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/imagery/exogenous.h"
#include "pipeline/imagery/region_weights.h"
#include "pipeline/imagery/seed_map.h"
#include "pipeline/imagery/series_strips.h"
#include "pipeline/imagery/tile_model.h"
#include "pipeline/imagery/window_loop.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/stages/layout.h"
#include "pipeline/stages/tiles.h"
#include "pipeline/stages/train.h"

namespace millesime {
namespace {

namespace fs = std::filesystem;

constexpr int kAhead = 2;  // windows that are read ahead, and that wait to be written
// On the CPU the series of a window is small: reading, computing and writing overlap from the first windows on, and its memory is reused
// for the next window. A GPU needs large kernels.
constexpr std::int64_t kWindowBytes = 24 << 20;
constexpr std::int64_t kMaxDevicePixels = 1 << 20;

// The result of a window: the samples of the maps, or the outputs of the models that are not decided yet.
struct WindowResult {
  std::vector<LayerSamples> layers;  // one an output
  std::vector<Answers> answers;      // likewise
};

// The files of one output.
class OutputFiles {
 public:
  OutputFiles(const ClassifyOutput& output, const OutputModels& models, const Grid& grid)
      : n_classes_(static_cast<int>(models.codes().size())) {
    const auto plain = [](const Nomenclature* nomenclature) {
      return RasterOptions{.nodata = 0, .nomenclature = nomenclature, .band_names = {}};
    };
    classification_ = std::make_unique<RasterWriter>(output.classification, grid, PixelType::u8, 1, plain(&models.nomenclature()));
    confidence_ = std::make_unique<RasterWriter>(output.confidence, grid, PixelType::u8, 1, plain(nullptr));
    if (!output.validity.empty()) validity_ = std::make_unique<RasterWriter>(output.validity, grid, PixelType::u8, 1, plain(nullptr));
    if (!output.probabilities.empty()) {
      RasterOptions options = plain(nullptr);
      for (const int code : models.codes())
        options.band_names.push_back(models.nomenclature().at(*models.nomenclature().index_of_code(code)).name);
      probabilities_ = std::make_unique<RasterWriter>(output.probabilities, grid, PixelType::u16, n_classes_, options);
    }
  }

  void write(const Window& window, const LayerSamples& layer) {
    classification_->write(window, 0, layer.label.data());
    confidence_->write(window, 0, layer.confidence.data());
    if (validity_) validity_->write(window, 0, layer.validity.data());
    if (!probabilities_) return;
    std::vector<std::uint16_t> band(layer.label.size());
    for (int c = 0; c < n_classes_; ++c) {
      for (std::size_t p = 0; p < band.size(); ++p)
        band[p] = layer.probabilities[p * static_cast<std::size_t>(n_classes_) + static_cast<std::size_t>(c)];
      probabilities_->write(window, c, band.data());
    }
  }

  void commit() {
    for (auto* writer : {classification_.get(), confidence_.get(), validity_.get(), probabilities_.get()})
      if (writer) writer->commit();
  }

 private:
  int n_classes_;
  std::unique_ptr<RasterWriter> classification_, confidence_, validity_, probabilities_;
};

struct Tally {
  std::int64_t pixels = 0, without_observation = 0, outside_regions = 0, acquisitions = 0;
  int most_acquisitions = 0;
  std::map<int, std::int64_t> classes;

  void add(const LayerSamples& layer) {
    pixels += static_cast<std::int64_t>(layer.label.size());
    for (std::size_t p = 0; p < layer.label.size(); ++p) {
      if (layer.label[p])
        ++classes[layer.label[p]];
      else
        ++(layer.validity[p] ? outside_regions : without_observation);
      acquisitions += layer.validity[p];
      most_acquisitions = std::max<int>(most_acquisitions, layer.validity[p]);
    }
  }
  nlohmann::json to_json() const {
    nlohmann::json by_class = nlohmann::json::object();
    for (const auto& [code, n] : classes) by_class[std::to_string(code)] = n;
    const double mean = pixels > 0 ? static_cast<double>(acquisitions) / static_cast<double>(pixels) : 0;
    return {{"pixels", pixels},
            {"without_observation", without_observation},
            {"outside_regions", outside_regions},
            {"validity", {{"mean", mean}, {"maximum", most_acquisitions}}},
            {"classes", by_class}};
  }
};

}  // namespace

nlohmann::json classify_tile(const ClassifyRequest& request, const Context& context) {
  MILLESIME_CHECK(!request.outputs.empty() && !request.outputs.front().models.empty(), "no model to classify with");
  const Grid& grid = request.census.grid;
  const std::string& first_file = request.outputs.front().models.front().file;
  const ModelSpec first = ModelFile::read(first_file, request.trust).spec;
  try {
    first.bands_in(request.census.bands, "tile " + request.census.tile);
  } catch (const UserError& error) {
    throw with_context(first_file, error);
  }
  TileInput input{first.sources.front().bands, exogenous_names(request.exogenous), request.year, {}, resampling_of(request.resampling)};
  for (const Acquisition& acquisition : request.census.acquisitions) input.dates.push_back(acquisition.date);
  std::vector<OutputModels> models;
  for (const auto& output : request.outputs) models.emplace_back(output, input, request.options, request.trust, context);
  std::vector<OutputFiles> files;
  for (std::size_t o = 0; o < models.size(); ++o) files.emplace_back(request.outputs[o], models[o], grid);

  std::unique_ptr<RegionWeights> regions;
  if (!request.outputs.front().models.front().region.empty())
    regions =
        std::make_unique<RegionWeights>(request.regions.path, request.regions.layer, request.regions.field, request.regions.blend_m, grid);

  const OwnStream stream(context.device, context.threads), download(context.device, context.threads);
  SeriesAhead ahead(stream);
  const int readers = std::max(1, context.threads / 2);
  const auto reader = std::make_shared<SeriesReader>(request.census, input.bands, readers);
  const int dates = static_cast<int>(request.census.acquisitions.size());
  std::int64_t bytes =
      (2 * kAhead + 2 + ahead.windows_on_host()) * (reader->bytes_per_pixel() + static_cast<std::int64_t>(input.static_names.size()) * 4);
  for (const auto& m : models) bytes += m.bytes_per_pixel(dates);
  const bool on_gpu = context.device.kind == Device::Kind::cuda;
  const std::int64_t most = on_gpu ? kMaxDevicePixels : kWindowBytes / reader->bytes_per_pixel();
  const auto windows = reader->windows(most, reader->pixels_within(context.memory_bytes, 2, bytes));
  if (const auto note = reader->rereading(windows.front()); !note.empty()) context.progress->note(note);

  Transfer transfer(stream), downloads(download);
  SpareAnswers spare(context.device, models.size());
  Tally tally;
  const auto ask_all = [&](const DeviceSeries& series, const TileWindow& read) {
    std::optional<RegionShares> shares;
    if (regions) {
      const auto present = regions->present(read.series.window);
      shares.emplace();
      for (const int r : present) shares->names.push_back(regions->names()[static_cast<std::size_t>(r)]);
      shares->weights = regions->weights(read.series.window, present);
    }
    std::vector<Answers> answers = spare.take();
    for (std::size_t o = 0; o < models.size(); ++o) models[o].ask(stream, series, read, shares, answers[o]);
    return answers;
  };
  const auto decide_all = [&](Transfer& from, std::vector<Answers> answers) {
    std::vector<LayerSamples> layers;
    for (std::size_t o = 0; o < models.size(); ++o) layers.push_back(models[o].decide(from, answers[o]));
    spare.give(std::move(answers));
    return layers;
  };
  // If the device has too little memory for the series of a window and the buffers of the models, the window is computed in parts.
  int strip_rows = std::numeric_limits<int>::max();
  const auto classify_window = [&](const TileWindow& read) {
    WindowResult result;
    const auto strip = [&](int first_row, int n) {
      if (n == read.series.window.height) {
        result.answers = ask_all(ahead.current(read.series), read);
        return;
      }
      const TileWindow part = rows_of(read, first_row, n);
      const std::vector<LayerSamples> layers = decide_all(transfer, ask_all(ahead.put(part.series), part));
      result.layers.resize(layers.size());
      for (std::size_t o = 0; o < layers.size(); ++o) result.layers[o].append(layers[o]);
    };
    const auto release = [&] {
      ahead.give_up();
      for (auto& output : models) output.release();
      spare.release();
    };
    in_strips(read.series.window.height, strip_rows, strip, release);
    ahead.done();
    // A GPU computes the next window while the writer downloads the results of this one. On the CPU all threads are busy anyway.
    if (!on_gpu && result.layers.empty()) result.layers = decide_all(transfer, std::move(result.answers));
    return result;
  };
  context.progress->start("classify " + request.census.tile, grid.pixels(), "px");
  window_loop<TileWindow, WindowResult>(
      windows, 1, kAhead,
      [&] {
        auto exogenous = std::make_shared<ExogenousReader>(request.exogenous, grid);
        return std::function<TileWindow(const Window&)>([reader, exogenous](const Window& window) {
          return TileWindow{reader->read(window), exogenous->read(window)};
        });
      },
      [&](const Window&, TileWindow&& read) { return classify_window(read); },
      [&](const Window& window, WindowResult&& result) {
        if (result.layers.empty()) result.layers = decide_all(downloads, std::move(result.answers));
        for (std::size_t o = 0; o < result.layers.size(); ++o) files[o].write(window, result.layers[o]);
        tally.add(result.layers.front());
        context.progress->advance(window.pixels());
      },
      context.progress, uploader<TileWindow>(ahead, [](const TileWindow& read) -> const Series& { return read.series; }));
  require_unchanged(request.census);
  if (const auto note = reader->decompressed_again(); !note.empty()) context.progress->note(note);
  for (auto& output : files) output.commit();
  context.progress->finish();
  nlohmann::json counts = tally.to_json();
  PrecisionCost cost;
  for (const auto& output : models) cost.add(output.precision_cost());
  if (cost.pixels > 0) {
    counts["bfloat16"] = cost.to_json();
    context.progress->note(cost.to_text());
  }
  counts["dates"] = dates;
  return counts;
}

namespace {

std::optional<std::vector<Unit>> plan_classify(const Config& config) {
  const Layout layout(config);
  // The regions are those with samples: there is one model for each region and seed (train_stage).
  const auto models = trained_models(config);
  if (!models) return std::nullopt;
  std::vector<Unit> units;
  for (const auto& tile : tiles_of(config)) {
    Unit unit{.stage = "classify",
              .key = tile,
              .tile = tile,
              .inputs = {layout.census(tile)},
              .outputs = {},
              .config_keys = {"sensors.sentinel2_theia.resampling", "classify.probabilities", "classify.precision", "regions.blend_m",
                              "regions.field"},
              .facts = {},
              .run = {}};
    ClassifyRequest request;
    request.year = config.year, request.resampling = config.sentinel2_theia.resampling;
    request.regions = config.regions, request.exogenous = config.exogenous, request.options = config.classify;
    for (int seed = 0; seed < layout.seeds; ++seed) {
      ClassifyOutput output{{},
                            layout.classification(tile, seed),
                            layout.confidence(tile, seed),
                            seed == 0 ? layout.validity(tile) : "",  // the same for every seed
                            config.classify.probabilities ? layout.probabilities(tile, seed) : ""};
      for (const auto& model : *models)
        if (model.seed == seed) output.models.push_back({model.region, model.file});
      for (const auto& model : output.models) unit.inputs.push_back(model.file);
      for (const auto& file : {output.classification, output.confidence, output.validity, output.probabilities})
        if (!file.empty()) unit.outputs.push_back(file);
      request.outputs.push_back(std::move(output));
    }
    if (!config.regions.path.empty()) unit.inputs.push_back(config.regions.path);
    for (const auto& entry : config.exogenous) unit.inputs.push_back(entry.path), unit.facts.push_back(entry.name);
    unit.run = [request, layout, tile](const Context& context) mutable {
      request.census = Census::read(layout.census(tile));
      return classify_tile(request, context);
    };
    units.push_back(std::move(unit));
  }
  return units;
}

}  // namespace

Stage classify_stage() {
  return {.name = "classify",
          .summary = "computes class and confidence of every pixel of each tile",
          .reads = "images of a tile, models",
          .writes = "class and confidence map of each tile and seed, validity map of each tile, optional probabilities",
          .revision = 2,
          .papers = {},
          .kept_when_mending = false,
          .side_by_side = true,
          .units_from = {"sample"},
          .plan = plan_classify};
}

Options ClassifyCommand::declare() {
  Options o;
  o.add("model", &model, "trained model (.safetensors)").path().required();
  o.add("tile", &tile, "folder of the tile's products, e.g. l2a/T31TCJ").path().required();
  o.add("output", &output, "folder for classification.tif, confidence.tif and validity.tif").path().required();
  o.add("year", &year, "only products of this year; 0: all of the folder").range(0, 2100);
  o.add("skip_damaged", &sensor.skip_damaged, "leave out products that cannot be read");
  o.add("resampling", &sensor.resampling, "method of resampling 20 m bands to the 10 m grid").choices({"nearest", "bilinear", "cubic"});
  o.add("exogenous", &exogenous, "static inputs of the model, name=path");
  o.add("trust_model", &trust_model, "run a model that is a program (TorchScript, .pt), which can do anything that you can");
  options.declare(o);
  return o;
}

nlohmann::json classify_command(const ClassifyCommand& command, const Context& context) {
  const fs::path folder = fs::path(command.tile).lexically_normal();
  const fs::path named = folder.filename().empty() ? folder.parent_path() : folder;
  const Trust trust = command.trust_model ? Trust::programs : Trust::data_only;
  const ModelSpec spec = ModelFile::read(command.model, trust).spec;
  const auto sensor = make_sensor("sentinel2_theia");
  const Date first = command.year ? Date::from_ymd(command.year, 1, 1) : Date::from_ymd(1970, 1, 1);
  const Date last = command.year ? Date::from_ymd(command.year, 12, 31) : Date::from_ymd(2999, 12, 31);
  ClassifyRequest request;
  request.census = sensor->take_census(named.parent_path().string(), named.filename().string(), spec.sources.front().bands, first, last);
  const auto& acquisitions = request.census.acquisitions;
  if (!request.census.damaged.empty() && !command.sensor.skip_damaged) {
    std::string list;
    for (const auto& damage : request.census.damaged) list += "\n  " + damage.product + ": " + damage.message;
    throw UserError(join_text(command.tile, ": damaged products; replace them or leave them out with --skip-damaged:", list));
  }
  if (acquisitions.empty())
    throw UserError(join_text(command.tile, ": no product to classify", command.year ? " in " + std::to_string(command.year) : ""));
  request.year = command.year ? command.year : acquisitions[acquisitions.size() / 2].date.year();
  request.resampling = command.sensor.resampling;
  request.options = command.options;
  request.trust = trust;
  for (const auto& entry : command.exogenous) {
    const auto equal = entry.find('=');
    if (equal == std::string::npos) throw UserError(join_text("--exogenous ", entry, ": expected name=path"));
    request.exogenous.push_back({entry.substr(0, equal), entry.substr(equal + 1)});
  }
  const std::string out = command.output + "/";
  request.outputs = {{{{"", command.model}},
                      out + "classification.tif",
                      out + "confidence.tif",
                      out + "validity.tif",
                      command.options.probabilities ? out + "probabilities.tif" : ""}};
  return classify_tile(request, context);
}

}  // namespace millesime
