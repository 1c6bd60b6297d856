#pragma once
// InceptionTime: parallel convolutions of several lengths. Ismail Fawaz et al. 2020, "InceptionTime: Finding AlexNet for time series
// classification", Data Mining and Knowledge Discovery 34 (arXiv:1909.04939). One network; the paper's result is the mean of five
// (`millesime ensemble`).

#include <memory>

#include "models/base/model_spec.h"

namespace millesime {

class Network;

// Section 3.1: `depth` modules, each a bottleneck, convolutions of `kernel`, kernel / 2 and kernel / 4 dates (each made odd, so that dates
// keep their position) and a maximum over three dates, batch normalisation and ReLU; a shortcut over every third; the mean over the dates.
// Reads regular input of one source; static inputs are appended to the mean.
std::shared_ptr<Network> make_inception_time(const ModelSpec& spec);

}  // namespace millesime
