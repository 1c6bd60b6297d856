#include "models/base/networks_library.h"

#include <dlfcn.h>

#include <utility>

#include "models/arch/ltae.h"
#include "models/base/bfloat16_classifier.h"
#include "pipeline/core/error.h"

namespace millesime {

namespace {

constexpr const char* kFile = "libmillesime_networks.so";

// LD_PRELOAD and the sanitizers put another one before it.
bool allocates_by_libc() {
  void* const libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
  return libc && dlsym(libc, "malloc") == dlsym(RTLD_DEFAULT, "malloc");
}

const NetworksLibrary& load() {
  // GDAL brings a BLAS whose functions have the names of LibTorch's own, and which takes three times as long to learn: RTLD_DEEPBIND lets
  // LibTorch find its own. It would find libc's allocator, too, and memory would be given back to another one than it came from.
  const int binding = allocates_by_libc() ? RTLD_DEEPBIND : 0;
  void* const library = dlopen(kFile, RTLD_NOW | RTLD_LOCAL | binding);  // by the program's RUNPATH; never closed
  const auto table = library ? reinterpret_cast<decltype(&millesime_networks)>(dlsym(library, "millesime_networks")) : nullptr;
  if (!table) {
    const char* const why = dlerror();
    throw UserError(join_text("the networks, ", kFile, ", cannot be loaded: ", why ? why : "unknown reason",
                              "; the installation is incomplete: install again, or run the program from where it was built"));
  }
  return *table();
}

const NetworksLibrary& networks() {
  static const NetworksLibrary& library = load();
  return library;
}

}  // namespace

std::unique_ptr<Classifier> load_classifier(const ModelFile& file, const Device& device, int threads) {
  return networks().load_classifier(file, device, threads);
}

std::unique_ptr<Classifier> load_bfloat16_classifier(const ModelFile& file, const Device& device, int threads) {
  return networks().load_bfloat16_classifier(file, device, threads);
}

std::vector<LtaeWeights> ltae_weights(const ModelFile& file) { return networks().ltae_weights(file); }

std::vector<float> ltae_positions(const std::vector<float>& days, int head_width) { return networks().ltae_positions(days, head_width); }

ModelFile train_held_out(ModelSpec spec, const InputTable& samples, const InputTable& held_out, const Recipe& recipe,
                         const TrainingRun& run) {
  return networks().train_held_out(std::move(spec), samples, held_out, recipe, run);
}

ModelFile learn_again(const ModelFile& first, const InputTable& input, const Recipe& recipe, const TrainingRun& run) {
  return networks().learn_again(first, input, recipe, run);
}

ModelFile untrained_network(const ModelSpec& spec, std::int64_t seed) { return networks().untrained_network(spec, seed); }

}  // namespace millesime
