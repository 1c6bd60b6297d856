#pragma once
// Maps of uncertainty (kernels/ops/uncertainty.h): bytes from 1 to 100, as those of a confidence, which says the opposite. The name of
// their band tells them apart.

#include <string>

namespace millesime {

inline constexpr const char* kUncertaintyBand = "uncertainty";

// UserError for another raster.
void require_uncertainty(const std::string& path);

}  // namespace millesime
