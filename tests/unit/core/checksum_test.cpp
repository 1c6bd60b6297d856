#include "pipeline/core/checksum.h"

#include <chrono>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/error.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::temp_dir;
using ::testing::ThrowsMessage;

// xxhsum -H2 of the same bytes.
constexpr const char *kEmpty = "99aa06d3014798d86001c324468d497f", *kAbc = "06b05ab6733a618578af5f94892f3950";

TEST(Checksum, IsThatOfXxhsum) {
  EXPECT_EQ(xxh3(""), kEmpty);
  EXPECT_EQ(xxh3("abc"), kAbc);
}

TEST(Checksum, OfAFileIsThatOfItsBytes) {
  std::string bytes(3 * (1 << 20) + 5, 0);  // more than one buffer, and a rest
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>((i * i + 7) % 256);
  const std::string path = temp_dir() + "/file";
  for (const auto& [text, expected] :
       {std::pair<std::string, std::string>{"", kEmpty}, {"abc", kAbc}, {bytes, "2e757cea1d00f273f8a1480ded91ac8e"}}) {
    std::ofstream(path, std::ios::binary) << text;
    EXPECT_EQ(xxh3_of_file(path), expected);
    EXPECT_EQ(xxh3(text), expected);
  }
  EXPECT_THAT([&] { xxh3_of_file(path + ".none"); }, ThrowsMessage<UserError>(HasSubstr("file.none: cannot be opened for reading")));
  EXPECT_THAT([&] { xxh3_of_file(temp_dir()); }, ThrowsMessage<UserError>(HasSubstr("read error")));
}

TEST(Checksum, AFingerprintIsSizeTimeAndContent) {
  const std::string path = temp_dir() + "/file";
  std::ofstream(path) << "abc";
  fs::last_write_time(path, fs::file_time_type::clock::from_sys(std::chrono::system_clock::from_time_t(1'622'505'600)));
  const Fingerprint found = fingerprint(path);
  EXPECT_EQ(found, (Fingerprint{path, 3, 1'622'505'600'000'000'000, kAbc}));
  EXPECT_THAT([&] { fingerprint(path + ".none"); }, ThrowsMessage<UserError>(HasSubstr("file.none: cannot be read: No such file")));
}

TEST(Checksum, AKnownFileIsNotReadAgainUnlessSizeOrTimeHaveChanged) {
  const std::string path = temp_dir() + "/file";
  std::ofstream(path) << "abc";
  Fingerprint known = fingerprint(path);
  known.xxh3 = "as it was found before";
  EXPECT_EQ(fingerprint(path, known).xxh3, known.xxh3);

  Fingerprint other = known;
  other.bytes = 4;
  EXPECT_EQ(fingerprint(path, other).xxh3, kAbc);
  other = known;
  other.modified_ns += 1;
  EXPECT_EQ(fingerprint(path, other).xxh3, kAbc);
  other = known;
  other.xxh3.clear();  // nothing is known of the content
  EXPECT_EQ(fingerprint(path, other).xxh3, kAbc);
  EXPECT_EQ(fingerprint(path, other).path, path);
}

TEST(Checksum, AFileThatItsWriterReadBackIsNotReadAgainUntilItChanges) {
  const std::string path = temp_dir() + "/file", renamed = path + ".renamed";
  std::ofstream(path) << "abc";
  remember_read_back(path, {"what was found", "and its SHA-256"});
  EXPECT_EQ(fingerprint(path).xxh3, kAbc) << "a change that follows at once would not be seen";

  const auto at = [](std::time_t seconds) { return fs::file_time_type::clock::from_sys(std::chrono::system_clock::from_time_t(seconds)); };
  fs::last_write_time(path, at(1'622'505'600));
  remember_read_back(path, {"what was found", "and its SHA-256"});
  fs::rename(path, renamed);
  EXPECT_EQ(fingerprint(renamed).xxh3, "what was found");
  EXPECT_EQ(read_back_of(renamed).sha256, "and its SHA-256");
  std::ofstream(path) << "abc";  // another file of that name
  EXPECT_EQ(fingerprint(path).xxh3, kAbc);

  fs::last_write_time(renamed, at(1'622'505'601));
  EXPECT_EQ(fingerprint(renamed).xxh3, kAbc);
  EXPECT_EQ(read_back_of(renamed).sha256, "");
  EXPECT_EQ(read_back_of(path + ".none").xxh3, "");
}

TEST(Checksum, OfPartsIsThatOfTheWhole) {
  Xxh3 parts;
  parts.add("a"), parts.add(""), parts.add("bc");
  EXPECT_EQ(parts.finish(), kAbc);
}

}  // namespace
}  // namespace millesime
