#include "tests/support/temp_dir.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include <gtest/gtest.h>

namespace millesime::testing {
namespace fs = std::filesystem;

std::string temp_dir() {
  const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
  std::string name = std::string(info->test_suite_name()) + "." + info->name();
  std::ranges::replace(name, '/', '_');
  const char* given = std::getenv("MILLESIME_TEST_FOLDER");
  const fs::path all = given ? fs::path(given) : fs::temp_directory_path() / ("millesime-tests-" + std::to_string(::getuid()));
  const fs::path folder = all / name;
  static std::string prepared;
  if (prepared != folder) {
    fs::remove_all(folder);
    fs::create_directories(folder);
    prepared = folder;
  }
  return folder;
}

static std::string from_environment(const char* name) {
  const char* value = std::getenv(name);
  if (!value) throw std::runtime_error(std::string(name) + " is not set; run the tests with ctest or scripts/test");
  return value;
}

std::string binary() { return from_environment("MILLESIME_BINARY"); }
std::string source_folder() { return from_environment("MILLESIME_SOURCE"); }

}  // namespace millesime::testing
