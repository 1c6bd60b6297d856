// A tile is mapped on a device, which is a mock of the CUDA runtime that runs the kernels on fibers: the maps have the bits of the CPU's,
// and what the device is asked for a window stays within its budget.

#include <atomic>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/base/device_error.h"
#include "models/arch/random_forest.h"
#include "models/base/ensemble.h"
#include "models/base/model_file.h"
#include "pipeline/core/atomic_file.h"
#include "pipeline/core/raster.h"
#include "pipeline/imagery/tile_classifier.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/sensor.h"
#include "pipeline/io/vector_file.h"
#include "tests/gpu/window_check.h"
#include "tests/support/mock_cuda/runtime.h"
#include "tests/support/muscate_product.h"
#include "tests/support/series_world.h"
#include "tests/support/silent_progress.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/models/small_models.h"

namespace millesime::testing {
namespace {

namespace fs = std::filesystem;

constexpr int kCols = 24, kDates = 3, kHalo = 4;  // px, of two passes of reach 2
const std::vector<std::string> kBands = {"B3", "B4", "B8"};

class WindowSizes : public SilentProgress {
 public:
  void advance(std::int64_t pixels) override { rows.push_back(static_cast<int>(pixels / kCols)); }
  std::vector<int> rows;  // of each window
};

class OnDevice : public ::testing::Test {
 protected:
  OnDevice() : root_(temp_dir()) {
    reset_runtime();
    runtime.devices = 2;
  }
  ~OnDevice() override {
    EXPECT_EQ(runtime.live, 0) << "memory is lost";
    EXPECT_EQ(runtime.events, 0) << "an event is lost";
    EXPECT_EQ(runtime.streams, 0) << "a stream is lost";
    EXPECT_EQ(runtime.lost_copies, 0) << "page-locked memory was freed while it was copied";
    EXPECT_EQ(runtime.wrong_device, 0);
  }

  // Noise with clouds, in blocks of 16 x 16 px; the westernmost pixels are never seen.
  SourceCensus tile(int rows, const std::string& folder = "l2a",
                    const std::vector<std::string>& dates = {"20180101", "20180111", "20180220"}, int never_seen = 0) const {
    const std::string root = root_ + "/" + folder + std::to_string(rows);
    std::mt19937 random(5);
    for (const std::string& date : dates) {
      MuscateProduct product;
      product.date = date, product.block = 16, product.bands = kBands;
      product.grid.cols = kCols, product.grid.rows = rows;
      product.value = [&](const std::string&, int, int) {
        return static_cast<std::int16_t>(random() % 50 == 0 ? -10000 : random() % 5000);
      };
      product.mask = [&](const std::string&, int col, int) { return static_cast<std::uint8_t>(random() % 5 == 0 || col < never_seen); };
      write_product(root, product);
    }
    return make_sensor("sentinel2_theia")->take_census(root, "T31TCJ", {}, Date::from_ymd(2018, 1, 1), Date::from_ymd(2018, 12, 31));
  }

  ModelFile forest(int n_statics = 0, std::uint64_t seed = 1) const {
    const ModelSpec spec = small_spec("random_forest", 3, 2, n_statics);
    Recipe recipe = quick_recipe();
    recipe.random_seed = seed;
    return forest_file(spec, train_forest(spec, small_input(spec, 48, 2, seed), recipe));
  }
  // Of the images, and of further sources of the same bands.
  ModelFile ltae(const std::vector<std::string>& others = {}) const {
    ModelSpec spec = small_spec("ltae", 3, 2);
    spec.parameters["d_model"] = 16, spec.parameters["n_head"] = 4, spec.parameters["spectral"] = 8, spec.parameters["mlp"] = 16;
    spec.parameters["hidden"] = 8;
    ModelInput input = small_input(spec, 48, 2);
    for (const std::string& name : others) {
      spec.sources.push_back(spec.sources.front());
      spec.sources.back().name = name, spec.sources.back().mean = {2000, 2500, 3000}, spec.sources.back().deviation = {900, 1000, 1100};
      input.series.push_back(input.series.front());
    }
    ModelFile model = train_network(spec, input, {}, quick_recipe(), plain_run());
    if (!others.empty())  // two epochs hardly move them
      for (const char* learned : {"join.gate", "join.absent"})
        model.tensors.at(learned).values.assign(model.tensors.at(learned).values.size(), 0.8f);
    return model;
  }
  std::string written(const ModelFile& model, const std::string& name) const {
    model.write(root_ + "/" + name);
    return root_ + "/" + name;
  }

