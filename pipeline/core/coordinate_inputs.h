#pragma once
// The coordinates of a pixel as smooth static inputs of a model: the same class may look different a few hundred kilometres further, and
// similar classes may live in different places. Sines and cosines, as in positional encodings (Vaswani et al. 2017; for land cover Baudoux
// et al. 2021, Bellet et al. 2024): the latitude; sine and cosine of the longitude, which do not jump at the 180th meridian; and for each
// of kCoordinateWavelengths sine and cosine of both. No wavelength is shorter than a few hundred kilometres: shorter ones would tell the
// polygons of the samples apart.

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace millesime {

inline constexpr std::array<double, 2> kCoordinateWavelengths = {8, 4};  // degrees; each divides 360
inline constexpr std::string_view kCoordinates = "coordinates:";         // their names begin so

const std::vector<std::string>& coordinate_inputs();  // names, in the order of coordinates_at
bool is_coordinate(std::string_view static_input);

// Writes the inputs of a place: longitude and latitude in degrees (WGS 84); NaN gives NaN.
void coordinates_at(float longitude, float latitude, float* inputs);

}  // namespace millesime
