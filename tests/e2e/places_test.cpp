// Where a production lies: spelled, moved, linked, copied, shared by a group, on file systems that lack what others have. It is the same
// production, and nothing of it runs again.

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/checksum.h"
#include "pipeline/core/error.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::run_program;

class PlacesTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    base = (fs::temp_directory_path() / ("millesime-places-" + std::to_string(::getpid()))).string();
    fs::remove_all(base);
    fs::create_directories(base + "/a");
    const auto made =
        run_program({"simulate", "-o", base + "/a/w", "--tiles", "2", "--size", "64", "--dates", "8", "--seed", "5", "--quiet"});
    ASSERT_EQ(made.code, 0) << made.err;
  }
  static void TearDownTestSuite() { fs::remove_all(base); }

  // `run` or another command on the production, with its output beside the world, from the folder `here`.
  static testing::ProgramResult millesime(const std::string& command, const std::string& here, const std::string& config,
                                          const std::vector<std::string>& more = {}, const std::string& before = "") {
    std::vector<std::string> words{command, config, "--set", "model.name=random_forest", "--set", "train.trees=5"};
    words.insert(words.end(), more.begin(), more.end());
    return run_program(words, -1, "cd '" + here + "'" + (before.empty() ? "" : "; " + before));
  }
  static std::string checksum(const std::string& folder, const std::string& name = "OCS_2021.tif") {
    return xxh3_of_file(folder + "/2021/" + name);
  }
  static std::string plain_disk(const std::string& lacking) {
    return "export LD_PRELOAD='" + fs::path(testing::binary()).parent_path().string() +
           "/tests/support/libmillesime_plain_disk.so' PLAIN_DISK='" + lacking + "'";
  }
  static bool has_plain_disk() {
    return fs::exists(fs::path(testing::binary()).parent_path() / "tests/support/libmillesime_plain_disk.so");
  }
  // Nothing to run, whatever the spelling; and status says so, too.
  static void expect_up_to_date(const std::string& here, const std::string& config, const std::vector<std::string>& more = {}) {
    auto options = more;
    const auto state = millesime("status", here, config, options);
    EXPECT_THAT(state.out, Not(HasSubstr("to run"))) << "status " << config << " in " << here << "\n" << state.out << state.err;
    options.push_back("--dry-run");
    const auto plan = millesime("run", here, config, options);
    EXPECT_THAT(plan.out, HasSubstr("\n0 to run, ")) << "run " << config << " in " << here << "\n" << plan.out << plan.err;
  }

  static std::string base;
};

std::string PlacesTest::base;

TEST_F(PlacesTest, HoweverItIsSpelledItIsTheSameProduction) {
  const std::string a = base + "/a";
  const auto made = millesime("run", a, "w/config.toml");
  ASSERT_EQ(made.code, 0) << made.err;
  expect_up_to_date(a, "w/config.toml");
  expect_up_to_date(a, "./w/config.toml");
  expect_up_to_date(a, "../a/w/../w/config.toml");
  expect_up_to_date(a, a + "/w/config.toml");
  expect_up_to_date(a + "/w", "config.toml");
  expect_up_to_date("/", a + "/w/config.toml");
  fs::create_directory_symlink(a, base + "/link");
  expect_up_to_date(base, "link/w/config.toml");
  expect_up_to_date(base + "/link/w", "config.toml");
  fs::remove(base + "/link");
  // Copied with its times, as rsync -a does; and moved.
  const auto copied = std::system(("cp -a '" + a + "' '" + base + "/b'").c_str());
  ASSERT_EQ(copied, 0);
  expect_up_to_date(base, "b/w/config.toml");
  fs::create_directories(base + "/deep/er");
  fs::rename(base + "/b", base + "/deep/er/c");
  expect_up_to_date("/", base + "/deep/er/c/w/config.toml");
  // The images alone, elsewhere.
  fs::rename(base + "/deep/er/c/w/l2a", base + "/images");
  expect_up_to_date(base, "deep/er/c/w/config.toml", {"--set", "source.root=images"});
  const auto mended = millesime("run", base, "deep/er/c/w/config.toml",
                                {"--set", "source.root=images", "--from", "classify", "--to", "classify", "--force", "--quiet"});
  EXPECT_EQ(mended.code, 0) << mended.err;
  expect_up_to_date(base, "deep/er/c/w/config.toml", {"--set", "source.root=images"});
  // No manifest and no product knows where it was made.
  for (const auto& entry : fs::recursive_directory_iterator(a + "/w/out/2021"))
    if (entry.is_regular_file() && entry.path().filename() != "effective.toml") {
      EXPECT_THAT(read_text(entry.path()), Not(HasSubstr(base))) << entry.path();
    }
}

