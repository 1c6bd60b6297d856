// Length: what a training changes, and how that is saved and taken up again, is one class.

#include "models/base/training.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <map>
#include <numbers>
#include <optional>
#include <set>

#include <ATen/Context.h>
#include <torch/nn/utils/clip_grad.h>
#include <torch/optim/adamw.h>
#include <torch/utils.h>

#include "models/arch/make_network.h"
#include "models/base/augmentation.h"
#include "models/base/autocast.h"
#include "models/base/averaged_weights.h"
#include "models/base/calibration.h"
#include "models/base/checkpoint.h"
#include "models/base/device_memory.h"
#include "models/base/epoch_choice.h"
#include "models/base/loss.h"
#include "models/base/network.h"
#include "models/base/one_cycle.h"
#include "models/base/one_library_thread.h"
#include "models/base/rare_classes.h"
#include "models/base/sample_feed.h"
#include "models/base/shards.h"
#include "models/base/training_tensors.h"
#include "pipeline/core/accuracy.h"
#include "pipeline/core/checksum.h"
#include "pipeline/core/error.h"
#include "pipeline/core/interruption.h"

namespace millesime {
namespace {

using torch::Tensor;

void check_learnable(const ModelSpec& spec, const InputTable& learn) {
  const std::set<int> classes(learn.target.begin(), learn.target.end());
  if (classes.size() < 2)
    throw UserError(join_text(spec.architecture, ": samples of at least two classes are needed for training, got ", classes.size()));
  for (const int target : learn.target)
    MILLESIME_CHECK(target >= 0 && target < spec.n_classes(), "class index ", target, " of ", spec.n_classes());
}

bool in_bfloat16(Precision precision, torch::Device device) {
  return precision == Precision::bfloat16 || (precision == Precision::automatic && device.is_cuda());
}

// Everything that determines the result of a training, as one number: another training does not use its checkpoint.
std::string fingerprint(const ModelSpec& spec, const InputTable& learn, const InputTable& held_out, const Recipe& recipe, int last_epoch,
                        const TrainingRun& run) {
  std::string text = join_text(spec.to_json().dump(), "\nepochs chosen by halves, last epoch ", last_epoch,
                               torch_device(run.device).is_cpu() ? ", cpu" : ", cuda",
                               in_bfloat16(run.precision, torch_device(run.device)) ? ", bfloat16" : "");
  Recipe copy = recipe;
  Options options;
  copy.declare(options);
  for (const auto& option : options.all()) text += join_text("\n", option.key(), " = ", option.value_text());
  const auto add = [&text](const auto& values) {
    text += "\n" + xxh3({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(values[0])});
  };
  text += join_text("\nhidden ends ", run.cut.share, " from ", run.cut.first, " to ", run.cut.last);
  for (const InputTable* input : {&learn, &held_out}) text += "\n" + input->identity();
  if (run.start)
    for (const auto& [name, tensor] : run.start->tensors) text += "\n" + name, add(tensor.values);
  return xxh3(text);
}

at::Generator generator(std::int64_t seed, int stream, torch::Device device) {
  auto random = at::globalContext().defaultGenerator(device).clone();
  random.set_current_seed(static_cast<std::uint64_t>(seed + 1 + std::int64_t{1000003} * stream));
  return random;
}

// The share of the memory for the samples that are learned from; the rest is for those that judge. What one does not need the other gets.
std::int64_t memory_for_learning(const InputTable& learn, const InputTable& held_out, const TrainingRun& run) {
  const std::int64_t spare = std::max(run.memory_bytes / 3, run.memory_bytes - learn.bytes());
  return run.memory_bytes - std::min(held_out.bytes(), spare);
}

// A training from the first epoch, or a checkpoint, to the last.
class Training {
 public:
  // `last_epoch`: where to stop on the schedule of the whole training; 0: at its end.
  Training(const ModelSpec& spec, const InputTable& learn, const InputTable& held_out, const Recipe& recipe, int last_epoch,
           const TrainingRun& run)
      : spec_(spec),
        held_out_(held_out),
        recipe_(recipe),
        run_(run),
        where_(torch_device(run.device)),
        learn_(learn, spec, where_, memory_for_learning(learn, held_out, run), run.threads),
        judges_(held_out, spec, where_, run.memory_bytes - memory_for_learning(learn, held_out, run), run.threads),
        batch_(std::min<std::int64_t>(recipe.batch_for(learn.size()), learn.size())),
        steps_(std::max<std::int64_t>(1, learn.size() / batch_)),
        epochs_(recipe.epochs_for(learn.size())),
        last_epoch_(last_epoch > 0 ? last_epoch : epochs_),
        rate_(recipe.rate_for(static_cast<int>(batch_))),
        shards_(spec, run.start, where_, where_.is_cpu() ? shards_of(batch_) : 1, recipe.random_seed),
        network_(shards_.network()),
        optimizer_(make_optimizer()),
        class_weight_(class_weights(learn.target, spec.n_classes(), recipe.class_balance).to(where_)),
        adjustment_(logit_adjustment(learn.target, spec.n_classes(), recipe.logit_adjustment).to(where_)),
        augment_(recipe, spec, !learn.complete(), run.make_batch, run.cut),
        average_(network_, recipe.average_decay),
        shuffling_(generator(recipe.random_seed, 0, torch::kCPU)),
        halves_(held_out, spec.n_classes()) {
    use_exact_arithmetic(where_);
    for (int i = 0; i < shards_.size(); ++i) {
      dropping_.push_back(generator(recipe.random_seed, 1 + i, where_));
      shards_.network(i).draw_from(dropping_.back());
    }
    if (!run.checkpoint.empty()) name_ = fingerprint(spec, learn, held_out, recipe, last_epoch, run);
  }

