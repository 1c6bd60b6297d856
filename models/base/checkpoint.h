#pragma once
// Checkpoint: everything that an interrupted training needs to continue with the same result. Includes torch.

#include <map>
#include <optional>
#include <string>

#include <torch/types.h>
#include <nlohmann/json.hpp>

namespace millesime {

struct Checkpoint {
  std::string training;                          // fingerprint of recipe, spec and samples: another training does not use it
  nlohmann::json progress;                       // epochs, scores, learning curve
  std::map<std::string, torch::Tensor> tensors;  // weights, moments of the optimizer, states of generators; float, uint8 or int64
};

void write_checkpoint(const Checkpoint& checkpoint, const std::string& file);  // atomic

// Empty if there is no such file, or if it is of another training. Tensors are on the host. UserError if it is damaged.
std::optional<Checkpoint> read_checkpoint(const std::string& file, const std::string& training);

}  // namespace millesime
