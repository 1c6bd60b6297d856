#pragma once
// Ensembles: several trained models as one; its probabilities are the mean of theirs (deep ensembles, Lakshminarayanan et al. 2017),
// weighted by ModelSpec::weight. Members may have any architecture and input; they are stored in one file (ModelFile::members).

#include <vector>

#include "models/base/model_file.h"

namespace millesime {

inline constexpr const char* kEnsemble = "ensemble";  // ModelSpec::architecture of an ensemble

// One that is an ensemble is replaced by its members, which share the weight of one model. The spec of the ensemble is that of the first
// member, with the papers of all. UserError that names both files if members differ in classes or in the bands of their main source, or
// for fewer than two members.
ModelFile make_ensemble(const std::vector<ModelFile>& models);

}  // namespace millesime
