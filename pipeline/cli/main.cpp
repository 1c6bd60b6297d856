// The program: chooses a command, runs it, and is the one place that catches errors.

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <stdexcept>
#include <string_view>

#include "kernels/base/device_error.h"
#include "pipeline/cli/command.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/core/version.h"

namespace millesime {
namespace {

// "--tile" for "--tiles", "classfy" for "classify": the nearest name that the command knows.
std::string suggestion(const CLI::App& app, int argc, char** argv) {
  const CLI::App* command = &app;
  while (!command->get_subcommands().empty()) command = command->get_subcommands().front();
  std::vector<std::string> known;
  for (const auto* option : command->get_options())
    for (const auto& name : option->get_lnames()) known.push_back("--" + name);
  for (const auto* subcommand : command->get_subcommands([](const CLI::App*) { return true; })) known.push_back(subcommand->get_name());
  for (int i = 1; i < argc; ++i) {
    const std::string word = split_text(argv[i], '=').front();
    if (word == command->get_name() || std::ranges::find(known, word) != known.end()) continue;
    const bool candidate = word.starts_with("--") || (i == 1 && command == &app);
    if (const std::string near = nearest_name(word, known); candidate && !near.empty()) return word + ": did you mean " + near + "? ";
  }
  return "";
}

int report(const char* kind, const std::string& message, int code) {
  std::fprintf(stderr, "millesime: %s: %s\n", kind, message.c_str());
  return code;
}

int run_program(int argc, char** argv) {
  CLI::App app{"Yearly land-cover maps of whole countries from Sentinel-2 time series.", "millesime"};
  app.set_version_flag("--version", "millesime " + version());
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  Invocation invocation;
  for (const auto& add : {add_run,        add_status,  add_submit,       add_catalog,  add_samples, add_stack,   add_train,    add_ensemble,
                          add_evaluate,   add_predict, add_benchmark,    add_classify, add_fuse,    add_mosaic,  add_validate, add_compare,
                          add_regularise, add_publish, add_nomenclature, add_model,    add_config,  add_simulate})
    add(app, invocation);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {  // --help, --version
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    return report("error", suggestion(app, argc, argv) + error.what() + "; --help lists commands and options", kExitUserError);
  }
  return invocation.action();
}

// Between two kernels OpenMP's threads spin, on cores that the readers could use (a quarter of the processor's time if there are as many
// threads as cores). libgomp reads the environment when it is loaded, so the program starts itself once more with the variable set; if
// that fails, it continues without it.
void let_idle_threads_sleep(char** argv) {
  if (::getenv("OMP_WAIT_POLICY") || ::setenv("OMP_WAIT_POLICY", "passive", 1) != 0) return;
  ::execv("/proc/self/exe", argv);
}

}  // namespace
}  // namespace millesime

int main(int argc, char** argv) {
  using namespace millesime;
  if (argc > 1 &&
      (std::string_view(argv[1]) == "run" || std::string_view(argv[1]) == "classify" || std::string_view(argv[1]) == "regularise"))
    let_idle_threads_sleep(argv);
  // Buffers of a window are allocated and freed many times: kept by the process, they cause no page faults (3 to 8 s of the system's
  // time, of 12 to 16 s, for a tile of 1024 x 1024 px and 30 dates). 32 MiB is the maximum of glibc.
  ::mallopt(M_MMAP_THRESHOLD, 32 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 256 << 20);
  try {
    return run_program(argc, argv);
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
