#include "pipeline/core/version.h"

namespace millesime {

std::string version() { return MILLESIME_VERSION; }

}  // namespace millesime
