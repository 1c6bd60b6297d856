#pragma once
// A folder for one test, wiped when the test starts and kept for inspection after it.

#include <string>

namespace millesime::testing {

// build/<preset>/tests/folders/<ctest name>/<suite>.<test> under ctest, else <system temporary
// folder>/millesime-tests-<user>/<suite>.<test>
std::string temp_dir();

// Environment: the program under test and the source tree (set by ctest).
std::string binary();
std::string source_folder();

}  // namespace millesime::testing