  ClassifyRequest request(const SourceCensus& census, const std::vector<std::vector<RegionalModel>>& models, const std::string& folder) {
    ClassifyRequest asked;
    asked.census = census;
    asked.year = 2018;
    asked.resampling = "bilinear";
    for (std::size_t m = 0; m < models.size(); ++m) {
      const std::string of = folder + "/" + std::to_string(m);
      asked.maps.push_back({models[m], of + "classes.tif", of + "confidence.tif", of + "validity.tif", ""});
    }
    return asked;
  }
  // The sizes of the windows.
  std::vector<int> classify(const ClassifyRequest& request, const Device& device) {
    WindowSizes progress;
    Context context;
    context.device = device, context.progress = &progress, context.threads = 2;
    context.memory_bytes = memory_;
    classify_tile(request, context);
    return progress.rows;
  }

  // The files of both devices are the same.
  template <class Request>
  void expect_the_cpus_maps(const Request& of_folder) {
    const std::string cpu = root_ + "/cpu", gpu = root_ + "/gpu";
    fs::remove_all(cpu), fs::remove_all(gpu);
    fs::create_directories(cpu), fs::create_directories(gpu);
    classify(of_folder(cpu), Device{});
    const std::vector<int> windows = classify(of_folder(gpu), kGpu);
    EXPECT_GT(windows.size(), 1U);
    int files = 0;
    for (const auto& entry : fs::directory_iterator(cpu)) {
      ++files;
      EXPECT_TRUE(read_text(entry.path()) == read_text(gpu + "/" + entry.path().filename().string())) << entry.path();
    }
    EXPECT_GE(files, 3);
  }

