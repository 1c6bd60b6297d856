#include "kernels/ops/connected_components.impl.h"
template void millesime::connected_components_on<millesime::Cuda>(const millesime::Cuda&, const millesime::ConnectedComponentsArgs&);