TEST_F(PlacesTest, WhatAFileSystemLacksIsWorkedAroundAndSaid) {
  if (!has_plain_disk()) GTEST_SKIP() << "no preloaded library with sanitizers";
  const std::string a = base + "/a";
  ASSERT_EQ(millesime("run", a, "w/config.toml", {"--out", base + "/usual", "--quiet"}).code, 0);
  struct Case {
    std::string lacking, told;
  };
  for (const auto& [lacking, told] : {Case{"flock", "no locks of its own"}, Case{"fsync", "cannot flush folders"},
                                      Case{"links", "no symbolic links"}, Case{"flock fsync exchange links", "no locks of its own"}}) {
    fs::remove_all(base + "/plain");
    const std::vector<std::string> out{"--out", base + "/plain"};
    const auto made = millesime("run", a, "w/config.toml", out, plain_disk(lacking));
    ASSERT_EQ(made.code, 0) << lacking << ": " << made.err;
    EXPECT_THAT(made.err, HasSubstr(told)) << lacking;
    for (const char* name : {"OCS_2021.tif", "report.html", "OCS_2021.json"})
      EXPECT_EQ(checksum(base + "/plain", name), checksum(base + "/usual", name)) << lacking;
    const auto again = millesime("run", a, "w/config.toml", out, plain_disk(lacking));
    EXPECT_THAT(again.err, HasSubstr("0 units run")) << lacking << again.err;
    for (const auto& entry : fs::recursive_directory_iterator(base + "/plain"))
      for (const char* remains : {".partial-", ".held", ".lock.task", ".replaced-"})
        EXPECT_THAT(entry.path().filename().string(), Not(HasSubstr(remains))) << lacking;
  }
  // A cube that replaces another one.
  for (int i = 0; i < 2; ++i) {
    const auto cube = run_program({"stack", a + "/w/config.toml", "--tiles", "T31TCJ", "-o", base + "/cubes", "--quiet"}, -1,
                                  plain_disk("flock fsync exchange links"));
    EXPECT_EQ(cube.code, 0) << cube.err;
  }
  EXPECT_TRUE(fs::exists(base + "/cubes/T31TCJ.zarr/.zmetadata"));
  EXPECT_EQ(std::distance(fs::directory_iterator(base + "/cubes"), fs::directory_iterator()), 2) << "the cube and the lock";
}

TEST_F(PlacesTest, AGroupSharesAnOutputFolder) {
  const std::string folder = base + "/shared",
                    check = "setpriv --reuid=5001 --regid=5000 --clear-groups test -x '" + testing::binary() + "'";
  if (::geteuid() != 0 || std::system((check + " 2>/dev/null").c_str()) != 0)
    GTEST_SKIP() << "needs root and a program that others may run";
  fs::create_directories(folder);
  ASSERT_EQ(std::system(("chgrp 5000 '" + folder + "' && chmod 2775 '" + folder + "' && chmod -R a+rX '" + base + "'").c_str()), 0);
  const auto as = [&](int user, const std::vector<std::string>& more) {
    std::string line =
        join_text("umask 002; export HOME=/tmp; exec setpriv --reuid=", user, " --regid=5000 --clear-groups '", testing::binary(),
                  "' run '", base, "/a/w/config.toml' --out '", folder, "/out' --set model.name=random_forest --set train.trees=5 --quiet");
    for (const auto& word : more) line += " " + word;
    return std::system(("(" + line + ") >'" + base + "/told' 2>&1").c_str());
  };
  EXPECT_EQ(as(5001, {}), 0) << read_text(base + "/told");
  EXPECT_EQ(as(5002, {}), 0) << read_text(base + "/told");
  EXPECT_EQ(as(5002, {"--force", "--from", "mosaic"}), 0) << read_text(base + "/told");
  EXPECT_EQ(as(5001, {"--force"}), 0) << read_text(base + "/told");
}

}  // namespace
}  // namespace millesime