  const Device kGpu{Device::Kind::cuda, 1};
  std::string root_;
  std::int64_t memory_ = 400000;  // windows of 16 rows
};

TEST_F(OnDevice, TwoSeedsWithAllThatAMapCanHave) {
  const std::string one = written(forest(), "one.safetensors"),
                    other = written(make_ensemble({forest(0, 2), forest(0, 3)}), "other.safetensors");
  const SourceCensus census = tile(48);
  for (const int passes : {2, 1, 0})
    expect_the_cpus_maps([&](const std::string& folder) {
      ClassifyRequest asked = request(census, {{{"", one}}, {{"", other}}}, folder);
      asked.options.smooth = passes, asked.options.levels = asked.options.probabilities = true;
      asked.options.uncertainty = passes == 1 ? "margin" : "entropy";
      auto& files = asked.maps.front();
      files.probabilities = folder + "/probabilities.tif", files.uncertainty = folder + "/uncertainty.tif";
      files.level1 = folder + "/level1.tif", files.deepest = folder + "/deepest.tif";
      return asked;
    });
}

TEST_F(OnDevice, RegionsStaticInputsAndAnAttention) {
  const SourceCensus census = tile(48);
  const std::string a = written(forest(1), "a.safetensors"), regions = root_ + "/regions.gpkg", height = root_ + "/height.tif";
  const std::string b = written(forest(1, 4), "b.safetensors"), attention = written(ltae(), "attention.safetensors");
  const auto box = [&](int first, int last, const char* name) {
    const Grid& g = census.grid;
    const double left = g.x(0), right = g.x(kCols), top = g.y(first), bottom = g.y(last);
    const Polygon polygon{{{{left, top}, {right, top}, {right, bottom}, {left, bottom}, {left, top}}}};
    return OutputFeature{{polygon}, {std::string(name)}};
  };
  write_polygons(regions, "regions", census.grid.crs, {"name"}, {box(0, 20, "a"), box(20, 40, "b")});
  Raster<float> heights(census.grid);
  for (std::size_t i = 0; i < heights.samples.size(); ++i) heights.samples[i] = static_cast<float>(i % 91) / 30 - 1;
  write_raster(height, heights, {});
  expect_the_cpus_maps([&](const std::string& folder) {
    ClassifyRequest asked = request(census, {{{"a", a}, {"b", b}}}, folder);
    asked.regions.path = regions, asked.regions.field = "name", asked.regions.blend_m = 100;
    asked.exogenous = {{.name = "static0", .path = height}};
    return asked;
  });
  expect_the_cpus_maps([&](const std::string& folder) { return request(census, {{{"", attention}}}, folder); });
}

// One that some pixels never see, and one that the tile lacks.
TEST_F(OnDevice, AnAttentionOfSeveralSources) {
  const SourceCensus census = tile(48);
  SourceCensus other = tile(48, "other", {"20180105", "20180301"}, 7), lacking = other;
  other.source = "other", lacking.source = "lacking", lacking.acquisitions.clear();
  const std::string model = written(ltae({"other", "lacking"}), "several.safetensors");
  expect_the_cpus_maps([&](const std::string& folder) {
    ClassifyRequest asked = request(census, {{{"", model}}}, folder);
    asked.others = {other, lacking}, asked.other_resampling = {"bilinear", "nearest"};
    return asked;
  });
}

// Strips of a window's rows, each with the rows around it that smoothing reads.
TEST_F(OnDevice, TooLittleMemoryMakesTheSameMapInStrips) {
  const std::string model = written(forest(), "m.safetensors");
  const SourceCensus census = tile(48);
  memory_ = 1 << 26;  // one window
  const std::string whole = root_ + "/whole", strips = root_ + "/strips";
  fs::create_directories(whole), fs::create_directories(strips);
  classify(request(census, {{{"", model}}}, whole), kGpu);
  runtime.largest = 24 * 30 * 12;  // the probabilities of 30 rows
  runtime.calls.clear();
  classify(request(census, {{{"", model}}}, strips), kGpu);
  EXPECT_GT(std::ranges::count(runtime.calls, "cudaMemPoolTrimTo"), 1) << "it was too little";
  for (const char* file : {"/0classes.tif", "/0confidence.tif", "/0validity.tif"})
    EXPECT_EQ(read_text(whole + file), read_text(strips + file));
}

// Wherever the device is lost in the middle of a tile: an error that says so, no file that is half a map, and nothing that stays behind.
TEST_F(OnDevice, ALostDeviceEndsTheTile) {
  const std::string model = written(forest(), "m.safetensors");
  const SourceCensus census = tile(96);
  for (const char* call : {"cudaMemcpyAsync", "cudaMallocAsync", "cudaEventRecord", "cudaEventSynchronize", "cudaStreamWaitEvent"})
    for (const int good : {1, 5}) {
      reset_runtime();
      runtime.fails[call] = cudaErrorIllegalAddress, runtime.good_calls = good;
      const std::string folder = root_ + "/lost";
      fs::remove_all(folder), fs::create_directories(folder);
      EXPECT_THROW(classify(request(census, {{{"", model}}}, folder), kGpu), DeviceLost) << call << " after " << good;
      EXPECT_FALSE(fs::exists(folder + "/0classes.tif")) << call;
      EXPECT_EQ(runtime.live, 0) << call;
      EXPECT_EQ(runtime.events, 0) << call;
      EXPECT_EQ(runtime.streams, 0) << call;
    }
}

// What scripts/gpu-check does on a node with a device.
TEST_F(OnDevice, TheCheckOfWindowsOfANode) {
  const LtaeShape network = {.spectral = 8, .heads = 4, .head_width = 4, .mlp = 8, .statics = 0, .hidden = 8, .classes = 23};
  std::vector<Series> windows;
  for (unsigned seed = 1; seed <= 3; ++seed) windows.push_back(random_series({20, 24, 3, 0.4, 0.02, true, seed}));
  const WindowRun cpu = run_windows(windows, Device{}, network), gpu = run_windows(windows, kGpu, network);
  EXPECT_EQ(cpu.values.size(), 3U * 3 * 20 * 24);
  EXPECT_EQ(gpu.values, cpu.values);
  EXPECT_EQ(gpu.strips, 3);
  int strips = 3;
  for (std::size_t memory = std::size_t{1} << 20; strips == 3 && memory > std::size_t{1} << 17; memory = memory * 9 / 10) {
    reset_runtime();
    runtime.memory = memory;
    const WindowRun little = run_windows(windows, kGpu, network);
    EXPECT_EQ(little.values, cpu.values) << memory;
    strips = little.strips;
  }
  EXPECT_GT(strips, 3);
}

// What one window more costs: the difference of two tiles whose windows are alike but for their number.
TEST_F(OnDevice, AWindowStaysWithinItsBudget) {
  const std::string forest_file = written(forest(), "forest.safetensors");
  struct Budget {
    std::vector<std::vector<RegionalModel>> seeds;
    int kernels;
  };
  for (const auto& [seeds, kernels] :
       {Budget{{{{"", forest_file}}}, 7},  // prepare, forest, decide, blend, 2 x smooth, map
        Budget{{{{"", forest_file}}, {{"", written(forest(0, 2), "other.safetensors")}}}, 13},  // prepared once
        Budget{{{{"", written(ltae(), "ltae.safetensors")}}}, 6}}) {                            // ltae in place of the first two
    SCOPED_TRACE(join_text(seeds.size(), " ", seeds.front().front().file));
    const auto maps = static_cast<int>(seeds.size());
    int step = 0;  // rows of a window: those of a block
    for (memory_ = 400000; step < 16; memory_ += 40000) step = classify(request(tile(96), seeds, root_ + "/first"), kGpu).at(1);
    ASSERT_EQ(step, 16);
    memory_ -= 40000;
    std::vector<Asked> asked;
    for (const int windows : {6, 9}) {
      reset_runtime();
      const auto rows = classify(request(tile(windows * step), seeds, root_ + "/maps"), kGpu);
      EXPECT_EQ(rows.at(2), step);
      asked.push_back(runtime.asked);
    }
    const int outer = kCols * (step + 2 * kHalo), inner = kCols * step;
    const auto more = [&](auto what) { return (asked[1].*what - asked[0].*what) / 3; };
    EXPECT_EQ(more(&Asked::bytes_up), static_cast<std::size_t>(outer * kDates * (3 + 2 * 3))) << "masks and bands, once";
    EXPECT_EQ(more(&Asked::bytes_down), static_cast<std::size_t>(inner * 3 * maps)) << "class, confidence, validity";
    EXPECT_EQ(more(&Asked::kernels), kernels);
    EXPECT_EQ(more(&Asked::waits_of_device), 0);
    EXPECT_EQ(more(&Asked::waits_of_host), 0) << "for a whole stream; the host waits for single transfers";
    EXPECT_EQ(more(&Asked::copies_of_ordinary_memory), 0);
    // Windows under way: 2 x 2 that wait, 3 at work, one uploaded; each of two arrays, and of one of values. The device's own are constant.
    EXPECT_LE(asked[1].allocations, 40 + 20 * maps) << "however many windows there are";
  }
}

}  // namespace
}  // namespace millesime::testing
