#include "kernels/ops/mosaic_rule.impl.h"
template void millesime::mosaic_rule_on<millesime::Cuda>(const millesime::Cuda&, const millesime::MosaicRuleArgs&);
