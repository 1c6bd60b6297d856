#pragma once
// TorchScript models of others: a program NAME.pt and beside it NAME.json, which describes its input and output (models/TORCHSCRIPT.md).
// Includes torch.

#include <memory>

#include "models/base/network.h"

namespace millesime {

// Runs the program, so only call it for trusted files (ModelFile::read). UserError if it cannot be loaded.
std::shared_ptr<Network> load_script(const ModelFile& file, torch::Device device);

}  // namespace millesime
