#include "models/base/checkpoint.h"

#include <filesystem>
#include <string_view>
#include <vector>

#include <torch/utils.h>

#include "pipeline/core/checksum.h"
#include "pipeline/core/error.h"
#include "pipeline/core/safetensors.h"

namespace millesime {
namespace {

constexpr const char *kTraining = "millesime.training", *kProgress = "progress", *kChecksum = "checksum";

TensorType type_of(const torch::Tensor& tensor) {
  if (tensor.scalar_type() == torch::kFloat32) return TensorType::f32;
  if (tensor.scalar_type() == torch::kInt64) return TensorType::i64;
  MILLESIME_CHECK(tensor.scalar_type() == torch::kUInt8, "a checkpoint has no tensors of type ", toString(tensor.scalar_type()));
  return TensorType::u8;
}

torch::ScalarType type_of(const TensorView& view, const std::string& file) {
  if (view.type == TensorType::f32) return torch::kFloat32;
  if (view.type == TensorType::i64) return torch::kInt64;
  if (view.type != TensorType::u8) throw UserError(join_text(file, ": a checkpoint of another format"));
  return torch::kUInt8;
}

std::string_view bytes_of(const void* data, std::size_t size) { return {static_cast<const char*>(data), size}; }

}  // namespace

void write_checkpoint(const Checkpoint& checkpoint, const std::string& file) {
  SafetensorsWriter writer;
  const std::string progress = checkpoint.progress.dump();
  std::string sums = xxh3(progress);
  std::vector<torch::Tensor> host;  // the writer does not copy
  host.reserve(checkpoint.tensors.size());
  for (const auto& [name, tensor] : checkpoint.tensors) {
    const auto& copy = host.emplace_back(tensor.detach().to(torch::kCPU).contiguous());
    writer.add(name, type_of(copy), copy.sizes().vec(), static_cast<const std::byte*>(copy.data_ptr()));
    sums += xxh3(bytes_of(copy.data_ptr(), copy.nbytes()));
  }
  writer.metadata(kTraining, checkpoint.training);
  writer.metadata(kProgress, progress);
  writer.metadata(kChecksum, xxh3(sums));
  writer.write(file);
}

std::optional<Checkpoint> read_checkpoint(const std::string& file, const std::string& training) {
  if (!std::filesystem::exists(file)) return std::nullopt;
  const auto stored = SafetensorsFile::open(file);
  const auto& texts = stored.metadata();
  for (const char* key : {kTraining, kProgress, kChecksum})
    if (!texts.contains(key)) throw UserError(join_text(file, ": not a checkpoint: its metadata lack \"", key, "\""));
  if (texts.at(kTraining) != training) return std::nullopt;
  Checkpoint checkpoint;
  checkpoint.training = training;
  std::string sums = xxh3(texts.at(kProgress));
  for (const auto& name : stored.names()) {
    const TensorView& view = stored.view(name);
    const auto type = type_of(view, file);
    auto tensor = torch::empty(view.shape, type);
    sums += xxh3(bytes_of(view.data, tensor.nbytes()));
    std::copy_n(view.data, tensor.nbytes(), static_cast<std::byte*>(tensor.data_ptr()));
    checkpoint.tensors[name] = tensor;
  }
  if (xxh3(sums) != texts.at(kChecksum)) throw UserError(join_text(file, ": damaged: its content differs from its checksum"));
  checkpoint.progress = nlohmann::json::parse(texts.at(kProgress));
  return checkpoint;
}

}  // namespace millesime
