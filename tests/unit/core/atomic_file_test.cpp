#include "pipeline/core/atomic_file.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/error.h"
#include "pipeline/core/special_file.h"
#include "tests/support/as_nobody.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::temp_dir;
using ::testing::ThrowsMessage;

std::vector<std::string> files_of(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names;
}

void write_plain(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

TEST(AtomicFile, TheOldFileStaysUntilCommit) {
  const std::string folder = temp_dir(), path = folder + "/map.tif";
  write_plain(path, "old");
  AtomicFile file(path);
  EXPECT_EQ(file.path(), path);
  EXPECT_EQ(fs::path(file.temporary()).parent_path(), folder);
  EXPECT_THAT(file.temporary(), EndsWith("map.tif"));  // GDAL chooses its driver by the extension
  EXPECT_EQ(fs::path(file.temporary()).filename().string()[0], '.');
  write_plain(file.temporary(), "new");
  EXPECT_EQ(read_text(path), "old");
  file.commit();
  EXPECT_EQ(read_text(path), "new");
  EXPECT_THAT(files_of(folder), ElementsAre("map.tif"));
}

TEST(AtomicFile, WithoutCommitNothingChangesAndNothingIsLeft) {
  const std::string folder = temp_dir(), path = folder + "/map.tif";
  write_plain(path, "old");
  {
    AtomicFile file(path);
    write_plain(file.temporary(), "new");
    write_plain(file.temporary() + ".aux.xml", "what GDAL puts beside it");
  }
  EXPECT_EQ(read_text(path), "old");
  EXPECT_THAT(files_of(folder), ElementsAre("map.tif"));
}

TEST(AtomicFile, TheFolderIsMade) {
  const std::string path = temp_dir() + "/a/b/c.txt";
  write_text(path, "text");
  EXPECT_EQ(read_text(path), "text");
}

TEST(OutputFolder, WhatWasMadeForNothingIsRemoved) {
  const std::string folder = temp_dir();
  fs::create_directory(folder + "/there");
  const auto begin = [](const std::string& output) {
    const OutputFolder outputs(output);
    const AtomicFile file(output + "/map.tif");
    write_plain(file.temporary(), "half");
    return fs::exists(file.temporary());
  };
  EXPECT_TRUE(begin(folder + "/there"));
  EXPECT_TRUE(fs::is_empty(folder + "/there"));
  for (const char* output : {"/new/and/deep", "/new/and/deep/"}) {
    EXPECT_TRUE(begin(folder + output));
    EXPECT_FALSE(fs::exists(folder + "/new"));
  }
  {
    const OutputFolder outputs(folder + "/new/one");
    write_text(folder + "/new/one/map.txt", "done");
  }
  EXPECT_EQ(read_text(folder + "/new/one/map.txt"), "done");
}

TEST(AtomicFile, TwoWritersOfOnePathDoNotShareATemporaryFile) {
  const std::string path = temp_dir() + "/map.tif";
  const AtomicFile one(path), other(path);
  EXPECT_NE(one.temporary(), other.temporary());
}

TEST(AtomicFile, ReasonsAreTold) {
  const std::string folder = temp_dir();
  write_plain(folder + "/file", "");
  EXPECT_THAT([&] { AtomicFile(folder + "/file/map.tif"); }, ThrowsMessage<UserError>(HasSubstr("/file: cannot create this folder: ")));

  AtomicFile unwritten(folder + "/map.tif");
  EXPECT_THAT([&] { unwritten.commit(); }, ThrowsMessage<UserError>(HasSubstr("No such file")));

  fs::create_directories(folder + "/folder/full");
  AtomicFile file(folder + "/folder");
  write_plain(file.temporary(), "text");
  EXPECT_THAT([&] { file.commit(); },
              ThrowsMessage<UserError>(HasSubstr(folder + "/folder: cannot rename the finished file to this name: Is a directory")));
}

TEST(AtomicFile, WhatIsNoFileIsNotReplaced) {
  const std::string pipe = temp_dir() + "/pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT([&] { write_text(pipe, "x"); },
              ThrowsMessage<UserError>(HasSubstr("/pipe: is a named pipe, which the output would replace")));
  EXPECT_TRUE(fs::is_fifo(pipe));
  EXPECT_THAT([&] { read_text(pipe); }, ThrowsMessage<UserError>(HasSubstr("/pipe: is a named pipe; expected a file")));
}

