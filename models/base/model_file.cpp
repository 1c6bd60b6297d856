#include "models/base/model_file.h"

#include "pipeline/core/error.h"
#include "pipeline/core/safetensors.h"

namespace millesime {
namespace {

constexpr const char* kSpecKey = "millesime.model";

}  // namespace

std::int64_t ModelFile::parameters() const {
  std::size_t n = 0;
  for (const auto& [name, tensor] : tensors) n += tensor.values.size();
  for (const auto& [name, tensor] : integers) n += tensor.values.size();
  return static_cast<std::int64_t>(n);
}

ModelFile ModelFile::read(const std::string& path) {
  const SafetensorsFile file = SafetensorsFile::open(path);
  const auto text = file.metadata().find(kSpecKey);
  if (text == file.metadata().end())
    throw UserError(join_text(path, ": no model of this program: its metadata lack \"", kSpecKey, "\" (a samples file?)"));
  const auto json = nlohmann::json::parse(text->second, nullptr, false);
  if (json.is_discarded()) throw UserError(join_text(path, ": metadata \"", kSpecKey, "\" is not JSON; the file is damaged"));

  ModelFile model;
  model.path = path;
  model.spec = ModelSpec::from_json(json, path);
  for (const auto& name : file.names()) {
    const TensorView& view = file.view(name);
    if (view.type == TensorType::f32)
      model.tensors[name] = {view.shape, file.vector<float>(name, view.shape)};
    else if (view.type == TensorType::i32)
      model.integers[name] = {view.shape, file.vector<std::int32_t>(name, view.shape)};
    else
      throw UserError(join_text(path, ": tensor \"", name, "\": expected 32-bit floats or integers"));
  }
  return model;
}

void ModelFile::write(const std::string& file) const {
  SafetensorsWriter writer;
  writer.metadata(kSpecKey, spec.to_json().dump());
  for (const auto& [name, tensor] : tensors) writer.add(name, tensor.shape, tensor.values.data());
  for (const auto& [name, tensor] : integers) writer.add(name, tensor.shape, tensor.values.data());
  writer.write(file);
}

}  // namespace millesime
