#include "kernels/ops/confusion.impl.h"

namespace millesime {

void confusion(const Stream& stream, const ConfusionArgs& args) {
  on_backend(stream, [&](const auto& backend) { confusion_on(backend, args); });
}

}  // namespace millesime