  ModelFile learn() {
    go_on();
    while (!finished_) {
      try {
        learn_epoch();
        const EpochReport report = judge_epoch(loss_sum_ / static_cast<double>(steps_));
        ++epoch_, step_ = 0, loss_sum_ = 0, before_epoch_ = Tensor();
        finished_ = epoch_ == last_epoch_ || (judged() && recipe_.patience > 0 && epoch_ - best_epoch_ >= recipe_.patience);
        if (run_.on_epoch) run_.on_epoch(report);
      } catch (const Interrupted&) {  // between two batches, or before the epoch was judged, or after it
        keep(true);
        throw;
      }
      keep(false);
    }
    return result();
  }

 private:
  bool judged() const { return held_out_.size() > 0; }

  // No decay on gains, biases and queries.
  torch::optim::AdamW make_optimizer() {
    using AdamOptions = torch::optim::AdamWOptions;
    std::vector<Tensor> decayed, others;
    for (const auto& p : network_.parameters()) (p.dim() > 1 ? decayed : others).push_back(p);
    return torch::optim::AdamW(
        {torch::optim::OptimizerParamGroup(decayed, std::make_unique<AdamOptions>(AdamOptions(rate_).weight_decay(recipe_.weight_decay))),
         torch::optim::OptimizerParamGroup(others, std::make_unique<AdamOptions>(AdamOptions(rate_).weight_decay(0)))},
        AdamOptions(rate_));
  }

  // The steps of an epoch that are left. They have equal size; remaining samples are left for the next shuffle.
  void learn_epoch() {
    before_epoch_ = shuffling_.get_state().clone();
    const auto order = epoch_order(learn_.size(), shuffling_).narrow(0, step_ * batch_, (steps_ - step_) * batch_);
    learn_.for_each_part(order, batch_, [&](const TrainingTensors& data, const Tensor& rows) {
      augment_.read_from(data.input);
      for (std::int64_t first = 0; first < rows.size(0); first += batch_) {
        end_if_requested();
        loss_sum_ += learn_batch(data, rows.narrow(0, first, batch_), step_);
        ++step_;
        if (run_.checkpoint_seconds > 0) keep(false);
      }
    });
  }

