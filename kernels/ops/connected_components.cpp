#include "kernels/ops/connected_components.impl.h"

#include <limits>

#include "pipeline/core/error.h"

namespace millesime {

void connected_components(const Stream& stream, const ConnectedComponentsArgs& args) {
  MILLESIME_CHECK(std::int64_t{args.width} * args.height <= std::numeric_limits<std::int32_t>::max(), "components of ", args.width, " x ",
                  args.height, " px, fewer than 2^31 are possible");
  MILLESIME_CHECK(args.connectivity == 4 || args.connectivity == 8, "connectivity ", args.connectivity);
  on_backend(stream, [&](const auto& backend) { connected_components_on(backend, args); });
}

}  // namespace millesime
