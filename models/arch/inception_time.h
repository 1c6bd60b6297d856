#pragma once
// InceptionTime: convolutions of several lengths side by side. Ismail Fawaz et al. 2020, "InceptionTime: Finding AlexNet for time series
// classification", Data Mining and Knowledge Discovery 34 (arXiv:1909.04939). One network; the paper's result is the mean of five
// (`millesime ensemble`).

#include <memory>

#include "models/base/model_spec.h"

namespace millesime {

class Network;

// Section 3.1: `depth` modules, each a bottleneck, convolutions of `kernel`, kernel / 2 and kernel / 4 dates (each made odd, so that dates
// stay where they are) beside a maximum over three, batch normalisation and ReLU; a shortcut over every third; the mean over the dates.
// Reads regular input of one source; statics join the mean.
std::shared_ptr<Network> make_inception_time(const ModelSpec& spec);

}  // namespace millesime