  double learn_batch(const TrainingTensors& data, const Tensor& rows, std::int64_t step) {
    const double share = static_cast<double>(epoch_ * steps_ + step) / static_cast<double>(epochs_ * steps_);
    for (auto& group : optimizer_.param_groups()) group.options().set_lr(rate_ * one_cycle(share));
    const double loss = add_gradients(data, rows, epoch_ * steps_ + step);
    torch::nn::utils::clip_grad_norm_(network_.parameters(), 5.0);
    optimizer_.step();
    const torch::NoGradGuard no_grad;
    if (recipe_.average_decay > 0) average_.update(network_);
    return loss;
  }

  // Of the samples' mean loss, weighted by class. Returns the loss.
  double add_gradients(const TrainingTensors& data, const Tensor& rows, std::int64_t step) {
    const auto total = class_weight_.index_select(0, data.target.index_select(0, rows)).sum();
    return shards_.add_gradients(rows, run_.threads, [&](int shard, Network& network, const Tensor& own_rows) {
      const auto input = augment_(own_rows, static_cast<std::uint64_t>(step * shards_.size() + shard));
      const auto target = data.target.index_select(0, own_rows);
      auto logits = forward(network, input);
      if (recipe_.logit_adjustment > 0) logits = logits + adjustment_;
      const auto loss = recipe_.robust > 0
                            ? generalised_cross_entropy(logits, target, class_weight_, recipe_.robust)
                            : torch::cross_entropy_loss(logits, target, class_weight_, at::Reduction::Sum, -100, recipe_.label_smoothing);
      return loss / total;
    });
  }

  Tensor forward(Network& network, const NetworkInput& input) const {
    const Autocast sixteen_bits(in_bfloat16(run_.precision, where_), where_.type());
    return network.forward(input).to(torch::kFloat32);
  }

  EpochReport judge_epoch(double loss) {
    const int epoch = epoch_ + 1;
    EpochReport report{epoch, epochs_, loss, 0, 0};
    if (judged()) {
      const auto current = weights_of(network_);
      if (recipe_.average_decay > 0) set_weights(network_, average_.mean());
      const Tensor logits = [&] {
        try {
          return evaluate(network_, judges_, run_.threads);
        } catch (const Interrupted&) {
          set_weights(network_, current);
          throw;
        }
      }();
      const Accuracy accuracy = judge(logits, held_out_.target);
      report.f_score = accuracy.macro_f;
      report.accuracy = accuracy.overall;
      if (report.f_score > best_score_) {
        best_score_ = report.f_score;
        best_epoch_ = epoch;
      }
      // The latest epoch within one standard error of the best (Breiman et al. 1984): with few held-out groups the best one is partly
      // random.
      if (report.f_score >= best_score_ - standard_error(report.accuracy, held_out_.group)) {
        kept_epoch_ = epoch;
        best_ = weights_of(network_);
      }
      set_weights(network_, current);
      halves_.meet(logits);
    }
    curve_.push_back({{"epoch", epoch}, {"loss", report.loss}});
    if (judged()) curve_.back().update({{"f_score", report.f_score}, {"accuracy", report.accuracy}});
    return report;
  }

  ModelFile result() {
    if (judged())
      set_weights(network_, best_);
    else if (recipe_.average_decay > 0)
      set_weights(network_, average_.mean());
    ModelFile file = network_file(spec_, network_);
    file.spec.metrics["curve"] = curve_;
    if (!judged()) return file;
    HeldOutLogits held_out;
    held_out.n_classes = spec_.n_classes();
    held_out.logits = numbers_of(evaluate(network_, judges_, run_.threads));
    held_out.target = held_out_.target, held_out.group = held_out_.group;
    held_out.chose_epoch = true;
    if (halves_.can_choose()) {
      held_out.crossed = halves_.kept();
      if (run_.on_crossed) run_.on_crossed(halves_.judged_by_other());
    }
    enter_calibration(file.spec, held_out);
    file.spec.metrics["epoch"] = kept_epoch_;
    return file;
  }