TEST(AtomicFile, TextsAreReadAsTheyWereWritten) {
  const std::string path = temp_dir() + "/text";
  for (const std::string& text : {std::string(), std::string("\r\n\n"), std::string("a\0b", 3), std::string(100'000, 'x')}) {
    write_text(path, text);
    EXPECT_EQ(read_text(path), text);
  }
  EXPECT_THAT([&] { read_text(path + "/none"); }, ThrowsMessage<UserError>(EndsWith("/none: cannot be read")));
  EXPECT_THAT([&] { read_text(temp_dir()); }, ThrowsMessage<UserError>(HasSubstr("cannot be read")));
}

TEST(AtomicFile, WhatAKilledProcessLeavesIsRemoved) {
  const std::string folder = temp_dir(), path = folder + "/deep/map.tif";
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    AtomicFile file(path);
    write_plain(file.temporary(), "half");
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  write_plain(folder + "/deep/kept.tif", "");
  ASSERT_EQ(files_of(folder + "/deep").size(), 2u);
  EXPECT_FALSE(fs::exists(path));
  remove_abandoned(folder);
  EXPECT_THAT(files_of(folder + "/deep"), ElementsAre("kept.tif"));
  remove_abandoned(folder + "/none");  // nothing to do
}

TEST(AtomicFile, WhatCannotBeWrittenIsKnownBeforehand) {
  const std::string folder = temp_dir();
  const auto message = [](const std::string& path) { return testing::message_of([&] { require_writable(path); }); };
  EXPECT_EQ(message(folder + "/new/deep/file"), "no error");
  EXPECT_FALSE(fs::exists(folder + "/new"));
  write_plain(folder + "/file", "");
  EXPECT_EQ(message(folder + "/file"), "no error") << "it is replaced";
  EXPECT_THAT(message(folder), ::testing::HasSubstr("is a folder"));
  EXPECT_THAT(message(folder + "/file/model"), ::testing::HasSubstr(folder + "/file is no folder"));
  EXPECT_THAT(message("/dev/null"), ::testing::HasSubstr("a device"));
  fs::create_directories(folder + "/closed");
  fs::permissions(folder + "/closed", fs::perms::owner_read | fs::perms::owner_exec);
  const testing::AsNobody nobody(folder);
  EXPECT_THAT(message(folder + "/closed/model"), ::testing::HasSubstr("Permission denied"));
}

TEST(AtomicFile, WhatALivingProcessWritesIsNotAbandoned) {
  const std::string folder = temp_dir();
  const pid_t ended = ::fork();
  if (ended == 0) ::_exit(0);
  ::waitpid(ended, nullptr, 0);
  const std::string living = join_text(".partial-", ::getppid(), "-0-map.tif");
  write_plain(folder + "/" + living, "");
  write_plain(join_text(folder, "/.partial-", ended, "-0-map.tif"), "");
  write_plain(join_text(folder, "/.partial-", ::getpid(), "-0-map.tif"), "");
  remove_abandoned(folder, Depth::this_folder);
  EXPECT_THAT(files_of(folder), ElementsAre(living));
}

TEST(AtomicFile, OnlyTheAbandonedFilesOfOneOutputAreRemoved) {
  const std::string folder = temp_dir();
  const std::vector<std::string> others{".partial-1-0-1-map.tif",      ".partial-1-0-other.tif", ".partial-1-map.tif",
                                        ".partial-1-0-map.tif.backup", ".partial-x-0-map.tif",   "map.tif"};
  for (const auto& name : others) write_plain(folder + "/" + name, "");
  for (const auto* name : {".partial-1-0-map.tif", ".partial-12345-67-map.tif", ".partial-1-0-map.tif.aux.xml"})
    write_plain(folder + "/" + name, "");
  remove_abandoned_of(folder + "/map.tif");
  auto kept = others;
  std::ranges::sort(kept);
  EXPECT_EQ(files_of(folder), kept);
}

}  // namespace
}  // namespace millesime
