#include "models/base/network.h"

#include <algorithm>
#include <map>

#include <ATen/Parallel.h>
#include <torch/nn/functional/padding.h>

#include "models/arch/make_network.h"
#include "models/base/device_memory.h"
#include "models/base/model_file.h"
#include "models/base/script_network.h"
#include "models/base/season.h"
#include "models/registry.h"
#include "pipeline/core/error.h"
#include "pipeline/core/side_by_side.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace {

// Pixels a call of the network. It is always the same, and the last call is padded: linear algebra libraries choose their method,
// and with it the order of additions, by the size of the problem.
constexpr std::int64_t kBlockCpu = 256, kBlockCuda = 16384;

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::vector<std::string> sizes;
  for (const auto size : shape) sizes.push_back(std::to_string(size));
  return "[" + join_list(sizes, ", ") + "]";
}

// Weights are stored as 32-bit floats; BatchNorm's counter of batches (an integer that inference does not read) is not stored.
template <class F>
void for_each_tensor(const Network& network, F&& f) {
  for (const auto& item : network.named_parameters()) f(item.key(), item.value());
  for (const auto& item : network.named_buffers())
    if (item.value().is_floating_point()) f(item.key(), item.value());
}

class NetworkClassifier : public Classifier {
 public:
  NetworkClassifier(const ModelFile& file, const Device& device, int threads)
      : Classifier(file.spec), device_(torch_device(device)), network_(load_network(file, device_)), threads_(std::max(1, threads)) {}

  void logits(const Stream& stream, const Batch& batch, float* out) override {
    check(batch);
    const std::int64_t block = device_.is_cpu() ? kBlockCpu : kBlockCuda;
    const std::int64_t blocks = (batch.pixels + block - 1) / block;
    if (device_.is_cpu()) at::set_num_threads(1);  // one thread a block
    side_by_side(blocks, device_.is_cpu() ? threads_ : 1, [&](std::int64_t b) { run_block(stream, batch, b * block, block, out); });
  }
  void release() override {
    if (!device_.is_cpu()) release_cached_device_memory();
  }

 private:
  void check(const Batch& batch) const {
    MILLESIME_CHECK(batch.series.size() == spec_.sources.size(), batch.series.size(), " sources of ", spec_.sources.size());
    for (std::size_t s = 0; s < batch.series.size(); ++s)
      MILLESIME_CHECK(batch.series[s].features == spec_.sources[s].features(), "source ", s, " has ", batch.series[s].features,
                      " features of ", spec_.sources[s].features());
    MILLESIME_CHECK(spec_.statics.empty() || batch.statics != nullptr, "statics of the batch are missing");
  }

  void run_block(const Stream& stream, const Batch& batch, std::int64_t first, std::int64_t block, float* out) {
    const c10::InferenceMode inference;
    const OnStream on(stream);
    const std::int64_t count = std::min(block, batch.pixels - first);
    Batch part = batch;
    part.pixels = count;
    for (auto& s : part.series) {
      s.values += first * s.dates * s.features;
      if (s.valid) s.valid += first * (s.valid_per_pixel ? 1 : s.dates);
      if (s.days_per_pixel) s.days += first * s.dates;
    }
    if (part.statics) part.statics += first * spec_.n_statics();
    with_device_memory(join_text(spec_.architecture, " on ", count, " pixels"), [&] {
      NetworkInput input = to_network_input(part, spec_, device_);
      if (count < block && device_.is_cpu()) fill_up(input, part, block);
      const auto logits = (network_->forward(input).narrow(0, 0, count) / spec_.temperature).contiguous();
      torch::from_blob(out + first * spec_.n_classes(), {count, spec_.n_classes()}, logits.options()).copy_(logits);
    });
  }

  // Adds pixels without any valid date, up to `size`.
  static void fill_up(NetworkInput& input, const Batch& batch, std::int64_t size) {
    const auto grow = [size](torch::Tensor& tensor) {
      auto shape = tensor.sizes().vec();
      shape[0] = size - shape[0];
      tensor = torch::cat({tensor, torch::zeros(shape, tensor.options())}, 0);
    };
    for (std::size_t s = 0; s < input.series.size(); ++s) {
      grow(input.series[s].values);
      grow(input.series[s].valid);
      if (batch.series[s].days_per_pixel) grow(input.series[s].days);
    }
    if (input.statics.defined()) grow(input.statics);
  }

