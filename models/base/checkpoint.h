#pragma once
// Checkpoint: all that an unfinished training needs to go on as if it had never stopped. Includes torch.

#include <map>
#include <optional>
#include <string>

#include <torch/types.h>
#include <nlohmann/json.hpp>

namespace millesime {

struct Checkpoint {
  std::string training;                          // fingerprint of recipe, spec and samples: another training does not go on from it
  nlohmann::json progress;                       // epochs, scores, learning curve
  std::map<std::string, torch::Tensor> tensors;  // weights, moments of the optimizer, states of generators; float, uint8 or int64
};

void write_checkpoint(const Checkpoint& checkpoint, const std::string& file);  // atomic

// Nothing where there is no such file, or one of another training. Tensors are on the host. UserError where it is damaged.
std::optional<Checkpoint> read_checkpoint(const std::string& file, const std::string& training);

}  // namespace millesime
