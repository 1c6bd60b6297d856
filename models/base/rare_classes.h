#pragma once
// Augmentation of rare classes: samples are added to classes with few samples before training, never to held-out or test samples.
//
//   replicate  copies
//   jitter     copies with normal noise of Recipe::oversample_jitter times the deviation of the class at that date and feature
//   smote      a point between a sample and one of its nearest neighbours of the same class (Chawla et al. 2002, JAIR 16, 321-357)
//
// Validity: copies keep the mask of their sample. A SMOTE sample is valid at a date if at least one parent is: its value is interpolated if
// both are valid, or else that of the valid one. Neighbours are the samples with the smallest mean squared difference over
// the values valid in both; a sample that shares no valid date with another one of its class is copied. Only samples with the same dates
// are paired, since positions of different dates mean different days (raw series of several tiles).

#include "models/base/input_table.h"
#include "models/base/model_spec.h"
#include "models/base/recipe.h"

namespace millesime {

// `learn`, then the samples that Recipe::oversample adds. Each class grows to oversample_to samples (0: as many as the largest class has),
// or to its number in oversample_by_class; larger classes stay as they are. The samples of a class are parents equally often (within one).
// The added samples depend on the seed and on the samples, not on their order; each belongs to the group of its parent.
ModelInput with_rare_classes(const ModelInput& learn, const ModelSpec& spec, const Recipe& recipe);

// The same of a table; itself where nothing is added. UserError if the samples need more than the memory, as all of a class are looked at.
InputTable with_rare_classes(const InputTable& learn, const ModelSpec& spec, const Recipe& recipe, std::int64_t memory_bytes);

// Stores in the provenance the number of samples of each class that a model learned from.
void count_learned(ModelSpec& spec, const InputTable& learn);
// Their sum; without such counts, the samples of the provenance.
std::int64_t samples_learned(const ModelSpec& spec);

}  // namespace millesime