  torch::Device device_;
  std::shared_ptr<Network> network_;
  int threads_;
};

}  // namespace

void Network::draw_from(const at::Generator& random) {
  for (const auto& part : modules())
    if (auto* dropout = part->as<DropoutImpl>()) dropout->draw_from(random);
}

torch::Tensor DropoutImpl::forward(const torch::Tensor& x) {
  if (!is_training() || share_ == 0) return x;
  return x * torch::empty_like(x).bernoulli_(1 - share_, random_).div_(1 - share_);
}

torch::Tensor joined_linear(const torch::nn::Linear& layer, const torch::Tensor& x) {
  constexpr std::int64_t kRow = 16;  // floats in 64 bytes
  const std::int64_t rest = x.size(1) % kRow;
  if (rest == 0) return torch::linear(x, layer->weight, layer->bias);
  const torch::nn::functional::PadFuncOptions fill({0, kRow - rest});
  return torch::linear(torch::nn::functional::pad(x, fill), torch::nn::functional::pad(layer->weight, fill), layer->bias);
}

void require_regular_series(const ModelSpec& spec) {
  if (spec.input != InputKind::regular)
    throw UserError(join_text(spec.architecture, " reads series on regular dates: expected model.input = \"regular\", got \"raw\""));
}

void require_one_regular_series(const ModelSpec& spec) {
  require_regular_series(spec);
  if (spec.sources.size() != 1) throw UserError(join_text(spec.architecture, " reads one source, got ", spec.sources.size()));
}

torch::Device torch_device(const Device& device) {
  return device.kind == Device::Kind::cpu ? torch::Device(torch::kCPU)
                                          : torch::Device(torch::kCUDA, static_cast<c10::DeviceIndex>(device.index));
}

NetworkInput to_network_input(const Batch& batch, const ModelSpec& spec, torch::Device device) {
  const auto view = [device](const void* data, torch::IntArrayRef shape, torch::ScalarType type) {
    return torch::from_blob(const_cast<void*>(data), shape, torch::TensorOptions().dtype(type).device(device));
  };
  NetworkInput input;
  for (const auto& s : batch.series) {
    NetworkSeries series;
    if (s.dates == 0) {  // the source is missing: dates on which nothing was observed
      const std::size_t place = input.series.size();
      const auto dates = spec.input == InputKind::raw ? std::int64_t{1} : static_cast<std::int64_t>(spec.days_of(place).size());
      const auto options = torch::TensorOptions().device(device);
      input.series.push_back({torch::zeros({batch.pixels, dates, s.features}, options.dtype(torch::kFloat32)),
                              torch::zeros({batch.pixels, dates}, options.dtype(torch::kBool)),
                              torch::zeros({1, dates}, options.dtype(torch::kFloat32))});
      continue;
    }
    series.values = view(s.values, {batch.pixels, s.dates, s.features}, torch::kFloat32);
    series.days = view(s.days, {s.days_per_pixel ? batch.pixels : 1, s.dates}, torch::kFloat32);
    if (s.valid) {
      series.valid = view(s.valid, {batch.pixels, s.valid_per_pixel ? 1 : s.dates}, torch::kUInt8).ne(0);
      if (s.valid_per_pixel) series.valid = series.valid.expand({batch.pixels, s.dates}).contiguous();
      series.values = torch::where(series.valid.unsqueeze(-1), series.values, torch::zeros({}, series.values.options()));
    } else {
      series.valid = torch::ones({batch.pixels, s.dates}, series.values.options().dtype(torch::kBool));
    }
    input.series.push_back(std::move(series));
  }
  if (!spec.statics.empty()) input.statics = view(batch.statics, {batch.pixels, spec.n_statics()}, torch::kFloat32);
  return input;
}

