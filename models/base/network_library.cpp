#include "models/base/network_library.h"

#include <dlfcn.h>

#include "pipeline/core/error.h"

extern "C" __attribute__((weak)) const millesime::NetworkLibrary* millesime_network_library();

namespace millesime {
namespace {

constexpr const char* kNetworkLibrary = "libmillesime_networks.so";  // beside the program's other libraries: its run path finds it

const NetworkLibrary& load_network_library() {
  if (millesime_network_library) return *millesime_network_library();
  void* const file = ::dlopen(kNetworkLibrary, RTLD_NOW | RTLD_LOCAL);
  void* const entry = file ? ::dlsym(file, "millesime_network_library") : nullptr;
  if (!entry)
    throw UserError(join_text(kNetworkLibrary, ", which learns and applies networks, cannot be loaded: ", ::dlerror(),
                              "; build or install the program again (a random forest works without it)"));
  return *reinterpret_cast<decltype(&millesime_network_library)>(entry)();
}

const NetworkLibrary& network_library() {
  static const NetworkLibrary& loaded = load_network_library();
  return loaded;
}

}  // namespace

ModelFile train_network(const ModelSpec& spec, const InputTable& learn, const InputTable& held_out, const Recipe& recipe,
                        const TrainingRun& run) {
  return network_library().train(spec, learn, held_out, recipe, run);
}

ModelFile train_held_out(ModelSpec spec, const InputTable& samples, const InputTable& held_out, const Recipe& recipe,
                         const TrainingRun& run) {
  return network_library().train_on(std::move(spec), samples, held_out, recipe, run);
}

ModelFile learn_again(const ModelFile& first, const InputTable& input, const Recipe& recipe, const TrainingRun& run) {
  return network_library().again(first, input, recipe, run);
}

ModelFile untrained_network(const ModelSpec& spec, std::int64_t seed) { return network_library().untrained(spec, seed); }

std::unique_ptr<Classifier> load_classifier(const ModelFile& file, const Device& device, int threads) {
  return network_library().classifier(file, device, threads);
}

std::unique_ptr<Classifier> load_bfloat16_classifier(const ModelFile& file, const Device& device, int threads) {
  return network_library().bfloat16(file, device, threads);
}

std::vector<LtaeWeights> ltae_weights(const ModelFile& file) { return network_library().weights(file); }

std::vector<float> ltae_positions(const std::vector<float>& days, int head_width) { return network_library().positions(days, head_width); }

}  // namespace millesime
