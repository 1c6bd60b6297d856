#include "pipeline/stages/classify.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "kernels/base/in_strips.h"
#include "kernels/base/transfer.h"
#include "kernels/ops/decide.h"
#include "kernels/ops/validity.h"
#include "pipeline/core/error.h"
#include "pipeline/core/series_rows.h"
#include "pipeline/core/text.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/stages/exogenous.h"
#include "pipeline/stages/layout.h"
#include "pipeline/stages/region_weights.h"
#include "pipeline/stages/resampling.h"
#include "pipeline/stages/tile_model.h"
#include "pipeline/stages/tiles.h"
#include "pipeline/stages/train.h"
#include "pipeline/stages/window_loop.h"

namespace millesime {
namespace {

namespace fs = std::filesystem;

constexpr int kAhead = 2;             // windows read ahead, and written behind
constexpr int kBatch = 8192;          // pixels a network call on the CPU; kept small so that activations stay in cache
constexpr int kDeviceBatch = 262144;  // and on a GPU
// On the CPU a window's series stays small: reading, computing and writing overlap from the first windows on, and its memory serves the
// next window without going back to the system. A GPU wants its kernels large.
constexpr std::int64_t kWindowBytes = 24 << 20;
constexpr std::int64_t kMaxDevicePixels = 1 << 20;

struct WindowInput {
  Series series;
  std::vector<float> statics;  // [pixel][static]
};

// Which regions reach into a window, and their weight at each pixel.
struct RegionShares {
  std::vector<std::string> names;
  std::vector<float> weights;  // [region][pixel]
};

WindowInput rows_of(const WindowInput& input, int first, int n) {
  const auto begin = input.statics.begin();
  const auto row = static_cast<std::ptrdiff_t>(input.statics.size()) / input.series.window.height;
  return {rows_of(input.series, first, n), {begin + first * row, begin + (first + n) * row}};
}

struct LayerSamples {  // of one output
  std::vector<std::uint8_t> label, confidence, validity;
  std::vector<std::uint16_t> probabilities;  // [pixel][class]

  void append(const LayerSamples& below) {
    const auto add = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
    add(label, below.label), add(confidence, below.confidence), add(validity, below.validity), add(probabilities, below.probabilities);
  }
};

// The models of one output and the classes that its maps can show.
class OutputModels {
 public:
  OutputModels(const ClassifyOutput& output, const TileInput& input, const ClassifyRequest& request, const Context& context)
      : output_(output), write_probabilities_(!output.probabilities.empty()) {
    const int batch = request.options.batch > 0 ? request.options.batch : context.device.kind == Device::Kind::cpu ? kBatch : kDeviceBatch;
    std::set<int> codes;
    for (const auto& model : output.models) {
      models_.push_back(std::make_unique<TileModel>(ModelFile::read(model.file, request.trust), input, batch, context,
                                                    request.options.precision == "bfloat16" ? Arithmetic::bfloat16 : Arithmetic::float32));
      codes.insert(models_.back()->spec().classes.begin(), models_.back()->spec().classes.end());
    }
    for (const LandClass& known : nomenclature().classes)  // in the order of the nomenclature
      if (codes.contains(known.code)) codes_.push_back(known.code);
    for (const int code : codes_)
      if (code > 255)
        throw UserError(
            join_text(output.models.front().file, ": class code ", code, " does not fit a class map of 8 bits; use codes up to 255"));
    for (const auto& model : models_) {
      std::vector<int> column;
      for (const int code : model->spec().classes) column.push_back(static_cast<int>(std::ranges::find(codes_, code) - codes_.begin()));
      columns_.push_back(std::move(column));
    }
  }

  const ClassifyOutput& output() const { return output_; }
  const Nomenclature& nomenclature() const { return models_.front()->spec().nomenclature; }
  const std::vector<int>& codes() const { return codes_; }
  std::int64_t bytes_per_pixel(int dates) const {
    std::int64_t bytes = 0;
    for (const auto& model : models_) bytes += model->bytes_per_pixel(dates) + 8 * static_cast<std::int64_t>(codes_.size());
    return bytes;
  }

  // What 16 bits cost, as far as it was looked at.
  PrecisionCost precision_cost() const {
    PrecisionCost cost;
    for (const auto& model : models_) cost.add(model->precision_cost());
    return cost;
  }

  void release() {  // what the models keep of a window
    for (const auto& model : models_) model->release();
  }

