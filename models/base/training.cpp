#include "models/base/training.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <numbers>
#include <set>

#include <ATen/Parallel.h>
#include <torch/nn/utils/clip_grad.h>
#include <torch/optim/adamw.h>
#include <torch/utils.h>

#include "models/base/calibration.h"
#include "models/base/network.h"
#include "models/registry.h"
#include "pipeline/core/accuracy.h"
#include "pipeline/core/error.h"

namespace millesime {
namespace {

using torch::Tensor;

constexpr std::int64_t kEvaluationBatch = 1024;

// Samples as tensors on the device.
struct TrainingTensors {
  NetworkInput input;
  Tensor target;  // [N] int64
  std::int64_t size() const { return target.size(0); }
};

TrainingTensors to_tensors(const ModelInput& input, const ModelSpec& spec, torch::Device device) {
  const auto host = to_network_input(input.batch(0, input.size()), spec, torch::kCPU);
  TrainingTensors out;
  for (const auto& s : host.series) out.input.series.push_back({s.values.to(device), s.valid.to(device), s.days.to(device)});
  if (host.statics.defined()) out.input.statics = host.statics.to(device, torch::kFloat32, false, true);
  out.target = torch::tensor(std::vector<std::int64_t>(input.target.begin(), input.target.end())).to(device);
  return out;
}

NetworkInput choose(const NetworkInput& from, const Tensor& rows) {
  NetworkInput out;
  for (const auto& s : from.series)
    out.series.push_back({s.values.index_select(0, rows), s.valid.index_select(0, rows), s.days.index_select(0, rows)});
  if (from.statics.defined()) out.statics = from.statics.index_select(0, rows);
  return out;
}

// Learning rate at a share of the training: up along a cosine over the first tenth, down along one (Smith & Topin 2018).
double one_cycle(double share) {
  constexpr double kRise = 0.1, kStart = 0.04, kEnd = 1e-4;
  const auto between = [](double a, double b, double x) { return b + (a - b) * 0.5 * (1 + std::cos(std::numbers::pi * x)); };
  return share < kRise ? between(kStart, 1, share / kRise) : between(1, kEnd, (share - kRise) / (1 - kRise));
}

class Augmentation {
 public:
  Augmentation(const Recipe& recipe, InputKind kind, bool gaps, at::Generator random)
      : dropout_(kind == InputKind::raw && gaps ? recipe.date_dropout : 0),
        shift_(kind == InputKind::raw ? recipe.shift_days : 0),
        noise_(recipe.noise),
        random_(std::move(random)) {}

  void operator()(NetworkInput& input) {
    for (auto& s : input.series) {
      const auto n = s.values.size(0), dates = s.values.size(1);
      const auto options = torch::TensorOptions().dtype(torch::kFloat32);
      const auto device = s.values.device();
      if (dropout_ > 0) {
        const auto share = torch::rand({n, 1}, random_, options) * dropout_;  // another share for every sample
        const auto keep = torch::rand({n, dates}, random_, options).ge(share).to(device);
        const auto kept = s.valid & keep;
        s.valid = torch::where(kept.any(1, true), kept, s.valid);  // at least one date stays
      }
      if (noise_ > 0) s.values = s.values + torch::randn(s.values.sizes(), random_, options).to(device) * noise_;
      if (shift_ > 0) s.days = s.days + torch::randn({n, 1}, random_, options).to(device) * shift_;
      s.values = s.values.masked_fill(~s.valid.unsqueeze(-1), 0);
    }
  }

 private:
  double dropout_, shift_, noise_;
  at::Generator random_;
};

// Moving average of weights and running statistics (Polyak & Juditsky 1992), warm from the first step on.
class AveragedWeights {
 public:
  AveragedWeights(const Network& network, double decay) : decay_(decay) {
    for_each(network, [this](const Tensor& t) { mean_.push_back(t.detach().clone()); });
  }
  void update(const Network& network) {
    const double decay = std::min(decay_, static_cast<double>(1 + step_) / static_cast<double>(10 + step_));
    ++step_;
    std::size_t i = 0;
    for_each(network, [&](const Tensor& t) {
      const auto value = t.detach();
      mean_[i].lerp_(value, 1 - decay);
      ++i;
    });
  }
  const std::vector<Tensor>& mean() const { return mean_; }

