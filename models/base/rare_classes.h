#pragma once
// Augmentation of rare classes: samples are added to the classes that have few, before a model learns and never to what judges it.
//
//   replicate  copies
//   jitter     copies with normal noise, Recipe::oversample_jitter deviations that the class has at that date and feature
//   smote      a point between a sample and one of its nearest neighbours of the same class (Chawla et al. 2002, JAIR 16, 321-357)
//
// Validity: copies keep the mask of their sample. SMOTE is valid at a date where one of the two parents is: between them where both are,
// the value of the one that is valid where the other is not. Neighbours are the samples with the smallest mean squared difference over
// what is valid in both; a sample without a date in common with another of its class is copied. Only samples of the same dates take part
// together, since positions of different dates mean different days (raw series of several tiles).

#include "models/base/model_input.h"
#include "models/base/model_spec.h"
#include "models/base/recipe.h"

namespace millesime {

// `learn`, then what Recipe::oversample adds. Each class grows to Recipe::oversample_to samples (0: as many as the largest class has), or
// to its own number in oversample_by_class; classes that have as many stay as they are. Every sample of a class is a parent as often as
// another, but for one. What is added depends on the seed and on the samples, not on their order; it belongs to its parent's group.
ModelInput with_rare_classes(const ModelInput& learn, const ModelSpec& spec, const Recipe& recipe);

// Enters in the provenance how many samples of each class a model learned from.
void count_learned(ModelSpec& spec, const ModelInput& learn);
// Their sum; without such counts, the samples of the provenance.
std::int64_t samples_learned(const ModelSpec& spec);

}  // namespace millesime
