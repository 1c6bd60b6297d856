// millesime_fuzz: libFuzzer with the harness that MILLESIME_FUZZ_HARNESS names (scripts/fuzz).
//
//   millesime_fuzz --list                   the names of the harnesses
//   millesime_fuzz --write-corpus FOLDER    examples and dictionary of the harness: FOLDER/seed_0..., FOLDER.dict

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "pipeline/core/error.h"
#include "tests/fuzz/harness.h"

namespace {
using millesime::testing::FuzzHarness;
namespace fs = std::filesystem;

FuzzHarness chosen;

void write_corpus(const std::string& folder) {
  fs::create_directories(folder);
  for (std::size_t i = 0; i < chosen.seeds.size(); ++i)
    millesime::testing::input_file(folder, "seed_" + std::to_string(i), chosen.seeds[i]);
  std::ofstream dictionary(folder + ".dict");
  for (const std::string& word : chosen.words) {
    dictionary << '"';
    for (const char c : word) {
      char hex[5];
      std::snprintf(hex, sizeof hex, "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
      dictionary << hex;
    }
    dictionary << "\"\n";
  }
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  const std::string scratch = fs::temp_directory_path() / ("millesime-fuzz-" + std::to_string(::getpid()));
  fs::create_directories(scratch);
  const char* name = std::getenv("MILLESIME_FUZZ_HARNESS");
  const std::string first = *argc > 1 ? (*argv)[1] : "";
  for (const FuzzHarness& harness : millesime::testing::all_harnesses(scratch)) {
    if (first == "--list") std::printf("%s\n", harness.name.c_str());
    if (name && harness.name == name) chosen = harness;
  }
  static std::string remove_at_exit;
  remove_at_exit = scratch;
  std::atexit([] { fs::remove_all(remove_at_exit); });
  if (first == "--list") std::exit(0);
  if (!chosen.read) {
    std::fprintf(stderr, "MILLESIME_FUZZ_HARNESS must name a harness (--list), got \"%s\"\n", name ? name : "");
    std::exit(2);
  }
  if (first == "--write-corpus" && *argc > 2) {
    write_corpus((*argv)[2]);
    std::exit(0);
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  try {
    chosen.read(std::string(reinterpret_cast<const char*>(data), size));
  } catch (const millesime::UserError&) {  // refused as it should be
  }
  return 0;
}
