#include "models/base/sample_feed.h"

#include <algorithm>
#include <future>
#include <span>

#include <torch/utils.h>

#include "models/base/shards.h"
#include "pipeline/core/error.h"
#include "pipeline/core/memory_amount.h"

namespace millesime {
namespace {

using torch::Tensor;

constexpr std::int64_t kReadAtOnce = 4096;  // samples

std::span<const std::int64_t> numbers(const Tensor& rows) {
  return {rows.data_ptr<std::int64_t>(), static_cast<std::size_t>(rows.numel())};
}

// [n of `like`] -> [n], not initialised.
Tensor space_for(const Tensor& like, std::int64_t n, torch::Device device) {
  auto shape = like.sizes().vec();
  shape[0] = n;
  return torch::empty(shape, like.options().device(device));
}

}  // namespace

Tensor epoch_order(std::int64_t n, at::Generator& random) {
  const auto shuffled = [&random](std::int64_t size) { return torch::randperm(size, random, torch::kInt64); };
  if (n <= kShuffledAtOnce) return shuffled(n);
  const Tensor runs = shuffled((n + kRun - 1) / kRun);
  Tensor order = torch::empty({n}, torch::kInt64);
  std::int64_t* to = order.data_ptr<std::int64_t>();
  for (const std::int64_t run : numbers(runs))
    for (std::int64_t row = run * kRun; row < std::min(n, (run + 1) * kRun); ++row) *to++ = row;
  for (std::int64_t first = 0; first < n; first += kPool) {
    Tensor pool = order.narrow(0, first, std::min(kPool, n - first));
    pool.copy_(pool.index_select(0, shuffled(pool.size(0))));
  }
  return order;
}

SampleFeed::SampleFeed(const InputTable& table, const ModelSpec& spec, torch::Device device, std::int64_t memory_bytes, int threads)
    : table_(&table), spec_(&spec), device_(device), threads_(threads) {
  const std::int64_t bytes = std::max<std::int64_t>(1, table.bytes_per_sample());
  if (table.size() <= memory_bytes / bytes) {
    if (table.size() > 0) resident_ = load(torch::arange(table.size(), torch::kInt64));
    return;
  }
  part_ = memory_bytes / bytes / 2;  // one is read while the other is used
  constexpr std::int64_t kSmallest = 1024;
  if (part_ < kSmallest)
    throw UserError(join_text("training: ", memory_bytes >> 20, " MiB are left for samples of ", bytes, " bytes each; expected at least ",
                              mib_needed(2 * kSmallest * bytes), " MiB; use ", mib_needed(2 * kSmallest * bytes - memory_bytes),
                              "MiB more --memory, or fewer units that run concurrently"));
}

TrainingTensors SampleFeed::load(const Tensor& rows) const {
  const std::int64_t n = rows.size(0);
  TrainingTensors out;
  out.target = torch::empty({n}, torch::TensorOptions(torch::kInt64).device(device_));
  const auto load_block = [&](std::int64_t block) {
    const std::int64_t first = block * kReadAtOnce;
    const std::int64_t count = std::min(kReadAtOnce, n - first);
    const ModelInput read = table_->read(numbers(rows).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count)));
    const NetworkInput part = to_network_input(read.batch(0, count), *spec_, torch::kCPU);
    const auto put = [&](Tensor& to, const Tensor& from) {
      if (!to.defined()) to = space_for(from, n, device_);
      to.narrow(0, first, count).copy_(from);
    };
    out.input.series.resize(part.series.size());
    for (std::size_t s = 0; s < part.series.size(); ++s) {
      put(out.input.series[s].values, part.series[s].values);
      put(out.input.series[s].valid, part.series[s].valid);
      put(out.input.series[s].days, part.series[s].days);
    }
    if (part.statics.defined()) put(out.input.statics, part.statics);
    out.target.narrow(0, first, count)
        .copy_(torch::tensor(std::vector<std::int64_t>(read.target.begin(), read.target.end()), torch::kInt64));
  };
  load_block(0);  // makes the tensors
  networks_side_by_side(static_cast<int>((n - 1) / kReadAtOnce), threads_, [&](int block) { load_block(block + 1); });
  return out;
}

void SampleFeed::for_each_part(const Tensor& order, std::int64_t multiple, const Use& use) const {
  if (resident()) return use(resident_, order.to(device_));
  const std::int64_t step = std::max(part_ / multiple, std::int64_t{1}) * multiple, n = order.size(0);
  const auto part_from = [&](std::int64_t first) { return order.narrow(0, first, std::min(step, n - first)); };
  std::future<TrainingTensors> next;
  for (std::int64_t first = 0; first < n; first += step) {
    const TrainingTensors now = next.valid() ? next.get() : load(part_from(first));
    if (first + step < n) next = std::async(std::launch::async, [this, rows = part_from(first + step)] { return load(rows); });
    use(now, torch::arange(now.size(), torch::TensorOptions(torch::kInt64).device(device_)));
  }
}

}  // namespace millesime
