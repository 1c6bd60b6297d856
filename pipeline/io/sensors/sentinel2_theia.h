#pragma once
// Sentinel-2 L2A of THEIA (MUSCATE processing): <root>/<tile>/SENTINEL2A_20180511-105804-037_L2A_T31TCJ_D_V1-7/
//   <product>_FRE_B2.tif, B3, B4, B8 at 10 m; B5, B6, B7, B8A, B11, B12 at 20 m   int16, reflectance x 10000, -10000 no data
//   MASKS/<product>_{CLM,SAT,EDG}_R1.tif at 10 m                                  0 = valid
// as a folder, or as a zip that contains the folder or its content; zips are read in place.
// Format: https://labo.obs-mip.fr/multitemp/sentinel-2/theias-sentinel-2-l2a-product-format/

#include <memory>

#include "pipeline/io/sensor.h"

namespace millesime {

std::unique_ptr<Sensor> make_sentinel2_theia();

}  // namespace millesime
