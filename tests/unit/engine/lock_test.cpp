#include "pipeline/engine/lock.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/engine/lock_file.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A process that makes `file` and dies with it.
void make_and_die(const std::string& file) {
  const pid_t child = ::fork();
  if (child == 0) {
    std::string holder, abandoned;
    ::_exit(make_lock_file(file, holder, abandoned) ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
}

TEST(OutputLock, AGroupThatSharesAFolderSharesItsLock) {
  const std::string folder = testing::temp_dir() + "/out";
  const mode_t before = ::umask(002);
  { const OutputLock lock(folder); }
  ::umask(before);
  struct stat status {};
  ASSERT_EQ(::stat((folder + "/.lock").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0664u) << "what the umask leaves of 0666";
}

TEST(OutputLock, ALockFileThatMayOnlyBeReadStillLocks) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everything";
  const std::string folder = testing::temp_dir();
  write_text(folder + "/.lock", "");
  ASSERT_EQ(::chmod((folder + "/.lock").c_str(), 0444), 0);
  const OutputLock lock(folder);
  EXPECT_THROW(OutputLock(folder + ""), UserError);
}

TEST(LockFile, OneProcessHoldsItAndIsNamed) {
  const std::string file = testing::temp_dir() + "/.held";
  std::string holder, abandoned;
  ASSERT_TRUE(make_lock_file(file, holder, abandoned));
  EXPECT_FALSE(make_lock_file(file, holder, abandoned));
  EXPECT_THAT(holder, HasSubstr("process " + std::to_string(::getpid())));
  EXPECT_THAT(holder, HasSubstr(file)) << "what to remove where nobody can know whether it lives";
  remove_lock_file(file);
  EXPECT_TRUE(make_lock_file(file, holder, abandoned));
  EXPECT_EQ(abandoned, "");
}

TEST(LockFile, ThatOfADeadProcessOfThisHostIsTakenOver) {
  const std::string folder = testing::temp_dir(), file = folder + "/.held";
  make_and_die(file);
  EXPECT_TRUE(fs::exists(file));
  std::string holder, abandoned;
  EXPECT_TRUE(make_lock_file(file, holder, abandoned));
  EXPECT_THAT(abandoned, HasSubstr("process "));
  EXPECT_FALSE(make_lock_file(file, holder, abandoned));
  EXPECT_THAT(live_lock_files(folder, ".held"), SizeIs(1));
  for (const auto& entry : fs::directory_iterator(folder)) EXPECT_EQ(entry.path(), file) << "left behind";
}

TEST(LockFile, OfAnotherHostNobodyCanKnowThatItDied) {
  const std::string file = testing::temp_dir() + "/.held";
  write_text(file, "process 1 on elsewhere since 2021-01-01 00:00:00 UTC\nelsewhere\n1 17\n");
  std::string holder, abandoned;
  EXPECT_FALSE(make_lock_file(file, holder, abandoned));
  EXPECT_THAT(holder, HasSubstr("on elsewhere"));
}

TEST(LockFile, ALaterProcessOfTheSameNumberIsNotTheHolder) {
  const std::string folder = testing::temp_dir(), file = folder + "/.held";
  std::string holder, abandoned;
  ASSERT_TRUE(make_lock_file(file, holder, abandoned));
  std::string text = read_text(file);  // its last line: number and start of the process
  text.replace(text.rfind(' ') + 1, std::string::npos, "1\n");
  write_text(file, text);
  EXPECT_THAT(live_lock_files(folder, ".held"), IsEmpty());
}

}  // namespace
}  // namespace millesime
