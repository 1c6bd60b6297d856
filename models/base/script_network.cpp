#include "models/base/script_network.h"

#include <exception>
#include <string>
#include <utility>
#include <vector>

#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/script.h>

#include "models/base/model_file.h"
#include "pipeline/core/error.h"

namespace millesime {
namespace {

// The last line of LibTorch's message; the others are the program's stack.
std::string reason(const std::exception& error) {
  const auto* told = dynamic_cast<const c10::Error*>(&error);
  std::string text = told ? told->what_without_backtrace() : error.what();
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

class ScriptNetwork : public Network {
 public:
  ScriptNetwork(const ModelFile& file, torch::Device device) : file_(file.path), n_classes_(file.spec.n_classes()) {
    try {
      program_ = torch::jit::load(file.script, device);
    } catch (const std::exception& error) {
      throw UserError(join_text(file.script, ": cannot be loaded as a TorchScript program: ", reason(error)));
    }
    program_.eval();
  }

  torch::Tensor forward(const NetworkInput& input) override {
    std::vector<torch::jit::IValue> arguments;
    for (const auto& s : input.series) {
      arguments.emplace_back(s.values);
      arguments.emplace_back(s.valid);
      arguments.emplace_back(s.days.expand({s.values.size(0), s.values.size(1)}));
    }
    if (input.statics.defined()) arguments.emplace_back(input.statics);
    // Without the optimiser that rewrites a program after its first calls: the result of a pixel must not depend on the number of earlier
    // calls.
    const torch::jit::GraphOptimizerEnabledGuard as_written(false);
    torch::jit::IValue answer;
    try {
      answer = program_.forward(std::move(arguments));
    } catch (const c10::OutOfMemoryError&) {
      throw;  // the caller continues in smaller parts
    } catch (const std::exception& error) {
      throw UserError(join_text(file_, ": the program failed: ", reason(error)));
    }
    if (!answer.isTensor()) throw UserError(join_text(file_, ": expected one tensor of logits, the program returned a ", answer.tagKind()));
    const auto logits = answer.toTensor();
    if (logits.sizes() != torch::IntArrayRef({input.pixels(), n_classes_}))
      throw UserError(join_text(file_, ": expected logits [", input.pixels(), ", ", n_classes_,
                                "] (samples, classes), the program returned ", c10::str(logits.sizes())));
    return logits.to(torch::kFloat32);
  }

 private:
  std::string file_;
  std::int64_t n_classes_;
  torch::jit::Module program_;
};

}  // namespace

std::shared_ptr<Network> load_script(const ModelFile& file, torch::Device device) { return std::make_shared<ScriptNetwork>(file, device); }

}  // namespace millesime
