// Stages on a device that has not enough memory for a window go on in strips of its rows, with the same result. The device is the CPU,
// whose allocations are refused beyond a limit.

#include <atomic>
#include <filesystem>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/base/before_allocation.h"
#include "kernels/base/device_error.h"
#include "models/arch/random_forest.h"
#include "models/base/model_file.h"
#include "pipeline/core/atomic_file.h"
#include "pipeline/io/sensor.h"
#include "pipeline/stages/classify.h"
#include "pipeline/stages/config.h"
#include "pipeline/stages/footprint.h"
#include "pipeline/stages/stack.h"
#include "tests/support/muscate_product.h"
#include "tests/support/silent_context.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/models/small_models.h"

namespace millesime {
namespace {
namespace fs = std::filesystem;
using testing::MuscateProduct;
using testing::SilentContext;
using testing::small_input;
using testing::small_spec;
using testing::temp_dir;
using testing::write_product;

constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();
std::size_t largest = kNoLimit;  // bytes of one allocation
std::atomic<int> refused = 0;

void refuse_more_than_largest(const Device&, std::size_t bytes) {
  if (bytes <= largest) return;
  ++refused;
  throw OutOfDeviceMemory("allocating " + std::to_string(bytes) + " bytes");
}

class LittleMemory : public ::testing::Test {
 protected:
  // Three dates of 130 x 90 pixels, noise with clouds, of which a window holds all.
  LittleMemory() : root_(temp_dir()) {
    std::mt19937 random(5);
    for (const char* date : {"20180101", "20180111", "20180220"}) {
      MuscateProduct product;
      product.date = date;
      product.grid.cols = 130;
      product.grid.rows = 90;
      product.bands = {"B3", "B4", "B8", "B11"};
      product.value = [&](const std::string&, int, int) {
        return static_cast<std::int16_t>(random() % 50 == 0 ? -10000 : random() % 5000);
      };
      product.mask = [&](const std::string&, int, int) { return static_cast<std::uint8_t>(random() % 8 == 0); };
      write_product(root_ + "/l2a", product);
    }
    silent_.context.threads = 1;  // little scratch
    detail::before_allocation = refuse_more_than_largest;
  }
  ~LittleMemory() override {
    detail::before_allocation = nullptr;
    largest = kNoLimit;
  }

  SourceCensus census() const {
    return make_sensor("sentinel2_theia")
        ->take_census(root_ + "/l2a", "T31TCJ", {}, Date::from_ymd(2018, 1, 1), Date::from_ymd(2018, 12, 31));
  }

  // work(folder) writes into a folder; it is the same with all memory and with allocations of at most `bytes`.
  template <class Work>
  void expect_same_files(std::size_t bytes, const Work& work) {
    const std::string plenty = root_ + "/plenty", little = root_ + "/little";
    work(plenty);
    refused = 0;
    largest = bytes;
    work(little);
    largest = kNoLimit;
    EXPECT_GE(refused, 1);
    int files = 0;
    for (const auto& entry : fs::recursive_directory_iterator(plenty)) {
      if (!entry.is_regular_file()) continue;
      ++files;
      EXPECT_TRUE(read_text(entry.path()) == read_text(little + entry.path().string().substr(plenty.size()))) << entry.path();
    }
    EXPECT_GT(files, 1);
  }

  std::string root_;
  SilentContext silent_;
};

constexpr std::size_t kTilePixels = 130 * 90;

TEST_F(LittleMemory, Tile) {
  expect_same_files(kTilePixels, [&](const std::string& folder) {
    write_footprint(census(), {folder + "/tile.json", folder + "/footprint.tif"}, silent_.context);
  });
}

TEST_F(LittleMemory, Stack) {
  Config config;
  config.year = 2018;
  config.output = root_ + "/out";
  config.sources.front().root = root_ + "/l2a";
  config.sources.front().bands = {"B3", "B4", "B8", "B11"};
  for (const bool features : {false, true}) {
    expect_same_files(9 * kTilePixels, [&](const std::string& folder) {
      StackOptions options;
      options.features = features;
      options.output = folder + (features ? "/features" : "/acquisitions");
      stack(config, options, silent_.context);
    });
  }
}

// Both halvings: of the series of a window, and of what a model makes of its rows.
TEST_F(LittleMemory, Classify) {
  const ModelSpec spec = small_spec("random_forest", 3, 2);
  const std::string model = root_ + "/model.safetensors";
  forest_file(spec, train_forest(spec, small_input(spec, 48, 2), testing::quick_recipe())).write(model);
  const auto classify_into = [&](const std::string& folder) {
    ClassifyRequest request;
    request.census = census();
    request.year = 2018;
    request.resampling = "bilinear";
    request.maps = {{{{"", model}}, folder + "/classes.tif", folder + "/confidence.tif", folder + "/validity.tif", folder + "/all.tif"}};
    classify_tile(request, silent_.context);
  };
  expect_same_files(5 * kTilePixels, classify_into);   // one window's probabilities are 12 bytes a pixel
  expect_same_files(20 * kTilePixels, classify_into);  // its features 24
  largest = 100;
  EXPECT_THROW(classify_into(root_ + "/none"), OutOfDeviceMemory);
  EXPECT_FALSE(fs::exists(root_ + "/none/classes.tif"));
}

}  // namespace
}  // namespace millesime
