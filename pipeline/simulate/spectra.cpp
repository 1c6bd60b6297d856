#include "pipeline/simulate/spectra.h"

#include <algorithm>
#include <cmath>

#include "pipeline/core/error.h"
#include "pipeline/simulate/noise.h"

namespace millesime::simulated {

namespace {

// Reflectance of pure surfaces at the centres of B2, B3, B4, B5, B6, B7, B8, B8A, B11, B12: rounded values that follow the shape of
// published library spectra (USGS, ECOSTRESS), not copies of them.
constexpr Spectrum kCrop = {.030f, .070f, .036f, .110f, .350f, .430f, .460f, .475f, .220f, .110f};
constexpr Spectrum kGrass = {.034f, .078f, .045f, .120f, .320f, .385f, .410f, .425f, .235f, .125f};
constexpr Spectrum kBroadleaf = {.025f, .050f, .026f, .085f, .275f, .345f, .375f, .385f, .170f, .075f};
constexpr Spectrum kConifer = {.020f, .036f, .022f, .055f, .165f, .200f, .220f, .230f, .105f, .048f};
constexpr Spectrum kShrub = {.028f, .050f, .038f, .088f, .200f, .245f, .265f, .280f, .190f, .105f};
constexpr Spectrum kRapeFlower = {.052f, .160f, .165f, .200f, .360f, .420f, .445f, .455f, .225f, .125f};
constexpr Spectrum kStraw = {.070f, .105f, .145f, .180f, .220f, .250f, .285f, .310f, .370f, .265f};
constexpr Spectrum kLitter = {.040f, .055f, .070f, .090f, .120f, .140f, .160f, .180f, .230f, .155f};
constexpr Spectrum kBrightSoil = {.090f, .130f, .180f, .210f, .235f, .255f, .275f, .295f, .370f, .320f};
constexpr Spectrum kDarkSoil = {.050f, .068f, .090f, .108f, .125f, .138f, .152f, .168f, .220f, .185f};
constexpr Spectrum kClearWater = {.032f, .030f, .020f, .015f, .010f, .010f, .008f, .007f, .004f, .003f};
constexpr Spectrum kTurbidWater = {.070f, .092f, .082f, .068f, .046f, .042f, .036f, .030f, .012f, .008f};
constexpr Spectrum kRoofTile = {.100f, .130f, .185f, .215f, .235f, .250f, .262f, .275f, .320f, .275f};
constexpr Spectrum kConcrete = {.165f, .185f, .205f, .215f, .225f, .235f, .245f, .255f, .280f, .260f};
constexpr Spectrum kMetalRoof = {.260f, .280f, .290f, .295f, .300f, .305f, .310f, .312f, .310f, .285f};
constexpr Spectrum kAsphalt = {.090f, .100f, .110f, .116f, .122f, .127f, .132f, .138f, .155f, .145f};
constexpr Spectrum kRock = {.125f, .150f, .172f, .184f, .193f, .202f, .212f, .222f, .265f, .240f};
constexpr Spectrum kSand = {.180f, .235f, .290f, .320f, .340f, .358f, .375f, .392f, .470f, .430f};
constexpr Spectrum kSnow = {.820f, .840f, .830f, .820f, .810f, .800f, .770f, .750f, .120f, .090f};
constexpr Spectrum kIce = {.430f, .470f, .450f, .430f, .410f, .390f, .350f, .330f, .060f, .045f};

void blend(Spectrum& into, const Spectrum& other, double share) {
  for (int band = 0; band < kBands; ++band) into[band] += static_cast<float>(share) * (other[band] - into[band]);
}

Spectrum between(const Spectrum& a, const Spectrum& b, double share) {
  Spectrum result = a;
  blend(result, b, share);
  return result;
}

// A growing season: green cover rises from `base` by `peak` around `start` and falls around `end` (day of year), with time scales in days.
struct Season {
  double start, start_scale, end, end_scale, peak;
};

enum class Kind { vegetation, built, bare, water, snow };

// The phenology of a class. `shift` and `end_shift`: standard deviation of its parcels' timing in days; `vary`: of their green cover.
struct Traits {
  int code;
  Kind kind;
  Spectrum canopy, floor;  // green leaves; the surface below them (if `soil` is 0)
  double soil;             // share of bare soil in the floor
  double base;             // green cover all year
  Season season;
  double dry;       // straw or dry leaves after the season, as a share of the floor
  double dry_days;  // how long it lasts
  double shift, end_shift, vary;
  double texture;  // variation inside a parcel, in green cover (built: in roofs against gardens)
};

constexpr std::array<Traits, 23> kTraits = {{
    {1, Kind::built, kBroadleaf, kRoofTile, 0, .06, {110, 15, 295, 15, .08}, 0, 1, 8, 8, .05, .10},
    {2, Kind::built, kGrass, kRoofTile, 0, .24, {100, 20, 290, 20, .18}, 0, 1, 10, 10, .11, .16},
    {3, Kind::built, kGrass, kConcrete, 0, .06, {100, 20, 290, 20, .05}, 0, 1, 10, 10, .06, .12},
    {4, Kind::built, kGrass, kAsphalt, 0, .12, {100, 20, 290, 20, .06}, 0, 1, 10, 10, .08, .10},
    {5, Kind::vegetation, kCrop, kStraw, 1, .34, {70, 12, 162, 7, .56}, .7, 35, 9, 7, .10, .07},
    {6, Kind::vegetation, kCrop, kStraw, 1, .16, {78, 14, 163, 8, .70}, .9, 45, 11, 9, .11, .07},
    {7, Kind::vegetation, kCrop, kStraw, 1, .08, {92, 10, 166, 8, .74}, .6, 30, 15, 10, .13, .08},
    {8, Kind::vegetation, kCrop, kLitter, 1, .05, {180, 10, 262, 8, .84}, .4, 30, 12, 11, .10, .07},
    {9, Kind::vegetation, kCrop, kLitter, 1, .05, {156, 10, 228, 9, .76}, .6, 40, 12, 11, .11, .08},
    {10, Kind::vegetation, kCrop, kStraw, 1, .05, {164, 10, 258, 11, .82}, .5, 45, 12, 12, .09, .07},
    {11, Kind::vegetation, kCrop, kStraw, .7, .05, {176, 10, 254, 9, .78}, .5, 40, 9, 8, .10, .06},
    {12, Kind::vegetation, kCrop, kLitter, 1, .05, {154, 11, 252, 14, .80}, .2, 25, 14, 18, .12, .08},
    {13, Kind::vegetation, kGrass, kStraw, .3, .42, {85, 16, 180, 25, .42}, .5, 60, 11, 14, .12, .07},
    {14, Kind::vegetation, kBroadleaf, kGrass, .35, .22, {110, 12, 290, 14, .42}, .2, 40, 10, 12, .13, .10},
    {15, Kind::vegetation, kBroadleaf, kLitter, .7, .12, {130, 13, 286, 12, .36}, .2, 40, 10, 11, .11, .09},
    {16, Kind::vegetation, kBroadleaf, kLitter, 0, .20, {112, 7, 298, 9, .68}, .6, 60, 8, 9, .09, .06},
    {17, Kind::vegetation, kConifer, kLitter, 0, .74, {105, 25, 290, 30, .14}, 0, 1, 10, 12, .10, .07},
    {18, Kind::vegetation, kGrass, kStraw, .2, .28, {100, 16, 190, 26, .42}, .7, 80, 13, 17, .13, .09},
    {19, Kind::vegetation, kShrub, kLitter, .15, .46, {112, 20, 250, 30, .22}, .4, 60, 12, 16, .13, .10},
    {20, Kind::bare, kGrass, kRock, .15, .05, {125, 18, 260, 20, .10}, .2, 50, 12, 14, .06, .06},
    {21, Kind::bare, kGrass, kSand, .10, .05, {100, 25, 230, 30, .06}, .2, 50, 12, 14, .06, .06},
    {22, Kind::snow, kGrass, kIce, 0, 0, {0, 1, 1, 1, 0}, 0, 1, 0, 0, 0, .04},
    {23, Kind::water, kGrass, kClearWater, 0, .01, {120, 20, 280, 20, .03}, 0, 1, 10, 10, .02, .02},
}};

double logistic(double x) { return 1 / (1 + std::exp(-x)); }

// Double logistic of the growing season (Beck et al. 2006, Remote Sensing of Environment 100).
double season_level(const Season& season, double day) {
  return logistic((day - season.start) / season.start_scale) - logistic((day - season.end) / season.end_scale);
}

// Snow on the ground of a mountain parcel: all winter, later gone the colder the place.
double snow_cover(double day, double temperature) {
  const double melt = 118 - 5 * (temperature - 12.5), fall = 318 + 5 * (temperature - 12.5);
  return 0.9 * (logistic((melt - day) / 7) + logistic((day - fall) / 7));
}

// Everything of a parcel that does not change over the year.
struct Parameters {
  double shift, end_shift, vigour, soil, wet, variety, dry;
  bool cover_crop;
};

Parameters parameters_of(const World& world, const Parcel& parcel, const Traits& traits) {
  const auto draw = [&](int key) { return normal(hash_of(parcel.id, 100 + key)); };
  // Days; spring comes some days a degree earlier. Seasons that follow the temperature come with World::season_day instead.
  const double climate = world.year().seasons_follow_temperature ? 0 : -7.0 * (world.temperature(parcel.anchor) - 12.5);
  Parameters p{};
  p.shift = climate + traits.shift * draw(0);
  p.end_shift = 0.8 * climate + 0.4 * traits.shift * draw(0) + traits.end_shift * draw(1);
  p.vigour = traits.vary * draw(2);
  p.soil = std::clamp(world.soil(parcel.anchor) + 0.18 * draw(3), 0.0, 1.0);
  p.wet = draw(4);
  p.variety = std::clamp(0.5 + 0.28 * draw(5), 0.0, 1.0);
  p.dry = std::clamp(1.0 + 0.25 * draw(6), 0.3, 1.6) * (1 - 0.0012 * (world.rain(parcel.anchor) - 830));
  p.cover_crop = uniform(hash_of(parcel.id, 200)) < 0.3;
  return p;
}

bool summer_crop(int code) { return code >= 8 && code <= 12; }
bool winter_crop(int code) { return code >= 5 && code <= 7; }

double green_cover(const Parcel& parcel, const Traits& traits, const Parameters& p, double day) {
  Season season = traits.season;
  season.start += p.shift;
  season.end += p.end_shift;
  double green = traits.base + season.peak * std::max(0.0, season_level(season, day));
  green *= 1 + p.vigour;
  if (winter_crop(parcel.land_class)) green *= 0.25 + 0.75 * (1 - logistic((day - season.end - 6) / 5));  // harvested: only volunteers
  // A cover crop: after a winter crop in autumn, before a summer crop in winter. It hides which crop the year was about.
  if (p.cover_crop && winter_crop(parcel.land_class)) green += 0.38 * season_level({235, 10, 330, 12, 1}, day - 0.5 * p.shift);
  if (p.cover_crop && summer_crop(parcel.land_class))
    green += 0.34 * (1 - logistic((day - 98 - p.shift) / 7)) + 0.2 * logistic((day - 320) / 12);
  if (parcel.land_class == 13 || parcel.land_class == 18) {
    // Meadows are mown (or grazed down) once or twice and come back; pastures less.
    const double cut = parcel.land_class == 13 ? 0.35 : 0.12;
    const double first = 150 + p.shift + 18 * (p.variety - 0.5) * 2, second = first + 55;
    for (const double mown : {first, second})
      if (day > mown) green -= cut * (mown == second ? 0.6 : 1.0) * std::exp(-(day - mown) / 18);
    green += 0.18 * season_level({262, 14, 335, 16, 1}, day);
  }
  return std::clamp(green, 0.0, 0.97);
}

Spectrum canopy_of(const Parcel& parcel, const Traits& traits, const Parameters& p, double day) {
  Spectrum canopy = traits.canopy;
  if (parcel.land_class == 5) {  // flowers for about three weeks
    const double from_peak = (day - 106 - p.shift) / 11;
    blend(canopy, kRapeFlower, (0.55 + 0.4 * p.variety) * std::exp(-from_peak * from_peak));
  }
  if (summer_crop(parcel.land_class)) blend(canopy, kBroadleaf, 0.35 * p.variety);
  if (winter_crop(parcel.land_class)) blend(canopy, kGrass, 0.5 * p.variety);
  if (parcel.land_class == 16) blend(canopy, kConifer, 0.45 * p.variety);  // mixed stands
  if (parcel.land_class == 17) blend(canopy, kBroadleaf, 0.35 * p.variety);
  if (parcel.land_class == 18) blend(canopy, kShrub, 0.5 * p.variety);
  if (parcel.land_class == 19) blend(canopy, kGrass, 0.35 * p.variety);
  if (parcel.land_class == 14 || parcel.land_class == 15) blend(canopy, kGrass, 0.6 * p.variety);
  return canopy;
}

// The surface without green leaves.
Spectrum floor_of(const World& world, const Parcel& parcel, const Traits& traits, const Parameters& p, double day, double season_day) {
  Spectrum soil = between(kDarkSoil, kBrightSoil, p.soil);
  // Topsoil moisture: dry in summer; darker by up to a third when wet.
  const double wet = std::clamp(0.5 + 0.4 * std::cos((day - 20) * 2 * 3.14159265 / 365) + 0.12 * p.wet, 0.0, 1.0);
  for (float& value : soil) value *= static_cast<float>(1 - 0.33 * wet);

  Spectrum floor = traits.floor;
  switch (traits.kind) {
    case Kind::vegetation: {
      floor = between(traits.floor, soil, traits.soil);
      const double after = season_day - traits.season.end - p.end_shift;
      const double dry =
          traits.dry * p.dry * logistic(after / traits.season.end_scale) * std::exp(-std::max(0.0, after - 15) / traits.dry_days);
      const bool leaves = traits.floor == kLitter;
      blend(floor, leaves ? kLitter : kStraw, std::clamp(dry, 0.0, 0.95));
      if (parcel.land_class == 11) {  // paddies are flooded before the rice closes
        const double flooded = 0.85 * season_level({118 + 0.5 * p.shift, 4, 215, 10, 1}, season_day);
        blend(floor, between(kClearWater, kTurbidWater, 0.7), std::max(0.0, flooded));
      }
      break;
    }
    case Kind::built:
      blend(floor, kAsphalt, parcel.land_class == 4 ? 0 : 0.25 + 0.4 * p.variety);
      blend(floor, parcel.land_class == 3 ? kMetalRoof : kConcrete, (parcel.land_class == 3 ? 0.75 : 0.45) * p.soil);
      if (parcel.land_class == 4) blend(floor, soil, 0.3 * p.variety);
      break;
    case Kind::bare: blend(floor, soil, traits.soil + 0.3 * p.variety); break;
    case Kind::water:
      blend(floor, kTurbidWater, std::clamp(p.variety * 0.8 + 0.25 * std::cos((day - 30) * 2 * 3.14159265 / 365), 0.0, 1.0));
      break;
    case Kind::snow: {  // the old ice shows in late summer, with debris
      const double fresh =
          1 - 0.85 * std::max(0.0, season_level({190 - 4 * (world.temperature(parcel.anchor) - 12.5), 12, 270, 9, 1}, day));
      blend(floor, kRock, 0.35 * p.variety);
      blend(floor, kSnow, fresh * (0.8 + 0.15 * p.variety));
      break;
    }
  }
  return floor;
}

}  // namespace

const std::array<std::string, kBands>& band_names() {
  static const std::array<std::string, kBands> names = {"B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12"};
  return names;
}

bool is_20m(int band) { return (band >= 3 && band <= 5) || band >= 7; }

Look look_of(const World& world, const Parcel& parcel, int day_of_year) {
  MILLESIME_CHECK(parcel.land_class >= 1 && parcel.land_class <= static_cast<int>(kTraits.size()), "class ", parcel.land_class);
  const Traits& traits = kTraits[static_cast<std::size_t>(parcel.land_class - 1)];
  const double day = day_of_year;
  const Parameters p = parameters_of(world, parcel, traits);
  const double season_day = world.year().seasons_follow_temperature ? world.season_day(parcel.anchor, day_of_year) : day;
  const double green = green_cover(parcel, traits, p, season_day);
  const Spectrum floor = floor_of(world, parcel, traits, p, day, season_day), canopy = canopy_of(parcel, traits, p, season_day);
  Look look{between(floor, canopy, green), {}};
  // Variation of growth is proportional to the vegetation; roofs and gardens alternate all year.
  const double spread = traits.texture * (traits.kind == Kind::built ? 1.0 : std::min(1.0, 0.3 + 1.4 * green));
  for (int band = 0; band < kBands; ++band) look.growth[band] = static_cast<float>(spread) * (canopy[band] - floor[band]);
  if (parcel.mountain && traits.kind != Kind::snow && traits.kind != Kind::water) {
    const double under_trees = parcel.land_class == 17 || parcel.land_class == 16 ? 0.35 : 1.0;
    const double snow = under_trees * std::clamp(snow_cover(day, world.temperature(parcel.anchor)), 0.0, 0.95);
    blend(look.mean, kSnow, snow);
    for (float& value : look.growth) value *= static_cast<float>(1 - snow);
  }
  // Slope, illumination and variety: a parcel is a little brighter or darker than its class, all year.
  const double brightness = 1 + 0.06 * normal(hash_of(parcel.id, 300));
  for (float& value : look.mean) value *= static_cast<float>(brightness);
  return look;
}

}  // namespace millesime::simulated
