#include <filesystem>
#include <system_error>

#include "models/base/training.h"
#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"

namespace millesime {

std::string second_checkpoint(const std::string& first) { return first.empty() ? "" : first + "2"; }

Precision precision_of(const std::string& text) {
  if (text == "auto") return Precision::automatic;
  if (text == "float32") return Precision::float32;
  if (text == "bfloat16") return Precision::bfloat16;
  throw UserError(join_text("train.precision: expected auto, float32 or bfloat16, got \"", text, "\""));
}

void remove_checkpoint(const std::string& checkpoint) {
  std::error_code ignored;
  for (const auto& file : {checkpoint, second_checkpoint(checkpoint)}) {
    std::filesystem::remove(file, ignored);
    remove_abandoned_of(file);
  }
}

}  // namespace millesime
