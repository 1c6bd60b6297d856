#include "kernels/ops/confusion.impl.h"

namespace millesime {

void confusion(const Stream& stream, const ConfusionArgs& args) {
  on_backend(stream, [&](const auto& backend) { confusion_on(backend, args); });
}

void class_areas(const Stream& stream, const ClassAreasArgs& args) {
  on_backend(stream, [&](const auto& backend) { class_areas_on(backend, args); });
}

void class_series(const Stream& stream, const ClassSeriesArgs& args) {
  on_backend(stream, [&](const auto& backend) { class_series_on(backend, args); });
}

}  // namespace millesime
