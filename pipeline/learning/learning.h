#pragma once
// The training of one architecture: its training and held-out samples, and the resulting model.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "models/base/input_table.h"
#include "models/base/joint_calibration.h"
#include "models/base/season.h"
#include "models/base/training.h"
#include "pipeline/core/context.h"
#include "pipeline/learning/doubtful.h"
#include "pipeline/learning/request.h"
#include "pipeline/learning/sample_input.h"

namespace millesime {

// What is known of the samples before they are learned from.
struct LearningAids {
  DoubtfulPolygons doubtful;
  std::vector<SampleSelection> judging;  // samples of known classes that choose the epoch and calibrate; empty: some are held out
};

class Learning {
 public:
  // As of learn_model(); request.model.name is an architecture.
  Learning(const LearningRequest& request, const std::vector<NamedSamples>& all, const std::vector<SampleSelection>& found,
           const LearningAids& aids, const Context& context);
  Learning(const Learning&) = delete;
  Learning& operator=(const Learning&) = delete;

  std::int64_t samples() const { return input_.size(); }
  std::int64_t polygons() const;  // or groups of a table; the errors of samples of one group are correlated
  std::size_t sources() const { return spec_.sources.size(); }
  double seconds_per_pixel() const;  // of a map on this machine, about: measured with a model that has learned little
  bool dense() const { return spec_.sources.size() == 1 && input_.complete(); }  // whether convolutions over a regular series can read it

  // Trained on the samples that are not held out, calibrated with the held-out ones. With request.folds there are several such models: the
  // first is returned, with the median of their epochs and the calibration by the samples held out from any.
  LearnedModel first();
  // Trained on all samples, if learns_again().
  LearnedModel again(LearnedModel first);
  // A network if its polygons are few or it learned in folds, a forest always; neither if validation samples were given.
  bool learns_again() const;

 private:
  bool is_forest() const;
  bool in_folds() const { return folds_.size() > 1; }
  // Without doubtful samples: of these rows of input_, and of all.
  InputTable learners(std::vector<std::int64_t> rows) const;
  InputTable learners() const;
  ModelFile grow(ModelSpec spec, const InputTable& samples) const;
  // A model, and what a network said of each held-out sample, uncalibrated, at an epoch that others chose; without: it has no epochs, or
  // too few groups chose.
  struct Learned : LearnedModel {
    std::vector<double> crossed_logits = {};  // [sample][class]
  };
  Learned learn(const InputTable& samples, const InputTable& held_out, const std::string& checkpoint) const;
  LearnedModel join_folds(const std::vector<Learned>& learned) const;
  void learn_season(ModelFile& model, const InputTable& samples, const InputTable& held_out, const std::string& checkpoint) const;
  void learn_season_again(ModelFile& model, const ModelFile& first, const Recipe& recipe) const;

  const LearningRequest& request_;
  const Context& context_;
  ModelSpec spec_;
  std::optional<ModelFile> start_;
  Recipe recipe_;  // with the seed of this member
  InputTable input_;
  std::vector<bool> doubtful_;            // of each sample of input_: it judges, but does not learn; empty: none is
  std::vector<HoldOut> folds_;            // of input_; none: nothing is held out, or validation_ is
  std::optional<InputTable> validation_;  // of aids.judging
  TrainingRun run_;
  bool any_day_ = false;  // it learns for maps of any day, with
  SeasonPlan season_;     // the parts of the year that have networks of their own; none: the whole season alone
};

// The model to fine-tune; of an ensemble, the member of this architecture, or the first.
ModelFile model_to_tune(const std::string& file, const std::string& architecture);

// Call it when the model is written: removes the checkpoints of all its members next to it.
void remove_checkpoints(const LearningRequest& request);

}  // namespace millesime
