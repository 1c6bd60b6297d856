#include "pipeline/core/manifest.h"

#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::temp_dir;
using ::testing::ThrowsMessage;

Manifest full_manifest() {
  return {"classify/T31TCJ",
          "0.1.0 revision 4",
          {{"model.name", "\"ltae\""}, {"train.seed", "7"}},
          {{"/data/a \"quoted\" é.tif", std::uint64_t{1} << 40, 1'622'505'600'000'000'001, "99aa06d3014798d86001c324468d497f"}},
          {{"work/classify/T31TCJ.tif", 0, -1, ""}, {"work/classify/T31TCJ_validity.tif", 3, 0, "06b05ab6733a618578af5f94892f3950"}},
          "cuda:0",
          {{"pixels", 12}, {"invalid", {{"clouds", 3}}}},
          {"Garnot and Landrieu 2020"}};
}

TEST(Manifest, IsReadAsItWasWritten) {
  const std::string file = temp_dir() + "/folder/manifest.json";
  const Manifest written = full_manifest();
  write_manifest(written, file);
  const Manifest read = read_manifest(file);
  EXPECT_EQ(read.unit, written.unit);
  EXPECT_EQ(read.code, written.code);
  EXPECT_EQ(read.config, written.config);
  EXPECT_EQ(read.inputs, written.inputs);  // 64-bit sizes and nanoseconds, to the last digit
  EXPECT_EQ(read.outputs, written.outputs);
  EXPECT_EQ(read.device, written.device);
  EXPECT_EQ(read.counts, written.counts);
  EXPECT_EQ(read.papers, written.papers);
}

TEST(Manifest, ReplacesTheOldOneAtOnceAndLeavesNothingElse) {
  const std::string folder = temp_dir(), file = folder + "/manifest.json";
  Manifest manifest = full_manifest();
  write_manifest(manifest, file);
  manifest.unit = "train/all_seed_0";
  write_manifest(manifest, file);
  EXPECT_EQ(read_manifest(file).unit, "train/all_seed_0");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
}

TEST(Manifest, DamageIsTold) {
  const std::string file = temp_dir() + "/manifest.json";
  write_manifest(full_manifest(), file);
  const std::string whole = read_text(file);
  const auto told =
      ThrowsMessage<UserError>(AllOf(HasSubstr(file + ": damaged manifest; "), HasSubstr("remove it and the unit runs again")));
  for (const std::string& damaged : {std::string(), whole.substr(0, whole.size() / 2), std::string("[]"), std::string("{\"unit\": 3}")}) {
    write_text(file, damaged);
    EXPECT_THAT([&] { read_manifest(file); }, told) << damaged;
  }
  // Each of its fields is needed, and of its own kind.
  const auto undamaged = nlohmann::json::parse(whole);
  for (const auto& [key, value] : undamaged.items()) {
    if (key == "counts") continue;  // any kind
    auto document = undamaged;
    document[key] = 3;
    write_text(file, document.dump());
    EXPECT_THAT([&] { read_manifest(file); }, told) << key;
    document.erase(key);
    write_text(file, document.dump());
    EXPECT_THAT([&] { read_manifest(file); }, told) << key;
  }
  EXPECT_THAT([&] { read_manifest(file + ".none"); }, ThrowsMessage<UserError>(HasSubstr("cannot be read")));
}

}  // namespace
}  // namespace millesime