  // Everything that changes from step to step, by name: keep() stores it and go_on() restores it.
  std::map<std::string, Tensor> state() {
    std::map<std::string, Tensor> all;
    const auto add = [&all](const std::string& name, const std::vector<Tensor>& list) {
      for (std::size_t i = 0; i < list.size(); ++i) all[join_text(name, "/", i)] = list[i];
    };
    add("weights", weights_of(network_));
    add("average", average_.mean());
    add("best", best_);
    add("crossed", halves_.state());
    std::vector<Tensor> mean, square;
    for (const auto& p : network_.parameters())
      if (const auto* moments = moments_of(p)) mean.push_back(moments->exp_avg()), square.push_back(moments->exp_avg_sq());
    add("mean_gradient", mean);
    add("mean_square", square);
    std::vector<Tensor> random{before_epoch_.defined() ? before_epoch_ : shuffling_.get_state()};  // the order of an epoch is drawn again
    for (const auto& g : dropping_) random.push_back(g.get_state());
    add("random", random);
    return all;
  }

  const torch::optim::AdamWParamState* moments_of(const Tensor& parameter) {
    const auto found = optimizer_.state().find(parameter.unsafeGetTensorImpl());
    return found == optimizer_.state().end() ? nullptr : static_cast<const torch::optim::AdamWParamState*>(found->second.get());
  }

  void keep(bool now) {
    using Clock = std::chrono::steady_clock;
    const std::chrono::duration<double> since = Clock::now() - kept_at_;
    if (run_.checkpoint.empty() || (!finished_ && !now && since.count() < run_.checkpoint_seconds)) return;
    Checkpoint checkpoint{name_, {}, state()};
    checkpoint.progress = {{"epoch", epoch_},
                           {"finished", finished_},
                           {"best_score", best_score_},
                           {"half_scores", halves_.scores()},
                           {"best_epoch", best_epoch_},
                           {"kept_epoch", kept_epoch_},
                           {"steps", average_.steps()},
                           {"curve", curve_},
                           {"step", step_},
                           {"loss_sum", loss_sum_}};
    try {
      write_checkpoint(checkpoint, run_.checkpoint);
    } catch (const UserError& error) {  // a failed checkpoint does not end the training
      note(join_text("no checkpoint written: ", error.what()));
    }
    kept_at_ = Clock::now();
  }

  void go_on() {
    std::optional<Checkpoint> found;
    try {
      if (!run_.checkpoint.empty()) found = read_checkpoint(run_.checkpoint, name_);
    } catch (const UserError& error) {
      note(join_text("the training starts again from the beginning: ", error.what()));
    }
    if (!found) return;
    const auto& progress = found->progress;
    epoch_ = progress["epoch"], finished_ = progress["finished"], best_score_ = progress["best_score"];
    best_epoch_ = progress["best_epoch"], kept_epoch_ = progress["kept_epoch"], curve_ = progress["curve"];
    step_ = progress.value("step", std::int64_t{0}), loss_sum_ = progress.value("loss_sum", 0.0);
    const auto list = [&](const std::string& name) {
      std::vector<Tensor> tensors;
      for (auto at = found->tensors.find(name + "/0"); at != found->tensors.end();
           at = found->tensors.find(join_text(name, "/", tensors.size())))
        tensors.push_back(at->second.to(name == "random" ? torch::Device(torch::kCPU) : where_));
      return tensors;
    };
    set_weights(network_, list("weights"));
    average_.go_on(progress["steps"], list("average"));
    best_ = list("best");
    halves_.go_on(progress["half_scores"], list("crossed"));
    const auto mean = list("mean_gradient"), square = list("mean_square"), random = list("random");
    const auto parameters = network_.parameters();
    MILLESIME_CHECK(mean.size() == parameters.size(), mean.size(), " moments of ", parameters.size(), " parameters");
    for (std::size_t i = 0; i < mean.size(); ++i) {
      auto moments = std::make_unique<torch::optim::AdamWParamState>();
      moments->step(epoch_ * steps_ + step_).exp_avg(mean[i]).exp_avg_sq(square[i]);
      optimizer_.state()[parameters[i].unsafeGetTensorImpl()] = std::move(moments);
    }
    shards_.share_statistics();
    std::size_t i = 0;
    shuffling_.set_state(random.at(i++));
    for (auto& g : dropping_) g.set_state(random.at(i++));
    if (run_.on_resume) run_.on_resume(epoch_);
  }

