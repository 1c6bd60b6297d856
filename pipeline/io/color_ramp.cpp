#include "pipeline/io/color_ramp.h"

#include <algorithm>
#include <cmath>

namespace millesime {

Color ColorRamp::at(double position) const {
  const double place = std::clamp(position, 0.0, 1.0) * static_cast<double>(stops.size() - 1);
  const auto below = std::min(static_cast<std::size_t>(place), stops.size() - 2);
  const double share = place - static_cast<double>(below);
  const auto mix = [&](std::uint8_t a, std::uint8_t b) { return static_cast<std::uint8_t>(std::lround((1 - share) * a + share * b)); };
  const Color &a = stops[below], &b = stops[below + 1];
  return {mix(a.red, b.red), mix(a.green, b.green), mix(a.blue, b.blue)};
}

const ColorRamp& confidence_ramp() {
  static const ColorRamp ramp{{{0x44, 0x01, 0x54}, {0x3b, 0x52, 0x8b}, {0x21, 0x91, 0x8c}, {0x5e, 0xc9, 0x62}, {0xfd, 0xe7, 0x25}}};
  return ramp;
}

const ColorRamp& uncertainty_ramp() {
  static const ColorRamp ramp{{{0xff, 0xff, 0xb2}, {0xfe, 0xcc, 0x5c}, {0xfd, 0x8d, 0x3c}, {0xf0, 0x3b, 0x20}, {0xbd, 0x00, 0x26}}};
  return ramp;
}

const ColorRamp& validity_ramp() {
  static const ColorRamp ramp{{{0xef, 0xf3, 0xff}, {0xbd, 0xd7, 0xe7}, {0x6b, 0xae, 0xd6}, {0x31, 0x82, 0xbd}, {0x08, 0x51, 0x9c}}};
  return ramp;
}

}  // namespace millesime
