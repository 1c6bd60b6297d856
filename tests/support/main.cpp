// The main of every test binary. --source=x_test.cpp runs the tests that stand in that file: ctest has an entry a file, while the files of
// a folder share a binary. Skipped tests are reported as such to ctest (exit 77 when nothing else ran).

#include <filesystem>
#include <iostream>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace {

// The tests of one source file, as GoogleTest's filter names them.
std::string filter_of_source(const std::filesystem::path& source) {
  std::string filter;
  const auto& all = *::testing::UnitTest::GetInstance();
  for (int s = 0; s < all.total_test_suite_count(); ++s) {
    const auto& suite = *all.GetTestSuite(s);
    for (int t = 0; t < suite.total_test_count(); ++t) {
      const auto& test = *suite.GetTestInfo(t);
      if (std::filesystem::path(test.file()).filename() != source.filename()) continue;
      filter += std::string(suite.name()) + "." + test.name() + ":";
    }
  }
  return filter;
}

}  // namespace

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  constexpr std::string_view option = "--source=";
  std::string wanted;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const std::string filter = argument.starts_with(option) ? filter_of_source(argument.substr(option.size())) : "";
    if (filter.empty()) {
      std::cerr << argv[0] << ": expected --source=FILE, a source that has tests in this binary, got " << argument << "\n";
      return 2;
    }
    wanted += filter;
  }
  if (!wanted.empty()) ::testing::GTEST_FLAG(filter) = wanted;
  const int failed = RUN_ALL_TESTS();
  const auto& run = *::testing::UnitTest::GetInstance();
  if (failed == 0 && run.skipped_test_count() > 0 && run.successful_test_count() == 0) return 77;
  return failed;
}
