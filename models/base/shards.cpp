#include "models/base/shards.h"

#include <algorithm>
#include <mutex>

#include <ATen/Parallel.h>
#include <torch/utils.h>

#include "models/arch/make_network.h"
#include "pipeline/core/side_by_side.h"

namespace millesime {
namespace {

// Fewer samples give poor batch statistics; more shards than this cost more than they save.
constexpr std::int64_t kShardSamples = 128, kMostShards = 8;

std::shared_ptr<Network> new_network(const ModelSpec& spec, const ModelFile* start, torch::Device device, std::int64_t seed) {
  static std::mutex drawing;  // LibTorch draws initial weights from one generator of the process
  const std::lock_guard lock(drawing);
  torch::manual_seed(static_cast<std::uint64_t>(seed));
  auto network = make_network(spec);
  if (start) copy_weights(*start, spec, *network);
  network->to(device);
  network->train();
  return network;
}

}  // namespace

void networks_side_by_side(int n, int threads, const std::function<void(int)>& work) {
  side_by_side(n, std::max(threads, 1), [&](std::int64_t i) {
    at::set_num_threads(1);
    work(static_cast<int>(i));
  });
}

int shards_of(std::int64_t batch) { return static_cast<int>(std::clamp<std::int64_t>(batch / kShardSamples, 1, kMostShards)); }

Shards::Shards(const ModelSpec& spec, const ModelFile* start, torch::Device device, int n, std::int64_t seed) {
  for (int i = 0; i < n; ++i) {
    networks_.push_back(new_network(spec, start, device, seed));
    const auto first = networks_.front()->parameters();
    auto own = networks_.back()->parameters();
    for (std::size_t p = 0; p < own.size(); ++p) own[p].set_data(first[p].data());  // one storage
  }
}

double Shards::add_gradients(const torch::Tensor& rows, int threads, const Loss& loss) {
  std::vector<double> losses(networks_.size());
  networks_side_by_side(size(), threads, [&](int shard) {
    const std::int64_t first = rows.size(0) * shard / size(), end = rows.size(0) * (shard + 1) / size();
    Network& own = network(shard);
    own.zero_grad();
    const auto value = loss(shard, own, rows.narrow(0, first, end - first));
    value.backward();
    losses[static_cast<std::size_t>(shard)] = value.item<double>();
  });
  const torch::NoGradGuard no_grad;
  const auto sum = networks_.front()->parameters();
  double total = losses.front();
  for (int shard = 1; shard < size(); ++shard) {
    const auto own = network(shard).parameters();
    for (std::size_t p = 0; p < sum.size(); ++p)
      if (own[p].grad().defined()) sum[p].mutable_grad().add_(own[p].grad());
    total += losses[static_cast<std::size_t>(shard)];
  }
  mean_statistics();
  share_statistics();
  return total;
}

void Shards::mean_statistics() {
  const auto mean = networks_.front()->buffers();
  for (int shard = 1; shard < size(); ++shard) {
    const auto own = network(shard).buffers();
    for (std::size_t b = 0; b < mean.size(); ++b)
      if (mean[b].is_floating_point()) mean[b].lerp_(own[b], 1.0 / (shard + 1));
  }
}

void Shards::share_statistics() {
  const torch::NoGradGuard no_grad;
  const auto from = networks_.front()->buffers();
  for (int shard = 1; shard < size(); ++shard) {
    const auto own = network(shard).buffers();
    for (std::size_t b = 0; b < from.size(); ++b) own[b].copy_(from[b]);
  }
}

}  // namespace millesime
