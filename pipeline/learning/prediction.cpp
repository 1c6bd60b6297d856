#include "pipeline/learning/prediction.h"

#include <algorithm>
#include <functional>

#include "kernels/base/transfer.h"
#include "kernels/ops/decide.h"
#include "kernels/ops/forest.h"
#include "models/arch/random_forest.h"
#include "pipeline/core/error.h"

namespace millesime {
namespace {

constexpr std::int64_t kBlock = 65536;  // samples on the device at once

template <class T>
Buffer<T> copy_rows(Transfer& transfer, const std::vector<T>& from, std::int64_t first, std::int64_t count, std::int64_t width) {
  Buffer<T> buffer(transfer.stream().device, count * width);
  transfer.to_device(buffer, from.data() + first * width, count * width);
  return buffer;
}

// What both kinds of model end with: probabilities of a block on the host.
void decide_block(Transfer& transfer, DecideArgs args, float* out) {
  const Stream& stream = transfer.stream();
  Buffer<std::uint8_t> label(stream.device, args.pixels);
  Buffer<float> probabilities(stream.device, args.pixels * args.n_classes);
  args.label = label.data();
  args.exact_probabilities = probabilities.data();
  decide(stream, args);
  transfer.to_host(out, probabilities.data(), static_cast<std::size_t>(probabilities.size()) * sizeof(float));
}

void predict_network(const ModelFile& model, const ModelInput& input, const Context& context, std::vector<float>& out) {
  const auto network = load_classifier(model, context.device, context.threads);
  const Stream stream(context.device, context.threads);
  Transfer transfer(stream);
  const std::int64_t n_classes = model.spec.n_classes();
  for (std::int64_t first = 0; first < input.size(); first += kBlock) {
    const std::int64_t count = std::min(kBlock, input.size() - first);
    Batch batch;
    batch.pixels = count;
    std::vector<Buffer<float>> floats;
    std::vector<Buffer<std::uint8_t>> masks;
    for (const auto& s : input.series) {
      floats.push_back(copy_rows(transfer, s.values, first, count, std::int64_t{s.dates} * s.features));
      floats.push_back(copy_rows(transfer, s.days, first, count, s.dates));
      masks.push_back(copy_rows(transfer, s.valid, first, count, s.dates));
      batch.series.push_back({s.dates, s.features, floats.end()[-2].data(), masks.back().data(), floats.back().data(), true});
    }
    const Buffer<float> statics = copy_rows(transfer, input.statics, first, count, input.n_statics);
    batch.statics = input.n_statics > 0 ? statics.data() : nullptr;
    Buffer<float> logits(stream.device, count * n_classes);
    stream.synchronize();
    network->logits(batch, logits.data());
    DecideArgs args;
    args.pixels = count;
    args.n_classes = static_cast<int>(n_classes);
    args.logits = logits.data();
    args.sharpening = static_cast<float>(model.spec.sharpening);
    decide_block(transfer, args, out.data() + first * n_classes);
  }
}

void predict_forest(const ModelFile& model, const ModelInput& input, const Context& context, std::vector<float>& out) {
  const TrainedForest trained = read_forest(model);
  const Stream stream(context.device, context.threads);
  const Forest packed({trained.n_features, trained.n_classes, trained.root, trained.feature, trained.threshold, trained.left, trained.right,
                       trained.leaf_class},
                      stream);
  Transfer transfer(stream);
  const Buffer<float> logit_of = transfer.to_device(vote_logits(model.spec, packed.view().n_trees));
  const auto& series = input.series.front();
  const std::int64_t n_series = std::int64_t{series.dates} * series.features, n_features = n_series + input.n_statics;
  const std::int64_t n_classes = model.spec.n_classes();
  std::vector<float> rows;
  for (std::int64_t first = 0; first < input.size(); first += kBlock) {
    const std::int64_t count = std::min(kBlock, input.size() - first);
    rows.resize(static_cast<std::size_t>(count * n_features));
    for (std::int64_t i = 0; i < count; ++i) {
      const auto row = std::copy_n(series.values.begin() + (first + i) * n_series, n_series, rows.begin() + i * n_features);
      std::copy_n(input.statics.begin() + (first + i) * input.n_statics, input.n_statics, row);
    }
    const Buffer<float> features = transfer.to_device(rows);
    Buffer<std::uint16_t> votes(stream.device, count * n_classes);
    ForestArgs args;
    args.forest = packed.view();
    args.pixels = count;
    args.features = features.data();
    args.votes = votes.data();
    forest(stream, args);
    DecideArgs decision;
    decision.pixels = count;
    decision.n_classes = static_cast<int>(n_classes);
    decision.votes = votes.data();
    decision.n_trees = packed.view().n_trees;
    if (logit_of.size() > 0) decision.vote_logits = logit_of.data(), decision.sharpening = static_cast<float>(model.spec.sharpening);
    decide_block(transfer, decision, out.data() + first * n_classes);
  }
}

}  // namespace

std::vector<float> predict_probabilities(const ModelFile& model, const ModelInput& input, const Context& context) {
  std::vector<float> out(static_cast<std::size_t>(input.size() * model.spec.n_classes()));
  if (input.size() == 0) return out;
  if (model.spec.architecture == "random_forest")
    predict_forest(model, input, context, out);
  else
    predict_network(model, input, context, out);
  return out;
}

std::vector<float> predict_probabilities(const ModelFile& model, const std::vector<SampleSelection>& selections, const Context& context) {
  if (model.members.empty()) return predict_probabilities(model, make_input(model.spec, selections), context);
  std::vector<float> mean;
  for (const auto& member : model.members) {
    const auto probabilities = predict_probabilities(member, make_input(member.spec, selections), context);
    mean.resize(probabilities.size(), 0);
    std::ranges::transform(mean, probabilities, mean.begin(), std::plus{});
  }
  for (float& p : mean) p /= static_cast<float>(model.members.size());
  return mean;
}

}  // namespace millesime
