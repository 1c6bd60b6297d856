#include "pipeline/core/file_set.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/manifest.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

std::vector<std::string> entries(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names;
}

std::string publish(const std::string& folder, const std::map<std::string, std::string>& files, const std::string& id,
                    SetForm form = SetForm::linked) {
  FileSet set(folder, form);
  for (const auto& [name, text] : files) write_text(set.staging() + "/" + name, text);
  return set.commit(id);
}

TEST(FileSet, ChangesAllFilesInOneStep) {
  const std::string folder = testing::temp_dir();
  EXPECT_EQ(publish(folder, {{"map.tif", "old map"}, {"report.html", "old report"}}, "1"), "");
  EXPECT_EQ(read_text(folder + "/map.tif"), "old map");
  {
    FileSet set(folder, SetForm::linked);
    write_text(set.staging() + "/map.tif", "new map");
    write_text(set.staging() + "/report.html", "new report");
    EXPECT_EQ(read_text(folder + "/map.tif"), "old map");
    EXPECT_EQ(read_text(folder + "/report.html"), "old report");
    set.commit("2");
  }
  EXPECT_EQ(read_text(folder + "/map.tif"), "new map");
  EXPECT_EQ(read_text(folder + "/report.html"), "new report");
  EXPECT_THAT(entries(folder), ElementsAre(".products", ".products-2", "map.tif", "report.html")) << "nothing of the old set stays";
  EXPECT_EQ(fs::read_symlink(folder + "/map.tif"), ".products/map.tif") << "relative: the folder can be moved";
}

TEST(FileSet, WithoutCommitNothingChanges) {
  const std::string folder = testing::temp_dir();
  publish(folder, {{"map.tif", "old"}}, "1");
  {
    const FileSet set(folder, SetForm::linked);
    write_text(set.staging() + "/map.tif", "new");
  }
  EXPECT_EQ(read_text(folder + "/map.tif"), "old");
  EXPECT_THAT(entries(folder), ElementsAre(".products", ".products-1", "map.tif"));
}

TEST(FileSet, AFileThatIsNoLongerMadeGoes) {
  const std::string folder = testing::temp_dir();
  publish(folder, {{"map.tif", "1"}, {"accuracy.json", "1"}}, "1");
  write_text(folder + "/notes.txt", "somebody's");
  publish(folder, {{"map.tif", "2"}, {"uncertainty.tif", "2"}}, "2");
  EXPECT_THAT(entries(folder), ElementsAre(".products", ".products-2", "map.tif", "notes.txt", "uncertainty.tif"));
}

TEST(FileSet, PlainFilesOfAnEarlierVersionBecomeASet) {
  const std::string folder = testing::temp_dir();
  write_text(folder + "/map.tif", "old"), write_text(folder + "/report.html", "old");
  publish(folder, {{"map.tif", "new"}, {"report.html", "new"}}, "1");
  EXPECT_EQ(read_text(folder + "/map.tif") + read_text(folder + "/report.html"), "newnew");
  EXPECT_THAT(entries(folder), ElementsAre(".products", ".products-1", "map.tif", "report.html"));
}

TEST(FileSet, FoldersChangeWithTheFiles) {
  const std::string folder = testing::temp_dir();
  write_text(folder + "/vectors/31.gpkg", "plain"), write_text(folder + "/map.tif", "plain");
  publish(folder, {{"map.tif", "1"}, {"vectors/31.gpkg", "1"}}, "1");
  EXPECT_EQ(read_text(folder + "/map.tif") + read_text(folder + "/vectors/31.gpkg"), "11");
  EXPECT_EQ(fs::read_symlink(folder + "/vectors"), ".products/vectors");
  {
    FileSet set(folder, SetForm::linked);
    write_text(set.staging() + "/map.tif", "2"), write_text(set.staging() + "/vectors/32.gpkg", "2");
    EXPECT_EQ(read_text(folder + "/vectors/31.gpkg"), "1");
    set.commit("2");
  }
  EXPECT_THAT(entries(folder + "/vectors"), ElementsAre("32.gpkg"));
  EXPECT_THAT(entries(folder), ElementsAre(".products", ".products-2", "map.tif", "vectors"));
  publish(folder, {{"map.tif", "2"}, {"vectors/32.gpkg", "tampered"}}, "2");
  EXPECT_EQ(read_text(folder + "/vectors/32.gpkg"), "tampered") << "files in folders are compared, too";

  publish(folder + "/plain", {{"vectors/31.gpkg", "1"}}, "1", SetForm::plain_files);
  publish(folder + "/plain", {{"vectors/31.gpkg", "2"}}, "2", SetForm::plain_files);
  EXPECT_EQ(read_text(folder + "/plain/vectors/31.gpkg"), "2");
}