  // Without regions, the only model speaks for every pixel.
  LayerSamples run(const Stream& stream, Transfer& transfer, const DeviceSeries& series, const WindowInput& input,
                   const std::optional<RegionShares>& regions) {
    const std::int64_t pixels = series.view().pixels();
    const auto n = static_cast<std::size_t>(pixels);
    const int n_classes = static_cast<int>(codes_.size());
    std::vector<float> scores;  // [model][pixel][class], on the host
    std::vector<float> model_weights;
    LayerSamples layer;
    layer.validity.resize(n);
    for (std::size_t m = 0; m < models_.size(); ++m) {
      std::ptrdiff_t region = 0;
      if (regions) {
        region = std::ranges::find(regions->names, output_.models[m].region) - regions->names.begin();
        if (region == std::ssize(regions->names)) continue;
      }
      const auto result = models_[m]->run(stream, series, input.series.dates, input.statics);
      const std::size_t own = models_[m]->spec().classes.size();
      std::vector<float> probabilities(n * own);
      transfer.to_host(probabilities.data(), result.probabilities, probabilities.size() * sizeof(float));
      transfer.to_host(layer.validity.data(), result.count, n);
      const std::size_t begin = scores.size();
      scores.resize(begin + n * static_cast<std::size_t>(n_classes), 0.0f);
      for (std::size_t p = 0; p < n; ++p)
        for (std::size_t c = 0; c < own; ++c)
          scores[begin + p * static_cast<std::size_t>(n_classes) + static_cast<std::size_t>(columns_[m][c])] = probabilities[p * own + c];
      if (regions) {
        const auto from = regions->weights.begin() + region * pixels;
        model_weights.insert(model_weights.end(), from, from + pixels);
      } else {
        model_weights.insert(model_weights.end(), n, 1.0f);
      }
    }
    if (scores.empty()) layer.validity = valid_acquisitions(stream, transfer, series.view());  // out of every region's reach, and yet seen
    return decide_layer(Stream(Device{}, stream.threads), pixels, n_classes, scores, model_weights, std::move(layer));
  }

 private:
  static std::vector<std::uint8_t> valid_acquisitions(const Stream& stream, Transfer& transfer, const SeriesView& series) {
    Buffer<std::uint8_t> count(stream.device, series.pixels());
    ValidityArgs args;
    args.series = series, args.count = count.data();
    validity(stream, args);
    return transfer.to_host(count);
  }

  // Blending and deciding run on the host: they are a small part of the work, and models of a tile may be many.
  LayerSamples decide_layer(const Stream& host, std::int64_t pixels, int n_classes, const std::vector<float>& scores,
                            const std::vector<float>& weights, LayerSamples layer) const {
    const auto n = static_cast<std::size_t>(pixels);
    layer.label.assign(n, 0), layer.confidence.assign(n, 0);
    if (write_probabilities_) layer.probabilities.assign(n * static_cast<std::size_t>(n_classes), 0);
    if (scores.empty()) return layer;
    std::vector<float> blended(n * static_cast<std::size_t>(n_classes));
    BlendArgs mix;
    mix.pixels = pixels, mix.n_models = static_cast<int>(weights.size() / n), mix.n_classes = n_classes;
    mix.probabilities = scores.data(), mix.weights = weights.data(), mix.blended = blended.data();
    blend(host, mix);
    // Without observation, or out of every region's reach, there is nothing to say.
    std::vector<std::uint8_t> decidable(layer.validity);
    for (std::size_t p = 0; p < n; ++p) {
      float total = 0;
      for (std::size_t m = 0; m < weights.size() / n; ++m) total += weights[m * n + p];
      if (total == 0) decidable[p] = 0;
    }
    std::vector<std::uint8_t> codes;
    for (const int code : codes_) codes.push_back(static_cast<std::uint8_t>(code));
    DecideArgs args;
    args.pixels = pixels, args.n_classes = n_classes, args.scores = blended.data(), args.codes = codes.data(),
    args.count = decidable.data();
    args.label = layer.label.data(), args.confidence = layer.confidence.data();
    if (write_probabilities_) args.probabilities = layer.probabilities.data();
    decide(host, args);
    return layer;
  }

  ClassifyOutput output_;
  bool write_probabilities_;
  std::vector<std::unique_ptr<TileModel>> models_;
  std::vector<int> codes_;                 // of the maps' classes, in the order of the nomenclature
  std::vector<std::vector<int>> columns_;  // class of a model -> column of the joint scores
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
  MILLESIME_CHECK(!request.outputs.empty() && !request.outputs.front().models.empty(), "nothing to classify with");
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
  for (const auto& output : request.outputs) models.emplace_back(output, input, request, context);
  std::vector<OutputFiles> files;
  for (std::size_t o = 0; o < models.size(); ++o) files.emplace_back(request.outputs[o], models[o], grid);

  std::unique_ptr<RegionWeights> regions;
  if (!request.outputs.front().models.front().region.empty())
    regions =
        std::make_unique<RegionWeights>(request.regions.path, request.regions.layer, request.regions.field, request.regions.blend_m, grid);

