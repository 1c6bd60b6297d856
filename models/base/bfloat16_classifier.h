#pragma once
// A trained network with weights and activations of 16 bits (bfloat16: the exponent of a float, 8 bits of its fraction). Processors that
// multiply such numbers (AVX512_BF16, AMX; GPUs) are at least twice as fast; probabilities differ in the second or third digit. The
// result of a pixel does not depend on its position in a batch or on threads, but on the kind of processor.

#include <memory>

#include "models/base/classifier.h"

namespace millesime {

// UserError for architectures other than temporal_cnn: they gain little, or read numbers (days) that 8 bits do not hold. Maps by ltae are
// made by a kernel with a form of its own (kernels/ops/ltae.h).
std::unique_ptr<Classifier> load_bfloat16_classifier(const ModelFile& file, const Device& device, int threads = 1);

}  // namespace millesime
