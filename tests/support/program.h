#pragma once
// Runs the program under test as a user would.

#include <string>
#include <vector>

namespace millesime::testing {

struct ProgramResult {
  int code = -1;  // exit code; 128 + signal when it was killed
  std::string out, err;
};

// Runs the binary with these arguments. `kill_after_ms` >= 0 sends SIGKILL after that time. `limits` are shell commands that run before it,
// e.g. "ulimit -f 100".
ProgramResult run_program(const std::vector<std::string>& arguments, int kill_after_ms = -1, const std::string& limits = "");

}  // namespace millesime::testing
