// The program: chooses a command, runs it, and is the one place that catches errors.

#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <iostream>
#include <new>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "kernels/base/device_error.h"
#include "pipeline/cli/command.h"
#include "pipeline/cli/usage.h"
#include "pipeline/core/error.h"
#include "pipeline/core/interruption.h"
#include "pipeline/core/json_text.h"
#include "pipeline/core/text.h"
#include "pipeline/core/version.h"

namespace millesime {
namespace {

// "--tile" for "--tiles", "classfy" for "classify", "config shwo" for "config show": the nearest name that the command knows.
std::string suggestion(const CLI::App& app, int argc, char** argv) {
  const CLI::App* command = &app;
  while (!command->get_subcommands().empty()) command = command->get_subcommands().front();
  std::vector<std::string> known;
  for (const auto* option : command->get_options())
    for (const auto& name : option->get_lnames()) known.push_back("--" + name);
  const auto subcommands = command->get_subcommands([](const CLI::App*) { return true; });
  for (const auto* subcommand : subcommands) known.push_back(subcommand->get_name());
  for (int i = 1; i < argc; ++i) {
    const std::string word = split_text(argv[i], '=').front();
    if (word == command->get_name() || std::ranges::find(known, word) != known.end()) continue;
    const bool names_command = !subcommands.empty() && (i == 1 || argv[i - 1] == command->get_name());
    const bool candidate = word.starts_with("--") || names_command;
    if (const std::string near = nearest_name(word, known); candidate && !near.empty()) return word + ": did you mean " + near + "? ";
  }
  return "";
}

int report(const char* kind, const std::string& message, int code) {
  std::fprintf(stderr, "millesime: %s: %s\n", kind, message.c_str());
  return code;
}

// Without the three standard streams the first files that are opened take their numbers, and messages would be written into them. Where
// standard output is closed, what stands in for it refuses to be written.
void keep_standard_streams_apart() {
  const auto closed = [](int stream) { return ::fcntl(stream, F_GETFD) < 0 && errno == EBADF; };
  for (const auto& [stream, mode] : {std::pair{STDIN_FILENO, O_WRONLY}, {STDOUT_FILENO, O_RDONLY}, {STDERR_FILENO, O_WRONLY}})
    if (closed(stream)) static_cast<void>(::open("/dev/null", mode));  // the lowest free number is this one
}

// What a command printed has to arrive: nobody reads results that a full disk swallowed.
void require_printed() {
  errno = 0;
  std::cout.flush();
  const bool flushed = std::fflush(stdout) == 0;
  if (flushed && std::ferror(stdout) == 0 && std::cout.good()) return;
  // An earlier write failed: one more says why.
  if (errno == 0 && ::write(STDOUT_FILENO, "\n", 1) == 1) errno = 0;
  throw UserError(join_text("standard output cannot be written", errno == 0 ? "" : join_text(" (", std::strerror(errno), ")"),
                            ": the results were not printed; what was written into files is whole"));
}

int run_program(int argc, char** argv) {
  CLI::App app{"Yearly land-cover maps of whole countries from Sentinel-2 time series.", "millesime"};
  app.set_version_flag("--version", "millesime " + version());
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  Program program;
  add_commands(app, program);
  app.add_flag_callback(
      "--json-usage",
      [&program] {
        std::cout << json_text(usage(program), 1) << "\n";
        throw CLI::Success();
      },
      "every command, option, stage, architecture, index, sensor and nomenclature, as JSON");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {  // --help, --version, --json-usage
    const int code = app.exit(success);
    require_printed();
    return code;
  } catch (const CLI::ParseError& error) {
    return report("error", suggestion(app, argc, argv) + error.what() + "; --help lists commands and options", kExitUserError);
  }
  const int code = program.action();
  require_printed();
  return code;
}

// Between two kernels OpenMP's threads spin, on cores that the readers could use (a quarter of the processor's time if there are as many
// threads as cores). libgomp reads the environment when it is loaded, so the program starts itself once more with the variable set; if
// that fails, it continues without it.
void let_idle_threads_sleep(char** argv) {
  if (::getenv("OMP_WAIT_POLICY") || ::setenv("OMP_WAIT_POLICY", "passive", 1) != 0) return;
  ::execv("/proc/self/exe", argv);
}

// Commands that go on from what is finished, and those that work long and remove what they began; others end at once when they are asked
// to.
bool goes_on(std::string_view command) { return command == "run" || command == "train" || command == "samples"; }
bool leaves_files_behind(std::string_view command) { return goes_on(command) || command == "classify" || command == "stack"; }

// LibTorch unregisters thousands of operators when the process ends (55 ms of 210 ms of a short command): everything of ours is closed by
// then, so the process ends at once. Under the sanitizers it ends in the ordinary way, which looks for leaks.
int leave(int code) {
#ifndef MILLESIME_SANITIZED
  std::cout.flush();
  std::fflush(nullptr);
  std::_Exit(code);
#endif
  return code;
}

int run_and_report(int argc, char** argv) {
  try {
    return run_program(argc, argv);
  } catch (const Interrupted& request) {
    std::fprintf(stderr, "millesime: %s; %s\n", request.what(),
                 goes_on(argv[1]) ? "what is finished is kept, and the same command goes on from there"
                                  : "no file is left half written, and the same command begins anew");
    return kExitInterrupted;
  } catch (const UserError& error) {
    return report("error", error.what(), kExitUserError);
  } catch (const DeviceError& error) {
    return report("error", error.what(), kExitUserError);
  } catch (const std::invalid_argument& error) {  // choose_device()
    return report("error", error.what(), kExitUserError);
  } catch (const std::bad_alloc&) {
    return report("error", "out of memory; use a smaller --memory, which makes windows smaller", kExitUserError);
  } catch (const std::exception& error) {
    return report("internal error", std::string(error.what()) + "; please report this", kExitBug);
  }
}

}  // namespace
}  // namespace millesime

int main(int argc, char** argv) {
  using namespace millesime;
  keep_standard_streams_apart();
  std::signal(SIGXFSZ, SIG_IGN);  // beyond a limit on the size of files (ulimit -f) a write fails, as on a full disk
  if (argc > 1 &&
      (std::string_view(argv[1]) == "run" || std::string_view(argv[1]) == "classify" || std::string_view(argv[1]) == "regularise"))
    let_idle_threads_sleep(argv);
  if (argc > 1 && leaves_files_behind(argv[1])) listen_for_interruption();
  // Buffers of a window are allocated and freed many times: kept by the process, they cause no page faults (3 to 8 s of the system's
  // time, of 12 to 16 s, for a tile of 1024 x 1024 px and 30 dates). 32 MiB is the maximum of glibc.
  ::mallopt(M_MMAP_THRESHOLD, 32 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 256 << 20);
  return leave(run_and_report(argc, argv));
}
