#pragma once
// Options that were set and that nothing reads: train.trees beside a network.

#include <string>
#include <vector>

#include "models/base/model_file.h"
#include "pipeline/core/options.h"
#include "pipeline/learning/model_options.h"

namespace millesime {

// The kinds of models (models/base/option_readers.h) that are trained, of all members together. `tuned`: the model is fine-tuned.
std::vector<std::string> readers_of(const ModelOptions& model, bool tuned = false);
std::vector<std::string> readers_of(const ModelFile& model);  // of one that is there

// "train.epochs has no effect on the model random_forest: networks read it" of every option whose origin is not "default" and which none of
// `readers` reads; "" if there is none. `model`: what it is called.
std::string unread_options(const Options& options, const std::vector<std::string>& readers, const std::string& model);

// What `benchmark`, `tune` and `samples audit` set in vain: of `assignments`, which are for all of the models (members joined by +, each as
// read_member() of benchmark.h reads it), those that none reads, and of a member's own options those that it does not read.
std::string unread_assignments(const std::vector<std::string>& assignments, const std::vector<std::string>& models);

}  // namespace millesime
