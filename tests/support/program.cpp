#include "tests/support/program.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "tests/support/temp_dir.h"

namespace millesime::testing {
namespace {

std::string quoted(const std::string& argument) {
  std::string text = "'";
  for (const char c : argument) text += c == '\'' ? "'\\''" : std::string(1, c);
  return text + "'";
}

std::string content(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

}  // namespace

ProgramResult run_program(const std::vector<std::string>& arguments, int kill_after_ms, const std::string& limits) {
  static int runs = 0;  // also called outside of a test, where temp_dir() has no name
  const std::string base =
      (std::filesystem::temp_directory_path() / ("millesime-program-" + std::to_string(::getpid()) + "-" + std::to_string(runs++)))
          .string();
  const std::string out = base + ".out", err = base + ".err";
  std::string line = (limits.empty() ? "" : limits + "; ") + "exec " + quoted(binary());
  for (const auto& argument : arguments) line += " " + quoted(argument);
  line += " >" + quoted(out) + " 2>" + quoted(err) + " </dev/null";
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child == 0) {
    ::execl("/bin/bash", "bash", "-c", line.c_str(), nullptr);
    ::_exit(127);
  }
  int status = 0;
  if (kill_after_ms >= 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(kill_after_ms));
    ::kill(child, SIGKILL);
  }
  if (::waitpid(child, &status, 0) != child) throw std::runtime_error("waitpid failed");
  ProgramResult result{WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), content(out), content(err)};
  std::filesystem::remove(out);
  std::filesystem::remove(err);
  return result;
}

}  // namespace millesime::testing
