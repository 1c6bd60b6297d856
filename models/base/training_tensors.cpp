#include "models/base/training_tensors.h"

#include <algorithm>

#include "models/base/sample_feed.h"
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

Tensor evaluate(Network& network, const SampleFeed& feed, int threads) {
  network.eval();
  std::vector<Tensor> parts;
  feed.for_each_part(torch::arange(feed.size(), torch::kInt64), kEvaluationBatch, [&](const TrainingTensors& data, const Tensor& rows) {
    const std::size_t before = parts.size();
    const std::int64_t n = rows.size(0);
    parts.resize(before + static_cast<std::size_t>((n + kEvaluationBatch - 1) / kEvaluationBatch));
    networks_side_by_side(static_cast<int>(parts.size() - before), threads, [&](int part) {
      const torch::NoGradGuard no_grad;
      const std::int64_t first = part * kEvaluationBatch;
      parts[before + static_cast<std::size_t>(part)] =
          network.forward(choose(data.input, rows.narrow(0, first, std::min(kEvaluationBatch, n - first)))).to(torch::kCPU);
    });
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