  void note(const std::string& text) const {
    if (run_.on_note) run_.on_note(text);
  }

  const ModelSpec& spec_;
  const InputTable& held_out_;
  const Recipe& recipe_;
  const TrainingRun& run_;
  torch::Device where_;
  SampleFeed learn_, judges_;
  std::int64_t batch_, steps_;
  int epochs_, last_epoch_;
  double rate_;
  Shards shards_;
  Network& network_;
  torch::optim::AdamW optimizer_;
  Tensor class_weight_, adjustment_;  // [K] each
  Augmentation augment_;
  AveragedWeights average_;
  at::Generator shuffling_;
  EpochHalves halves_;
  std::vector<at::Generator> dropping_;  // one a shard
  std::string name_;                     // of this training, in its checkpoint
  std::chrono::steady_clock::time_point kept_at_ = std::chrono::steady_clock::now();

  // State that changes from step to step, except weights, moments and generators.
  int epoch_ = 0;          // epochs learned
  std::int64_t step_ = 0;  // steps of the next one
  double loss_sum_ = 0;    // of these
  Tensor before_epoch_;    // in an epoch, the generator that draws its order, before it did
  bool finished_ = false;
  double best_score_ = -1;
  int best_epoch_ = 0, kept_epoch_ = 0;
  std::vector<Tensor> best_;
  nlohmann::json curve_ = nlohmann::json::array();
};

ModelFile learn_network(const ModelSpec& spec, const InputTable& learn, const InputTable& held_out, const Recipe& recipe, int last_epoch,
                        const TrainingRun& run) {
  check_learnable(spec, learn);
  const OneLibraryThread one;
  return Training(spec, learn, held_out, recipe, last_epoch, run).learn();
}

}  // namespace

ModelFile train_network(const ModelSpec& spec, const InputTable& learn, const InputTable& held_out, const Recipe& recipe,
                        const TrainingRun& run) {
  return learn_network(spec, learn, held_out, recipe, 0, run);
}

ModelFile train_held_out(ModelSpec spec, const InputTable& samples, const InputTable& held_out, const Recipe& recipe,
                         const TrainingRun& run) {
  spec.provenance.n_samples = samples.size();
  spec.provenance.n_held_out = held_out.size();
  const InputTable learn = with_rare_classes(samples, spec, recipe, run.memory_bytes);
  count_learned(spec, learn);
  return train_network(spec, learn, held_out, recipe, run);
}

ModelFile learn_again(const ModelFile& first, const InputTable& input, const Recipe& recipe, const TrainingRun& run) {
  ModelSpec spec = first.spec;
  if (!recipe.refits(input.groups()) || spec.provenance.n_held_out == 0) return first;
  Recipe same = recipe;  // batches and rate as chosen for fewer samples
  const std::int64_t n_learned = samples_learned(spec);
  same.epochs = recipe.epochs_for(n_learned);
  same.batch = recipe.batch_for(n_learned);
  spec.provenance.n_samples = input.size();
  const InputTable all = with_rare_classes(input, spec, recipe, run.memory_bytes);
  count_learned(spec, all);
  TrainingRun again = run;  // the first network's checkpoint stays: it is finished
  again.checkpoint = second_checkpoint(run.checkpoint);
  ModelFile second = learn_network(spec, all, {}, same, first.spec.metrics["epoch"].get<int>(), again);
  second.spec.temperature = first.spec.temperature, second.spec.sharpening = first.spec.sharpening;
  second.spec.metrics = first.spec.metrics;
  return second;
}

ModelFile untrained_network(const ModelSpec& spec, std::int64_t seed) {
  torch::manual_seed(static_cast<std::uint64_t>(seed));
  return network_file(spec, *make_network(spec));
}

}  // namespace millesime
