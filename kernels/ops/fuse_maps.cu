#include "kernels/ops/fuse_maps.impl.h"
template void millesime::fuse_maps_on<millesime::Cuda>(const millesime::Cuda&, const millesime::FuseMapsArgs&);
