#include "models/base/recipe.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "models/base/option_readers.h"
#include "pipeline/core/nomenclature.h"

namespace millesime {

int Recipe::epochs_for(std::int64_t samples) const {
  if (epochs > 0) return epochs;
  return static_cast<int>(std::clamp<std::int64_t>(kSamplesSeen / std::max<std::int64_t>(samples, 1), kFewestEpochs, kFullEpochs));
}

int Recipe::batch_for(std::int64_t samples) const {
  if (batch > 0) return batch;
  int size = 16;
  while (size < 512 && size * 48 < samples) size *= 2;  // the power of two nearest to a 32nd
  return size;
}

double Recipe::stretch_for(bool thermal) const { return stretch >= 0 ? stretch : thermal ? 0.1 : 0; }

double Recipe::rate_for(int batch_size) const { return learning_rate * std::sqrt(batch_size / 128.0); }

void Recipe::declare(Options& options) {
  options.section("train");
  options.add("epochs", &epochs, "passes over the samples; 0: 100, fewer for large sets").range(0, 100000).read_by(reader::kNetworks);
  options.add("batch", &batch, "samples a step; 0: by the number of samples, 16 to 512").range(0, 1 << 20).read_by(reader::kNetworks);
  options
      .add("learning_rate", &learning_rate,
           "highest learning rate of the one-cycle schedule, for 128 samples a step; it grows with the square root of the batch")
      .range(1e-7, 1)
      .read_by(reader::kNetworks);
  options.add("weight_decay", &weight_decay, "decay of the weights (AdamW)").range(0, 1).read_by(reader::kNetworks);
  options.add("label_smoothing", &label_smoothing, "share of the target spread over all classes").range(0, 0.9).read_by(reader::kNetworks);
  options
      .add("robust", &robust,
           "against wrong labels: exponent q of the generalised cross entropy, e.g. 0.7; 0: cross entropy (with label_smoothing)")
      .range(0, 1)
      .read_by(reader::kNetworks);
  options
      .add("doubtful", &doubtful,
           "against wrong labels: a polygon of at least five samples does not learn where forests that learned from the others give "
           "another class a probability that is by this larger than that of its own; at most one in five of a class; where it is held "
           "out, it judges; 0: all learn")
      .range(0, 1);
  options
      .add("class_balance", &class_balance,
           "the weight of a class is its frequency to the power of minus this: 0: no weights, 1: all classes equal")
      .range(0, 1);
  options
      .add("logit_adjustment", &logit_adjustment,
           "for rare classes: this times the logarithm of a class's share is added to its logit while learning (Menon et al. "
           "2021); 0: off, 1: all classes are judged alike")
      .range(0, 3)
      .read_by(reader::kNetworks);
  options.add("average_decay", &average_decay, "decay of the moving average of the weights; 0: none")
      .range(0, 0.99999)
      .read_by(reader::kNetworks);
  options.add("patience", &patience, "epochs without improvement before training stops; 0: never")
      .range(0, 100000)
      .read_by(reader::kNetworks);
  options.add("validation_ratio", &validation_ratio, "share of the learning polygons held out to choose the epoch and to calibrate")
      .range(0, 0.9);
  options
      .add("refit_polygons", &refit_polygons,
           "with samples of at most this number of polygons, a second network learns from all of them once epoch and calibration are "
           "chosen; samples without polygons count as one each")
      .range(0, 1e9)
      .read_by(reader::kNetworks);
  options
      .add("effort", &effort,
           "what the model auto spends: quick: a network and a forest; standard: two seeds of ltae, temporal_cnn, a light inception_time "
           "where no series has a gap, and a forest; best: several networks of each and a forest. Members that add nothing on held-out "
           "polygons are left out")
      .choices({"quick", "standard", "best"})
      .read_by(reader::kChosen);
  options.add("date_dropout", &date_dropout, "maximum share of the valid dates hidden in training")
      .range(0, 0.95)
      .read_by(reader::kRawNetworks);
  options
      .add(
          "season_cut", &season_cut,
          "one model for maps of any day: beside the network of the whole season another one learns every 10 days, with the "
          "season of this share of the samples hidden after a day around it, and a map is the mean of the two or three nearest; 1: of all; "
          "0: no such model")
      .range(0, 1)
      .read_by(reader::kRawNetworks);
  options.add("noise", &noise, "standard deviation of the noise added in training, in standard deviations of the feature")
      .range(0, 10)
      .read_by(reader::kNetworks);
  options.add("shift_days", &shift_days, "standard deviation of the shift in time in training")
      .unit("days")
      .range(0, 100)
      .read_by(reader::kRawNetworks);
  options
      .add("stretch", &stretch,
           "standard deviation of a stretch of the positions in time in training, as a share of the time since the start; -1: "
           "0.1 by thermal time, none by the calendar")
      .range(-1, 0.5)
      .read_by(reader::kRawNetworks);
  options
      .add("oversample", &oversample,
           "samples added to rare classes while learning: copies, copies with noise, or between neighbours (SMOTE)")
      .choices({"none", "replicate", "jitter", "smote"});
  options.add("oversample_to", &oversample_to, "oversample: number of samples that a class grows to; 0: as many as the largest class has")
      .range(0, 1e9);
  options.add("oversample_by_class", &oversample_by_class, "oversample: number of samples that single classes grow to, e.g. 34=500");
  options
      .add("oversample_jitter", &oversample_jitter,
           "oversample jitter: standard deviation of the noise, in standard deviations of the class at that date and feature")
      .range(0, 10);
  options
      .add("oversample_neighbours", &oversample_neighbours,
           "oversample smote: number of nearest neighbours that a sample may be paired with")
      .range(1, 1000);
  options
      .add("precision", &precision, "precision of the training of networks; auto: bfloat16 (mixed precision) on a GPU, float32 on the CPU")
      .choices({"auto", "float32", "bfloat16"})
      .read_by(reader::kNetworks);
  options.add("trees", &trees, "number of trees").range(1, 10000).read_by(reader::kForests);
  options.add("depth", &depth, "maximum depth").range(1, 100).read_by(reader::kForests);
  options.add("min_leaf", &min_leaf, "a node of this number of samples or fewer is not split").range(1, 100000).read_by(reader::kForests);
  options.add("random_seed", &random_seed, "seed of weights, batches and trees; seed i of a run uses random_seed + i").range(0, 1e15);
}

namespace {

// Calls set(option) for every option of [train] in configs/models/<model>.toml.
template <class Set>
void for_each_told(const std::string& model, const Set& set) {
  const std::string file = configs_folder() + "/models/" + model + ".toml";
  if (!std::filesystem::exists(file)) return;
  Recipe recipe;
  Options told;
  recipe.declare(told);
  told.read_toml(file);
  for (const auto& option : told.all())
    if (option.origin() != "default") set(option);
}

}  // namespace

void apply_recipe(Options& options, const std::string& model) {
  for_each_told(model, [&](const Option& option) {
    Option* ours = options.find(option.key());
    if (ours && ours->origin() == "default") ours->take(option);
  });
}

Recipe recipe_for(const std::string& model, const Recipe& told) {
  Recipe recipe = told, plain;
  Options ours, defaults;
  recipe.declare(ours);
  plain.declare(defaults);
  for_each_told(model, [&](const Option& option) {
    Option* mine = ours.find(option.key());
    if (mine->value_text() == defaults.find(option.key())->value_text()) mine->take(option);
  });
  return recipe;
}

}  // namespace millesime
