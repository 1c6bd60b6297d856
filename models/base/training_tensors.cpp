#include "models/base/training_tensors.h"

#include <algorithm>

#include "models/base/shards.h"

namespace millesime {
namespace {

using torch::Tensor;

constexpr std::int64_t kEvaluationBatch = 1024;

NetworkInput choose(const NetworkInput& from, const Tensor& rows) {
  NetworkInput out;
  for (const auto& s : from.series)
    out.series.push_back({s.values.index_select(0, rows), s.valid.index_select(0, rows), s.days.index_select(0, rows)});
  if (from.statics.defined()) out.statics = from.statics.index_select(0, rows);
  return out;
}

}  // namespace

TrainingTensors to_tensors(const ModelInput& input, const ModelSpec& spec, torch::Device device) {
  const auto host = to_network_input(input.batch(0, input.size()), spec, torch::kCPU);
  TrainingTensors out;
  for (const auto& s : host.series) out.input.series.push_back({s.values.to(device), s.valid.to(device), s.days.to(device)});
  if (host.statics.defined()) out.input.statics = host.statics.to(device, torch::kFloat32, false, true);
  out.target = torch::tensor(std::vector<std::int64_t>(input.target.begin(), input.target.end())).to(device);
  return out;
}

Tensor evaluate(Network& network, const TrainingTensors& data, int threads) {
  network.eval();
  std::vector<Tensor> parts(static_cast<std::size_t>((data.size() + kEvaluationBatch - 1) / kEvaluationBatch));
  networks_side_by_side(static_cast<int>(parts.size()), threads, [&](int part) {
    const torch::NoGradGuard no_grad;
    const std::int64_t first = part * kEvaluationBatch;
    const auto rows = torch::arange(first, std::min(first + kEvaluationBatch, data.size()), data.target.options());
    parts[static_cast<std::size_t>(part)] = network.forward(choose(data.input, rows)).to(torch::kCPU);
  });
  network.train();
  return torch::cat(parts, 0).to(torch::kFloat64);
}

std::vector<double> numbers_of(const Tensor& tensor) {
  const auto host = tensor.contiguous();
  return {host.data_ptr<double>(), host.data_ptr<double>() + host.numel()};
}

Accuracy judge(const Tensor& logits, const std::vector<int>& target) {
  const Tensor winner = logits.argmax(1);
  ConfusionMatrix confusion;  // of class indices
  for (std::size_t i = 0; i < target.size(); ++i) confusion.add(target[i], static_cast<int>(winner.data_ptr<std::int64_t>()[i]));
  return measure(confusion);
}

}  // namespace millesime
