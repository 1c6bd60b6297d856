#pragma once
// A model is one .safetensors file: named weights, and the ModelSpec as JSON under the metadata key "millesime.model". No code inside. An
// ensemble has its members' specs as a list under "millesime.members", and their tensors under names that begin with "<position>/".
// models/README.md shows how to read it from Python. The exception: TorchScript programs of others (models/TORCHSCRIPT.md).

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "models/base/model_spec.h"

namespace millesime {

struct FloatTensor {
  std::vector<std::int64_t> shape;
  std::vector<float> values;  // row by row
};

struct IntegerTensor {
  std::vector<std::int64_t> shape;
  std::vector<std::int32_t> values;
};

// Whether code in a file may run. A TorchScript program can read, write and send everything that its user can.
enum class Trust { data_only, programs };

inline constexpr const char* kScript = "torchscript";  // ModelSpec::architecture of such a program

struct ModelFile {
  std::string path;  // where it was read from, for messages; "" for a new one
  ModelSpec spec;
  std::map<std::string, FloatTensor> tensors;
  std::map<std::string, IntegerTensor> integers;
  std::vector<ModelFile> members;  // of an ensemble (models/base/ensemble.h), which has no tensors of its own; none otherwise
  std::string script;              // a TorchScript program (.pt) instead of tensors; "" otherwise

  std::int64_t parameters() const;  // numbers in all tensors
  // UserError with the file's name for any inconsistency. Of a program only the JSON file is read here; load_classifier runs it.
  static ModelFile read(const std::string& path, Trust trust = Trust::data_only);
  void write(const std::string& file) const;  // atomic; same content, same bytes
};

}  // namespace millesime
