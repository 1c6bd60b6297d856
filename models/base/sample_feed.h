#pragma once
// Inside models/base only: the samples of a table as tensors on the training device, all of them at once where they fit into memory, and
// otherwise part after part, while the next one is read. The order of the samples and what is computed from them do not depend on it.
// Includes torch.

#include <cstdint>
#include <functional>

#include "models/base/input_table.h"
#include "models/base/model_spec.h"
#include "models/base/training_tensors.h"

namespace millesime {

// The order of an epoch, [n] int64 on the host. Many samples are shuffled in blocks, so that a part of them lies close together in the
// file: runs of kRun samples are put in a random order, and the samples of kPool / kRun of these runs are mixed.
inline constexpr std::int64_t kShuffledAtOnce = std::int64_t{1} << 18, kPool = std::int64_t{1} << 16, kRun = 64;
torch::Tensor epoch_order(std::int64_t n, at::Generator& random);

class SampleFeed {
 public:
  SampleFeed() = default;
  // `memory_bytes`: for the samples. UserError if not even one part of 1024 samples fits.
  SampleFeed(const InputTable& table, const ModelSpec& spec, torch::Device device, std::int64_t memory_bytes, int threads);

  std::int64_t size() const { return table_ ? table_->size() : 0; }
  bool resident() const { return resident_.target.defined(); }

  // Calls use(tensors, rows) for parts of `order` [N] int64 that have a multiple of `multiple` samples, except the last: they are the rows
  // `rows` of the tensors.
  using Use = std::function<void(const TrainingTensors&, const torch::Tensor& rows)>;
  void for_each_part(const torch::Tensor& order, std::int64_t multiple, const Use& use) const;

 private:
  TrainingTensors load(const torch::Tensor& rows) const;

  const InputTable* table_ = nullptr;
  const ModelSpec* spec_ = nullptr;
  torch::Device device_ = torch::kCPU;
  int threads_ = 1;
  std::int64_t part_ = 0;  // samples of a part
  TrainingTensors resident_;
};

}  // namespace millesime
