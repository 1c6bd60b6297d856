#include "kernels/ops/confusion.impl.h"
template void millesime::confusion_on<millesime::Cuda>(const millesime::Cuda&, const millesime::ConfusionArgs&);
template void millesime::class_areas_on<millesime::Cuda>(const millesime::Cuda&, const millesime::ClassAreasArgs&);
template void millesime::class_series_on<millesime::Cuda>(const millesime::Cuda&, const millesime::ClassSeriesArgs&);