TEST(FileSet, AFolderThatHoldsSomethingElseIsNotReplaced) {
  const std::string folder = testing::temp_dir();
  write_text(folder + "/vectors/31.gpkg", "old"), write_text(folder + "/vectors/notes.txt", "somebody's");
  EXPECT_THAT(testing::message_of([&] { publish(folder, {{"vectors/31.gpkg", "new"}}, "1"); }), ::testing::HasSubstr("got also notes.txt"));
  EXPECT_EQ(read_text(folder + "/vectors/notes.txt") + read_text(folder + "/vectors/31.gpkg"), "somebody'sold");
}

TEST(FileSet, ACopyThatFollowedLinksIsReplacedToo) {
  const std::string folder = testing::temp_dir();
  publish(folder + "/out", {{"map.tif", "old"}}, "1");
  fs::copy(folder + "/out", folder + "/copy", fs::copy_options::recursive);
  ASSERT_TRUE(fs::is_directory(fs::symlink_status(folder + "/copy/.products")));
  publish(folder + "/copy", {{"map.tif", "new"}}, "2");
  EXPECT_EQ(read_text(folder + "/copy/map.tif"), "new");
  EXPECT_THAT(entries(folder + "/copy"), ElementsAre(".products", ".products-2", "map.tif"));
}

TEST(FileSet, TheSameSetAgainChangesNothing) {
  const std::string folder = testing::temp_dir();
  publish(folder, {{"map.tif", "same"}}, "1");
  publish(folder, {{"map.tif", "same"}}, "1");
  EXPECT_THAT(entries(folder), ElementsAre(".products", ".products-1", "map.tif"));
  write_text(folder + "/.products-1/map.tif", "tampered");
  publish(folder, {{"map.tif", "same"}}, "1");
  EXPECT_EQ(read_text(folder + "/map.tif"), "same");
}

TEST(FileSet, PlainFilesStayPlain) {
  const std::string folder = testing::temp_dir();
  write_text(folder + "/accuracy.json", "input");
  publish(folder, {{"map.tif", "map"}, {"accuracy.json", "with areas"}}, "1", SetForm::plain_files);
  EXPECT_THAT(entries(folder), ElementsAre("accuracy.json", "map.tif"));
  EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(folder + "/map.tif")));
  EXPECT_EQ(read_text(folder + "/accuracy.json"), "with areas");
}

TEST(ReplaceFolder, TakesThePlaceOfTheOldOne) {
  const std::string folder = testing::temp_dir(), cube = folder + "/a.zarr";
  write_text(folder + "/new/x", "1");
  replace_folder(folder + "/new", cube);
  write_text(folder + "/new/x", "2");
  replace_folder(folder + "/new", cube);
  EXPECT_EQ(read_text(cube + "/x"), "2");
  EXPECT_THAT(entries(folder), ElementsAre("a.zarr"));
}

TEST(ReplaceFolder, WhatAKillLeftAsideComesBack) {
  const std::string folder = testing::temp_dir(), cube = folder + "/a.zarr";
  write_text(folder + "/.replaced-a.zarr/x", "old");  // between the two steps of a file system that cannot exchange
  remove_abandoned(folder);
  EXPECT_EQ(read_text(cube + "/x"), "old");
  write_text(folder + "/.replaced-a.zarr/x", "older");  // after both
  remove_abandoned(folder);
  EXPECT_EQ(read_text(cube + "/x"), "old");
  EXPECT_THAT(entries(folder), ElementsAre("a.zarr"));
}

TEST(PathInManifest, DoesNotDependOnTheSpelling) {
  const std::string folder = testing::temp_dir();
  fs::create_directories(folder + "/w/out/2021/work");
  fs::create_directories(folder + "/elsewhere");
  fs::create_directory_symlink(folder + "/w", folder + "/link");
  for (const std::string& w : {folder + "/w", folder + "/w/../w/.", folder + "/link"}) {
    EXPECT_EQ(path_in_manifest(w + "/out/2021/work/x.json", w + "/out/2021", w + "/c.toml"), "work/x.json");
    EXPECT_EQ(path_in_manifest(w + "/ref/r.shp", w + "/out/2021", w + "/c.toml"), "ref/r.shp");
    EXPECT_EQ(path_in_manifest(folder + "/elsewhere/r.shp", w + "/out/2021", w + "/c.toml"),
              fs::canonical(folder + "/elsewhere").string() + "/r.shp");
  }
}

}  // namespace
}  // namespace millesime
