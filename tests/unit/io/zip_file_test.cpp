#include "pipeline/io/zip_file.h"

#include <gmock/gmock.h>

#include <chrono>
#include <filesystem>

#include <cpl_vsi.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {
namespace fs = std::filesystem;

std::string read_member(const std::string& archive, const std::string& name) {
  VSILFILE* file = VSIFOpenL(("/vsizip/" + archive + "/" + name).c_str(), "rb");
  if (!file) throw UserError(name + " is not in " + archive);
  std::string bytes(std::size_t{4} << 20, '\0');
  bytes.resize(VSIFReadL(bytes.data(), 1, bytes.size(), file));
  VSIFCloseL(file);
  return bytes;
}

class ZipFile : public ::testing::Test {
 protected:
  std::string in_folder(const std::string& name) const { return folder_ + "/" + name; }
  std::string file(const std::string& name, const std::string& bytes) {
    write_text(in_folder(name), bytes);
    return in_folder(name);
  }
  const std::string folder_ = testing::temp_dir();
};

TEST_F(ZipFile, HoldsEveryMemberByteForByte) {
  std::string large(2'500'001, '\0');  // more than two pieces
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 7 + i / 251);
  const std::string archive = in_folder("a.zip");
  write_zip(archive, {{"top/large.bin", file("large.bin", large)}, {"top/MASKS/empty.bin", file("empty.bin", "")}, {"b", file("b", "b")}});
  EXPECT_EQ(read_member(archive, "top/large.bin"), large);
  EXPECT_EQ(read_member(archive, "top/MASKS/empty.bin"), "");
  EXPECT_EQ(read_member(archive, "b"), "b");
}

TEST_F(ZipFile, BytesDependOnTheContentAlone) {
  const std::string member = file("member", "content");
  write_zip(in_folder("a.zip"), {{"member", member}});
  fs::last_write_time(member, fs::last_write_time(member) - std::chrono::hours(1000));
  write_zip(in_folder("b.zip"), {{"member", member}});
  EXPECT_EQ(read_text(in_folder("a.zip")), read_text(in_folder("b.zip")));
}

TEST_F(ZipFile, AMissingFileLeavesTheOldArchive) {
  const std::string archive = file("a.zip", "old"), gone = in_folder("gone");
  try {
    write_zip(archive, {{"gone", gone}});
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr(gone));
  }
  EXPECT_EQ(read_text(archive), "old");
}

}  // namespace
}  // namespace millesime
