#pragma once

#include <string>

namespace millesime {

std::string version();  // "0.1.0", from the build system

}  // namespace millesime
