#pragma once
// Recipe: the options of training. The defaults here are those of the default model; configs/models/<name>.toml holds what differs for
// another model, and [train] of a configuration or --set train.x=y overrides both.

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/core/options.h"

namespace millesime {

inline constexpr int kFullEpochs = 100, kFewestEpochs = 10;
inline constexpr std::int64_t kSamplesSeen = 20'000'000;

struct Recipe {  // [train]
  // networks
  int epochs = 0;                // 0: kFullEpochs, fewer where more than kSamplesSeen samples would be seen
  int batch = 0;                 // samples a step; 0: a 32nd of the samples, as a power of two from 16 to 512
  double learning_rate = 0.006;  // at the top of the one-cycle schedule (Smith & Topin 2018), for 128 samples a step; ~ sqrt(batch)
  double weight_decay = 0.01;    // AdamW (Loshchilov & Hutter 2019)
  double label_smoothing = 0.1;
  double robust = 0;                // q of the generalised cross entropy (Zhang & Sabuncu 2018): 0 cross entropy, 1 mean absolute error
  double doubtful = 0.8;            // polygons whose label others contradict by this probability do not learn (learning/doubtful.h); 0: all
  double class_balance = 0;         // weight of a class ~ frequency^-balance: 0 no weights, 1 all classes equal
  double logit_adjustment = 0;      // of rare classes: this times the logarithm of a class's share is added to its logit while learning
  double average_decay = 0.999;     // of the moving average of the weights that is kept; 0: the last weights
  int patience = 0;                 // epochs without a better F-score on held-out groups before stopping; 0: never stop early
  double validation_ratio = 0.15;   // share of the groups held out to choose the epoch and to calibrate
  int refit_polygons = 10000;       // of at most this number of polygons: a second network then learns from all of them
  std::string effort = "standard";  // of the model `auto`: what is trained (pipeline/learning/learn_model.h)
  // augmentation (raw input drops and shifts dates; noise is for both)
  double date_dropout = 0.4;  // up to this share of the valid dates is hidden, another share each time a sample is seen;
                              // no dates are hidden in training sets without gaps
  double season_cut = 0;      // share of the samples whose season is hidden after a day, raw input: a model for maps of any day (season.h)
  double noise = 0.02;        // standard deviation, in deviations of the feature
  double shift_days = 1;      // standard deviation of one shift of the whole series
  double stretch = -1;        // of one stretch of the positions in time, as a share; -1: stretch_for chooses
  // augmentation of rare classes, for every model (models/base/rare_classes.h)
  std::string oversample = "none";               // replicate, jitter, smote
  int oversample_to = 0;                         // samples that a class grows to; 0: as many as the largest class has
  std::vector<std::string> oversample_by_class;  // "34=500": of single classes
  double oversample_jitter = 0.1;                // in deviations of the class at that date and feature (OTB divides by 10)
  int oversample_neighbours = 5;                 // k of SMOTE
  std::string precision = "auto";                // of the training of networks (Precision, training.h)
  // random forest (defaults of iota2)
  int trees = 100;
  int depth = 25;
  int min_leaf = 5;  // a node of this number of samples or fewer is not split
  std::int64_t random_seed = 1;

  int epochs_for(std::int64_t samples) const;
  int batch_for(std::int64_t samples) const;
  double rate_for(int batch_size) const;
  double stretch_for(bool thermal) const;  // another year may be warmer than all that were seen: 0.1 by thermal time, none by the calendar
  bool refits(std::int64_t polygons) const { return validation_ratio > 0 && polygons <= refit_polygons; }

  void declare(Options& options);  // section "train"
};

// Sets every option of [train] that is still at its default (origin "default") to its value in configs/models/<model>.toml. Call it after
// the configuration and --set were read. Without such a file nothing changes.
void apply_recipe(Options& options, const std::string& model);

// The same for a recipe without its options: the value of the file is used where `told` has the default.
Recipe recipe_for(const std::string& model, const Recipe& told);

}  // namespace millesime
