#include "models/base/augmentation.h"

#include <torch/utils.h>

#include "models/base/device_memory.h"
#include "pipeline/core/chance.h"
#include "pipeline/core/error.h"

namespace millesime {
namespace {

using torch::Tensor;

// Probability that a source of a sample is hidden: the main source seldom, as it is nearly always there; the others often, so that the
// network does not depend on them.
constexpr float kHideMain = 0.1f, kHideOther = 0.5f;

Tensor sources_present(const NetworkInput& table) {
  auto present = torch::zeros({table.pixels()}, table.series.front().valid.options().dtype(torch::kInt32));
  for (std::size_t s = 0; s < table.series.size(); ++s)
    present.bitwise_or_(table.series[s].valid.any(1).to(torch::kInt32).bitwise_left_shift(static_cast<std::int64_t>(s)));
  return present;
}

}  // namespace

Augmentation::Augmentation(const Recipe& recipe, const ModelSpec& spec, bool gaps, MakeTrainingBatch make_batch, const SeasonCut& cut)
    : make_batch_(make_batch),
      seed_(recipe.random_seed),
      dropout_(spec.input == InputKind::raw && gaps ? recipe.date_dropout : 0),
      shift_(spec.input == InputKind::raw ? recipe.shift_days : 0),
      stretch_(spec.input == InputKind::raw ? recipe.stretch_for(spec.thermal.has_value()) : 0),
      noise_(recipe.noise),
      cut_(spec.input == InputKind::raw ? cut : SeasonCut()) {
  MILLESIME_CHECK(make_batch, "a training without the kernel that makes its batches");
}

void Augmentation::read_from(const NetworkInput& table) {
  table_ = &table;
  if (table.series.size() > 1) present_ = sources_present(table);
}

NetworkInput Augmentation::operator()(const Tensor& rows, std::uint64_t seen) const {
  const Stream stream = torch_stream(rows.device());
  // One key for the batch, and one for each series of it.
  const auto key = [&](std::uint64_t part) {
    return static_cast<std::uint32_t>(mix(mix(static_cast<std::uint64_t>(seed_) ^ mix(seen)) + part) >> 32);
  };
  TrainingBatchArgs args;
  args.samples = rows.size(0), args.rows = rows.data_ptr<std::int64_t>();
  args.date_dropout = static_cast<float>(dropout_), args.noise = static_cast<float>(noise_), args.shift_days = static_cast<float>(shift_);
  args.stretch = static_cast<float>(stretch_);
  args.cut = cut_;
  args.hide_main = kHideMain, args.hide_other = kHideOther, args.sources_key = key(0);
  if (present_.defined()) args.present = static_cast<const std::uint32_t*>(present_.data_ptr());
  NetworkInput batch;
  for (std::size_t s = 0; s < table_->series.size(); ++s) {
    const NetworkSeries& from = table_->series[s];
    const std::int64_t n = args.samples, dates = from.values.size(1), features = from.values.size(2);
    NetworkSeries to{torch::empty({n, dates, features}, from.values.options()), torch::empty({n, dates}, from.valid.options()),
                     torch::empty({n, dates}, from.days.options())};
    args.n_dates = static_cast<int>(dates), args.n_features = static_cast<int>(features);
    args.table_values = from.values.data_ptr<float>(), args.table_days = from.days.data_ptr<float>();
    args.table_valid = static_cast<const std::uint8_t*>(from.valid.data_ptr());
    args.source = static_cast<int>(s), args.key = key(1 + s);
    args.values = to.values.data_ptr<float>(), args.days = to.days.data_ptr<float>();
    args.valid = static_cast<std::uint8_t*>(to.valid.data_ptr());
    make_batch_(stream, args);
    batch.series.push_back(std::move(to));
  }
  if (table_->statics.defined()) batch.statics = table_->statics.index_select(0, rows);
  return batch;
}

}  // namespace millesime
