#include "kernels/ops/quantile_features.impl.h"
template void millesime::quantile_features_on<millesime::Cuda>(const millesime::Cuda&, const millesime::QuantileFeaturesArgs&);