  template <class F>
  static void for_each(const Network& network, F&& f) {
    for (const auto& item : network.named_parameters()) f(item.value());
    for (const auto& item : network.named_buffers())
      if (item.value().is_floating_point()) f(item.value());
  }

 private:
  double decay_;
  std::int64_t step_ = 0;
  std::vector<Tensor> mean_;
};

std::vector<Tensor> weights_of(const Network& network) {
  std::vector<Tensor> copy;
  AveragedWeights::for_each(network, [&](const Tensor& t) { copy.push_back(t.detach().clone()); });
  return copy;
}

void set_weights(Network& network, const std::vector<Tensor>& weights) {
  const torch::NoGradGuard no_grad;
  std::size_t i = 0;
  AveragedWeights::for_each(network, [&](Tensor t) { t.detach().copy_(weights[i++]); });
}

// Logits [N,K] on the host, in evaluation mode.
Tensor evaluate(Network& network, const TrainingTensors& data) {
  const torch::NoGradGuard no_grad;
  network.eval();
  std::vector<Tensor> parts;
  for (std::int64_t first = 0; first < data.size(); first += kEvaluationBatch) {
    const auto rows = torch::arange(first, std::min(first + kEvaluationBatch, data.size()), data.target.options());
    parts.push_back(network.forward(choose(data.input, rows)).to(torch::kCPU));
  }
  network.train();
  return torch::cat(parts, 0).to(torch::kFloat64);
}

struct Judgement {
  Accuracy accuracy;
  double calibration_error = 0;
};

Judgement judge(const Tensor& logits, const std::vector<int>& target) {
  const auto [confidence, winner] = torch::softmax(logits, 1).max(1);
  ConfusionMatrix confusion;
  Calibration calibration;
  for (std::size_t i = 0; i < target.size(); ++i) {
    const int produced = static_cast<int>(winner.data_ptr<std::int64_t>()[i]);
    confusion.add(target[i], produced);
    calibration.add(std::clamp(confidence.data_ptr<double>()[i], 0.0, 1.0), produced == target[i]);
  }
  return {measure(confusion), calibration.expected_error()};
}

std::vector<double> numbers_of(const Tensor& tensor) {
  const auto host = tensor.contiguous();
  return {host.data_ptr<double>(), host.data_ptr<double>() + host.numel()};
}

// Standard error of a share of right answers; samples of one group are right or wrong together.
double standard_error(double share, const std::vector<std::int64_t>& groups) {
  const std::set<std::int64_t> distinct(groups.begin(), groups.end());
  return std::sqrt(share * (1 - share) / static_cast<double>(distinct.size()));
}

bool has_gaps(const ModelInput& input) {
  return std::ranges::any_of(input.series, [](const InputSeries& s) { return std::ranges::count(s.valid, 0) > 0; });
}

// Weight of each class in the loss, 1 on average over the samples.
Tensor class_weights(const std::vector<int>& target, int n_classes, double balance) {
  std::vector<double> count(static_cast<std::size_t>(n_classes), 0);
  for (const int t : target) ++count[static_cast<std::size_t>(t)];
  auto weight = torch::zeros({n_classes}, torch::kFloat32);
  double mean = 0;
  for (const double c : count)
    if (c > 0) mean += c * std::pow(c, -balance);
  mean /= static_cast<double>(target.size());
  for (int k = 0; k < n_classes; ++k)
    if (const double c = count[static_cast<std::size_t>(k)]; c > 0) weight[k] = std::pow(c, -balance) / mean;
  return weight;
}

// Against wrong labels (Zhang & Sabuncu 2018, equation 7): (1 - p^q) / q of the label's probability p, which a label that all else
// contradicts hardly moves.
Tensor generalised_cross_entropy(const Tensor& logits, const Tensor& target, const Tensor& weight, double q) {
  const auto p = torch::softmax(logits, 1).gather(1, target.unsqueeze(1)).squeeze(1);
  const auto w = weight.index_select(0, target);
  return (w * (1 - torch::pow(p, q)) / q).sum() / w.sum();
}

void check_learnable(const ModelSpec& spec, const ModelInput& learn) {
  const std::set<int> classes(learn.target.begin(), learn.target.end());
  if (classes.size() < 2)
    throw UserError(join_text(spec.architecture, ": samples of at least two classes are needed to learn, got ", classes.size()));
  for (const int target : learn.target)
    MILLESIME_CHECK(target >= 0 && target < spec.n_classes(), "class index ", target, " of ", spec.n_classes());
}

// `last_epoch`: where to stop on the schedule of the whole training; 0: at its end.
ModelFile learn_network(const ModelSpec& spec, const ModelInput& learn, const ModelInput& held_out, const Recipe& recipe, int last_epoch,
                        const Device& device, const EpochCallback& on_epoch, const ModelFile* start) {
  check_learnable(spec, learn);
  // The library draws dropout and first weights from one generator of the process, and orders sums by its number of threads.
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  const int threads_before = at::get_num_threads();
  at::set_num_threads(1);
  torch::manual_seed(static_cast<std::uint64_t>(recipe.random_seed));
  auto random = at::make_generator<at::CPUGeneratorImpl>(static_cast<std::uint64_t>(recipe.random_seed) + 1);

  const auto where = torch_device(device);
  const auto network = architecture(spec.architecture).make(spec);
  if (start) copy_weights(*start, spec, *network);
  network->to(where);
  network->train();
  const TrainingTensors data = to_tensors(learn, spec, where);
  const bool judged = held_out.size() > 0;
  const TrainingTensors judges = judged ? to_tensors(held_out, spec, where) : TrainingTensors{};

  // Steps of equal size; a rest of the epoch's samples goes to the next shuffle.
  const auto batch = std::min<std::int64_t>(recipe.batch_for(data.size()), data.size());
  const std::int64_t steps = std::max<std::int64_t>(1, data.size() / batch);
  const int epochs = recipe.epochs_for(data.size());
  const double rate = recipe.rate_for(static_cast<int>(batch));
  using AdamOptions = torch::optim::AdamWOptions;
  std::vector<Tensor> decayed, others;  // no decay on gains, biases and queries
  for (const auto& p : network->parameters()) (p.dim() > 1 ? decayed : others).push_back(p);
  torch::optim::AdamW optimizer(
      {torch::optim::OptimizerParamGroup(decayed, std::make_unique<AdamOptions>(AdamOptions(rate).weight_decay(recipe.weight_decay))),
       torch::optim::OptimizerParamGroup(others, std::make_unique<AdamOptions>(AdamOptions(rate).weight_decay(0)))},
      AdamOptions(rate));
  const auto weight = class_weights(learn.target, spec.n_classes(), recipe.class_balance).to(where);
  Augmentation augment(recipe, spec.input, has_gaps(learn), random);
  AveragedWeights average(*network, recipe.average_decay);

  std::vector<Tensor> best;
  double best_score = -1;
  int best_epoch = 0, kept_epoch = 0;
  nlohmann::json curve = nlohmann::json::array();
  for (int epoch = 1; epoch <= epochs; ++epoch) {
    const auto order = torch::randperm(data.size(), random, torch::kInt64).to(where);
    double loss_sum = 0;
    for (std::int64_t step = 0; step < steps; ++step) {
      const double share = static_cast<double>((epoch - 1) * steps + step) / static_cast<double>(epochs * steps);
      for (auto& group : optimizer.param_groups()) group.options().set_lr(rate * one_cycle(share));
      const auto rows = order.narrow(0, step * batch, batch);
      auto input = choose(data.input, rows);
      augment(input);
      const auto logits = network->forward(input), target = data.target.index_select(0, rows);
      const auto loss = recipe.robust > 0
                            ? generalised_cross_entropy(logits, target, weight, recipe.robust)
                            : torch::cross_entropy_loss(logits, target, weight, at::Reduction::Mean, -100, recipe.label_smoothing);
      optimizer.zero_grad();
      loss.backward();
      torch::nn::utils::clip_grad_norm_(network->parameters(), 5.0);
      optimizer.step();
      {
        const torch::NoGradGuard no_grad;
        if (recipe.average_decay > 0) average.update(*network);
      }
      loss_sum += loss.item<double>();
    }

    EpochReport report{epoch, epochs, loss_sum / static_cast<double>(steps), 0, 0};
    if (judged) {
      const auto current = weights_of(*network);
      if (recipe.average_decay > 0) set_weights(*network, average.mean());
      const auto judgement = judge(evaluate(*network, judges), held_out.target);
      report.f_score = judgement.accuracy.macro_f;
      report.accuracy = judgement.accuracy.overall;
      if (report.f_score > best_score) {
        best_score = report.f_score;
        best_epoch = epoch;
      }
      // The latest within one standard error of the best (Breiman et al. 1984): a few held-out groups shall not end the learning by luck.
      if (report.f_score >= best_score - standard_error(report.accuracy, held_out.group)) {
        kept_epoch = epoch;
        best = weights_of(*network);
      }
      set_weights(*network, current);
    }
    curve.push_back({{"epoch", epoch}, {"loss", report.loss}});
    if (judged) curve.back().update({{"f_score", report.f_score}, {"accuracy", report.accuracy}});
    if (on_epoch) on_epoch(report);
    if (judged && recipe.patience > 0 && epoch - best_epoch >= recipe.patience) break;
    if (epoch == last_epoch) break;
  }

  if (judged)
    set_weights(*network, best);
  else if (recipe.average_decay > 0)
    set_weights(*network, average.mean());
  ModelFile file = network_file(spec, *network);
  file.spec.metrics["curve"] = curve;
  if (judged) {
    const auto logits = evaluate(*network, judges);
    const auto judgement = judge(logits, held_out.target);
    const TemperatureChoice choice = choose_temperature({spec.n_classes(), numbers_of(logits), held_out.target, held_out.group});
    file.spec.temperature = choice.temperature;
    file.spec.metrics["epoch"] = kept_epoch;
    file.spec.metrics["held_out"] = {{"samples", held_out.size()},
                                     {"accuracy", judgement.accuracy.overall},
                                     {"f_score", judgement.accuracy.macro_f},
                                     {"calibration_error_before", choice.error_before},
                                     {"calibration_error", choice.error}};
  }
  at::set_num_threads(threads_before);
  return file;
}

}  // namespace

ModelFile train_network(const ModelSpec& spec, const ModelInput& learn, const ModelInput& held_out, const Recipe& recipe,
                        const Device& device, const EpochCallback& on_epoch, const ModelFile* start) {
  return learn_network(spec, learn, held_out, recipe, 0, device, on_epoch, start);
}

ModelFile train_network(ModelSpec spec, const ModelInput& input, const Recipe& recipe, const Device& device, const EpochCallback& on_epoch,
                        const ModelFile* start) {
  const HoldOut split = hold_out(input, recipe.validation_ratio, recipe.random_seed);
  const ModelInput learn = input.subset(split.learn), held_out = input.subset(split.held_out);
  spec.provenance.n_samples = learn.size();
  spec.provenance.n_held_out = held_out.size();
  const ModelFile first = train_network(spec, learn, held_out, recipe, device, on_epoch, start);
  if (!recipe.refits(input.size()) || held_out.size() == 0) return first;
  Recipe same = recipe;  // batches and rate were chosen for fewer samples
  same.epochs = recipe.epochs_for(learn.size());
  same.batch = recipe.batch_for(learn.size());
  spec.provenance.n_samples = input.size();
  ModelFile second = learn_network(spec, input, {}, same, first.spec.metrics["epoch"].get<int>(), device, on_epoch, start);
  second.spec.temperature = first.spec.temperature;
  second.spec.metrics = first.spec.metrics;
  return second;
}

}  // namespace millesime