  const int readers = std::max(1, context.threads / 2);
  const auto reader = std::make_shared<SeriesReader>(request.census, input.bands, readers);
  const int dates = static_cast<int>(request.census.acquisitions.size());
  std::int64_t bytes = (2 * kAhead + 2) * (reader->bytes_per_pixel() + static_cast<std::int64_t>(input.static_names.size()) * 4);
  for (const auto& m : models) bytes += m.bytes_per_pixel(dates);
  const std::int64_t most = context.device.kind == Device::Kind::cpu ? kWindowBytes / reader->bytes_per_pixel() : kMaxDevicePixels;
  const auto windows = reader->windows(most, (context.memory_bytes / 2 - reader->bytes_kept()) / bytes);
  if (const auto note = reader->rereading(windows.front()); !note.empty()) context.progress->note(note);

  const OwnStream stream(context.device, context.threads);
  Transfer transfer(stream);
  Tally tally;
  // Where the device has not enough memory even for the series of a window, and for what lies beside it, parts of it are taken one by one.
  int strip_rows = std::numeric_limits<int>::max();
  const auto run_all = [&](const WindowInput& read) {
    const DeviceSeries series(stream, read.series);
    std::optional<RegionShares> shares;
    if (regions) {
      const auto present = regions->present(read.series.window);
      shares.emplace();
      for (const int r : present) shares->names.push_back(regions->names()[static_cast<std::size_t>(r)]);
      shares->weights = regions->weights(read.series.window, present);
    }
    std::vector<LayerSamples> layers;
    for (auto& output : models) layers.push_back(output.run(stream, transfer, series, read, shares));
    return layers;
  };
  context.progress->start("classify " + request.census.tile, grid.pixels(), "px");
  window_loop<WindowInput, std::vector<LayerSamples>>(
      windows, 1, kAhead,
      [&] {
        auto exogenous = std::make_shared<ExogenousReader>(request.exogenous, grid);
        return std::function<WindowInput(const Window&)>([reader, exogenous](const Window& window) {
          return WindowInput{reader->read(window), exogenous->read(window)};
        });
      },
      [&](const Window& window, WindowInput&& read) {
        std::vector<LayerSamples> layers(models.size());
        in_strips(
            window.height, strip_rows,
            [&](int first_row, int n) {
              const std::vector<LayerSamples> strip = n == window.height ? run_all(read) : run_all(rows_of(read, first_row, n));
              for (std::size_t o = 0; o < layers.size(); ++o) layers[o].append(strip[o]);
            },
            [&] {
              for (auto& output : models) output.release();
            });
        return layers;
      },
      [&](const Window& window, std::vector<LayerSamples>&& layers) {
        for (std::size_t o = 0; o < layers.size(); ++o) files[o].write(window, layers[o]);
        tally.add(layers.front());
        context.progress->advance(window.pixels());
      },
      context.progress);
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
  // Regions are those that training found samples in: the models say which (train_stage makes one a region and seed).
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
          .summary = "every pixel of each tile gets a class and a confidence",
          .reads = "images of a tile, models",
          .writes = "class and confidence map of each tile and seed, validity map of each tile, optional probabilities",
          .revision = 2,
          .papers = {},
          .kept_when_mending = false,
          .side_by_side = true,
          .units_from = {"sample"},
          .plan = plan_classify};
}

void ClassifyOptions::declare(Options& o) {
  o.add("probabilities", &probabilities, "also write the probability of every class, x 1000, one band a class");
  o.add("batch", &batch, "pixels a model call; 0: chosen for the device").range(0, 1 << 24);
  o.add("precision", &precision,
        "of the numbers that temporal_cnn computes with; bfloat16: about three times as fast on processors that have it, and what it costs "
        "is "
        "measured on a sample of the pixels and noted")
      .choices({"float32", "bfloat16"});
}

Options ClassifyCommand::declare() {
  Options o;
  o.add("model", &model, "trained model (.safetensors)").path().required();
  o.add("tile", &tile, "folder of the tile's products, e.g. l2a/T31TCJ").path().required();
  o.add("output", &output, "folder for classification.tif, confidence.tif and validity.tif").path().required();
  o.add("year", &year, "use the products of this year only; 0: all of the folder").range(0, 2100);
  o.add("skip_damaged", &sensor.skip_damaged, "leave out products that cannot be read");
  o.add("resampling", &sensor.resampling, "how 20 m bands come to the 10 m grid").choices({"nearest", "bilinear", "cubic"});
  o.add("exogenous", &exogenous, "static inputs of the model, name=path");
  o.add("trust_model", &trust_model, "run a model that is a program (TorchScript, .pt), which may do whatever you may");
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
    throw UserError(join_text(command.tile, ": damaged products; repair them or leave them out with --skip-damaged:", list));
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