std::shared_ptr<Network> load_network(const ModelFile& file, torch::Device device) {
  use_exact_arithmetic(device);
  if (!file.script.empty()) return load_script(file, device);
  const Architecture& kind = architecture(file.spec.architecture);
  if (!kind.network) throw UserError(join_text(file.path, ": a ", kind.name, " is not a network"));
  std::shared_ptr<Network> network;
  try {
    network = make_network(file.spec);
  } catch (const UserError& error) {
    throw with_context(file.path, error);
  }
  const torch::NoGradGuard no_grad;
  std::size_t used = 0;
  for_each_tensor(*network, [&](const std::string& name, const torch::Tensor& tensor) {
    const auto stored = file.tensors.find(name);
    if (stored == file.tensors.end()) throw UserError(join_text(file.path, ": tensor \"", name, "\" of a ", kind.name, " is missing"));
    const auto& [shape, values] = stored->second;
    if (tensor.sizes() != torch::IntArrayRef(shape))
      throw UserError(
          join_text(file.path, ": tensor \"", name, "\": expected shape ", shape_text(tensor.sizes().vec()), ", got ", shape_text(shape)));
    std::copy(values.begin(), values.end(), tensor.data_ptr<float>());
    ++used;
  });
  const auto other = std::ranges::count_if(file.tensors, [](const auto& tensor) { return is_of_season_part(tensor.first); });
  if (used + static_cast<std::size_t>(other) != file.tensors.size() || !file.integers.empty())
    throw UserError(join_text(file.path, ": holds ", file.tensors.size() + file.integers.size(), " tensors, a ", kind.name, " has ", used));
  network->eval();
  network->to(device);
  return network;
}

void copy_weights(const ModelFile& from, const ModelSpec& spec, Network& network) {
  if (from.spec.architecture != spec.architecture)
    throw UserError(join_text(from.path, ": is a ", from.spec.architecture, ", expected a ", spec.architecture, " to start from"));
  const auto key = [&](const ModelSpec& of, int code) {
    return of.nomenclature.name == spec.nomenclature.name && from.spec.nomenclature.name == spec.nomenclature.name
               ? std::to_string(code)
               : of.nomenclature.at(*of.nomenclature.index_of_code(code)).name;
  };
  std::map<std::string, std::int64_t> row_of_class;  // in the trained head
  for (std::size_t k = 0; k < from.spec.classes.size(); ++k)
    row_of_class[key(from.spec, from.spec.classes[k])] = static_cast<std::int64_t>(k);

  const torch::NoGradGuard no_grad;
  for_each_tensor(network, [&](const std::string& name, const torch::Tensor& tensor) {
    const auto stored = from.tensors.find(name);
    if (stored == from.tensors.end())
      throw UserError(join_text(from.path, ": tensor \"", name, "\" of a ", spec.architecture, " is missing"));
    auto shape = stored->second.shape;
    const auto weights = torch::from_blob(const_cast<float*>(stored->second.values.data()), shape, torch::kFloat32);
    const bool head = name.starts_with("head.") && !shape.empty();
    if (head) shape[0] = tensor.size(0);
    if (tensor.sizes() != torch::IntArrayRef(shape) || (head && weights.size(0) != from.spec.n_classes()))
      throw UserError(join_text(from.path, ": tensor \"", name, "\" has the shape ", shape_text(weights.sizes().vec()), ", expected ",
                                shape_text(tensor.sizes().vec()), "; fine-tuning needs the same bands, parameters and dates"));
    if (!head) {
      tensor.detach().copy_(weights);
      return;
    }
    for (std::int64_t k = 0; k < tensor.size(0); ++k)
      if (const auto row = row_of_class.find(key(spec, spec.classes[static_cast<std::size_t>(k)])); row != row_of_class.end())
        tensor.detach()[k].copy_(weights[row->second]);
  });
}

ModelFile network_file(const ModelSpec& spec, const Network& network) {
  ModelFile file;
  file.spec = spec;
  for_each_tensor(network, [&](const std::string& name, const torch::Tensor& tensor) {
    const auto host = tensor.detach().to(torch::kCPU, torch::kFloat32).contiguous();
    const float* first = host.data_ptr<float>();
    file.tensors[name] = {host.sizes().vec(), std::vector<float>(first, first + host.numel())};
  });
  return file;
}

std::unique_ptr<Classifier> load_classifier(const ModelFile& file, const Device& device, int threads) {
  return std::make_unique<NetworkClassifier>(file, device, threads);
}

}  // namespace millesime
