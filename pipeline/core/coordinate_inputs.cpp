#include "pipeline/core/coordinate_inputs.h"

#include <cmath>
#include <numbers>

#include "pipeline/core/error.h"

namespace millesime {

const std::vector<std::string>& coordinate_inputs() {
  static const std::vector<std::string> names = [] {
    const std::string start(kCoordinates);
    std::vector<std::string> list{start + "latitude", start + "longitude_sine", start + "longitude_cosine"};
    for (const double wavelength : kCoordinateWavelengths)
      for (const char* axis : {"longitude", "latitude"})
        for (const char* wave : {"sine", "cosine"}) list.push_back(join_text(start, axis, "_", wave, "_", wavelength));
    return list;
  }();
  return names;
}

bool is_coordinate(std::string_view static_input) { return static_input.starts_with(kCoordinates); }

void coordinates_at(float longitude, float latitude, float* inputs) {
  constexpr double kTurn = 360;
  const auto wave = [&inputs](double degrees, double wavelength) {
    const double angle = 2 * std::numbers::pi * degrees / wavelength;
    *inputs++ = static_cast<float>(std::sin(angle));
    *inputs++ = static_cast<float>(std::cos(angle));
  };
  *inputs++ = latitude;
  wave(longitude, kTurn);
  for (const double wavelength : kCoordinateWavelengths) {
    wave(longitude, wavelength);
    wave(latitude, wavelength);
  }
}

}  // namespace millesime
