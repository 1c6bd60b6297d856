#include "pipeline/io/coordinates.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <regex>
#include <string_view>

#include <cpl_conv.h>
#include <ogr_srs_api.h>

#include "pipeline/core/error.h"
#include "pipeline/io/internal/gdal_call.h"

namespace millesime {
namespace {

constexpr double kDegreesOfTurn = 360;  // degrees

}  // namespace

SystemHandle make_system(const std::string& definition) {
  const GdalMessages messages;
  SystemHandle system(OSRNewSpatialReference(nullptr));
  OSRSetAxisMappingStrategy(system.get(), OAMS_TRADITIONAL_GIS_ORDER);
  if (definition.empty() || OSRSetFromUserInput(system.get(), definition.c_str()) != OGRERR_NONE)
    throw UserError(
        join_text("coordinate reference system \"", definition, "\" is not understood; expected for example EPSG:2154. ", messages.text()));
  return system;
}

namespace {

// GeoTIFF keeps the shorter half axis of an ellipsoid instead of its flattening, which comes back with another last digit. Twelve digits
// of it are less than a thousandth of a millimetre.
std::string with_rounded_ellipsoid(const std::string& wkt) {
  static const std::regex form(R"re((ELLIPSOID\["[^"]*",[0-9.]+,)([0-9]+\.[0-9]+))re");
  constexpr std::size_t kLongest = 16384;  // std::regex calls itself with every letter of a name
  std::smatch part;
  if (wkt.size() > kLongest || !std::regex_search(wkt, part, form)) return wkt;
  std::array<char, 32> number{};
  std::snprintf(number.data(), number.size(), "%.12g", CPLAtof(part[2].str().c_str()));
  return part.prefix().str() + part[1].str() + number.data() + part.suffix().str();
}

}  // namespace

std::string wkt_of(OGRSpatialReferenceH system) {
  char* text = nullptr;
  const char* options[] = {"FORMAT=WKT2_2019", "MULTILINE=NO", nullptr};
  OSRExportToWktEx(system, &text, options);
  const std::string wkt = text ? text : "";
  CPLFree(text);
  return with_rounded_ellipsoid(wkt);
}

namespace {

std::string epsg_of(OGRSpatialReferenceH system) {
  const char* authority = OSRGetAuthorityName(system, nullptr);
  const char* code = OSRGetAuthorityCode(system, nullptr);
  return authority && code && std::string(authority) == "EPSG" ? std::string("EPSG:") + code : "";
}

// The code of a definition without one, if PROJ's database has it.
std::string matching_epsg(OGRSpatialReferenceH system) {
  constexpr int kOnlyNamesDiffer = 90;  // of PROJ's confidence; below it, the parameters decide (a PROJ string has no names)
  const char* options[] = {"CRITERION=EQUIVALENT_EXCEPT_AXIS_ORDER_GEOGCRS", "IGNORE_DATA_AXIS_TO_SRS_AXIS_MAPPING=YES", nullptr};
  int count = 0;
  int* confidence = nullptr;
  OGRSpatialReferenceH* matches = OSRFindMatches(system, nullptr, &count, &confidence);
  std::string best;
  for (int i = 0; i < count && best.empty(); ++i)
    if (confidence[i] >= kOnlyNamesDiffer || OSRIsSameEx(system, matches[i], options)) best = epsg_of(matches[i]);
  OSRFreeSRSArray(matches);
  CPLFree(confidence);
  return best;
}

}  // namespace

OGRSpatialReferenceH stated_system(OGRSpatialReferenceH of_file) {
  if (!of_file) return nullptr;
  const char* name = OSRGetName(of_file);
  return name && std::string_view(name).starts_with("Undefined ") ? nullptr : of_file;
}

std::string canonical_crs_of(OGRSpatialReferenceH given) {
  const GdalMessages messages;
  if (std::string code = epsg_of(given); !code.empty() && !OSRIsCompound(given)) return code;
  const SystemHandle system(OSRClone(given));
  OSRSetAxisMappingStrategy(system.get(), OAMS_TRADITIONAL_GIS_ORDER);
  if (OSRIsCompound(system.get())) {  // heights are not used
    OSRDemoteTo2D(system.get(), nullptr);
    OSRStripVertical(system.get());
  }
  if (std::string code = epsg_of(system.get()); !code.empty()) return code;
  if (OSRAutoIdentifyEPSG(system.get()) == OGRERR_NONE)
    if (std::string code = epsg_of(system.get()); !code.empty()) return code;
  if (std::string code = matching_epsg(system.get()); !code.empty()) return code;
  return wkt_of(system.get());
}

std::string canonical_crs(const std::string& definition) { return canonical_crs_of(make_system(definition).get()); }

std::string crs_wkt(const std::string& definition) { return wkt_of(make_system(definition).get()); }

std::optional<double> metres_per_unit(const std::string& crs) {
  const SystemHandle system = make_system(crs);
  return OSRIsProjected(system.get()) ? std::optional(OSRGetLinearUnits(system.get(), nullptr)) : std::nullopt;
}

bool in_degrees(const std::string& crs) { return !crs.empty() && OSRIsGeographic(make_system(crs).get()); }

struct CoordinateTransform::Impl {
  struct Destroy {
    void operator()(void* handle) const { OCTDestroyCoordinateTransformation(static_cast<OGRCoordinateTransformationH>(handle)); }
  };
  std::string from, to;
  bool to_degrees = false, projected = false;  // projected: both systems are
  std::unique_ptr<void, Destroy> transform;

  std::string between() const { return join_text("from ", from, " to ", to); }
};

CoordinateTransform::CoordinateTransform(const std::string& from_crs, const std::string& to_crs) : impl_(std::make_unique<Impl>()) {
  const SystemHandle from = make_system(from_crs), to = make_system(to_crs);
  const GdalMessages messages;
  impl_->from = from_crs;
  impl_->to = to_crs;
  impl_->to_degrees = OSRIsGeographic(to.get());
  impl_->projected = OSRIsProjected(from.get()) && OSRIsProjected(to.get());
  impl_->transform.reset(OCTNewCoordinateTransformation(from.get(), to.get()));
  if (!impl_->transform)
    throw UserError(join_text("no way ", impl_->between(), " between these coordinate reference systems. ", messages.text()));
}

CoordinateTransform::~CoordinateTransform() = default;
CoordinateTransform::CoordinateTransform(CoordinateTransform&&) noexcept = default;

void CoordinateTransform::apply(std::vector<double>& x, std::vector<double>& y) const {
  MILLESIME_CHECK(x.size() == y.size(), x.size(), " x for ", y.size(), " y");
  if (x.empty()) return;
  const GdalMessages messages;
  std::vector<int> success(x.size());
  OCTTransformEx(static_cast<OGRCoordinateTransformationH>(impl_->transform.get()), static_cast<int>(x.size()), x.data(), y.data(), nullptr,
                 success.data());
  for (std::size_t i = 0; i < x.size(); ++i)
    if (!success[i] || !std::isfinite(x[i]) || !std::isfinite(y[i])) x[i] = y[i] = std::numeric_limits<double>::quiet_NaN();
}

Point CoordinateTransform::operator()(const Point& point) const {
  std::vector<double> x{point.x}, y{point.y};
  apply(x, y);
  if (std::isnan(x[0])) throw UserError(join_text("the point (", point.x, ", ", point.y, ") has no image ", impl_->between()));
  return {x[0], y[0]};
}

namespace {

constexpr int kPointsOnAnEdge = 64;  // transformed edges are curves

std::string text_of(const Box& box) { return join_text("the box (", box.min_x, ", ", box.min_y, ", ", box.max_x, ", ", box.max_y, ")"); }

}  // namespace

// Between projected systems nothing but the edges counts. OCTTransformBounds gives the same, but looks up further operations in PROJ's
// database for every box, which was half of the time of planning a country.
Box CoordinateTransform::around_edges(const Box& box) const {
  std::vector<double> x, y;
  for (int i = 0; i <= kPointsOnAnEdge + 1; ++i) {
    const double along = static_cast<double>(i) / (kPointsOnAnEdge + 1);
    const double here_x = box.min_x + along * (box.max_x - box.min_x), here_y = box.min_y + along * (box.max_y - box.min_y);
    x.insert(x.end(), {here_x, here_x, box.min_x, box.max_x});
    y.insert(y.end(), {box.min_y, box.max_y, here_y, here_y});
  }
  apply(x, y);
  Box image;
  bool any = false;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (std::isnan(x[i])) continue;
    image = any ? Box{std::min(image.min_x, x[i]), std::min(image.min_y, y[i]), std::max(image.max_x, x[i]), std::max(image.max_y, y[i])}
                : Box{x[i], y[i], x[i], y[i]};
    any = true;
  }
  if (!any) throw UserError(join_text(text_of(box), " has no image ", impl_->between()));
  return image;
}

Box CoordinateTransform::operator()(const Box& box) const {
  if (impl_->projected) return around_edges(box);
  const GdalMessages messages;
  Box image;
  if (!OCTTransformBounds(static_cast<OGRCoordinateTransformationH>(impl_->transform.get()), box.min_x, box.min_y, box.max_x, box.max_y,
                          &image.min_x, &image.min_y, &image.max_x, &image.max_y, kPointsOnAnEdge))
    throw UserError(join_text(text_of(box), " has no image ", impl_->between(), ". ", messages.text()));
  if (impl_->to_degrees && image.min_x > image.max_x) image.max_x += kDegreesOfTurn;  // as GDAL tells that it crosses the 180th meridian
  return image;
}

bool BoxesOf::meet(const Box& a, const Box& b) const { return near(a, b).intersects(b); }

double BoxesOf::near(double x, double other) const { return degrees_ ? x - kDegreesOfTurn * std::round((x - other) / kDegreesOfTurn) : x; }

Box BoxesOf::near(const Box& box, const Box& other) const {
  const double middle = (box.min_x + box.max_x) / 2, turned = near(middle, (other.min_x + other.max_x) / 2);
  return {box.min_x + (turned - middle), box.min_y, box.max_x + (turned - middle), box.max_y};
}

std::vector<Box> BoxesOf::turns(const Box& box) const {
  std::vector<Box> all{box};
  if (degrees_)
    for (const double turn : {-kDegreesOfTurn, kDegreesOfTurn}) all.push_back({box.min_x + turn, box.min_y, box.max_x + turn, box.max_y});
  return all;
}

Box BoxesOf::around(const std::vector<Box>& boxes) const {
  MILLESIME_CHECK(!boxes.empty(), "a box around nothing");
  std::vector<Box> placed = boxes;
  if (degrees_) {  // the widest gap on the circle lies outside
    for (Box& box : placed) box = near(box, {-kDegreesOfTurn / 2, 0, kDegreesOfTurn / 2, 0});
    std::ranges::sort(placed, {}, &Box::min_x);
    std::size_t first = 0;
    double east = placed[0].max_x, widest = 0;
    for (std::size_t i = 1; i < placed.size(); ++i) {
      if (placed[i].min_x - east > widest) widest = placed[i].min_x - east, first = i;
      east = std::max(east, placed[i].max_x);
    }
    if (placed[0].min_x + kDegreesOfTurn - east < widest)
      for (std::size_t i = 0; i < first; ++i) placed[i].min_x += kDegreesOfTurn, placed[i].max_x += kDegreesOfTurn;
  }
  Box all = placed[0];
  for (const Box& box : placed)
    all = {std::min(all.min_x, box.min_x), std::min(all.min_y, box.min_y), std::max(all.max_x, box.max_x), std::max(all.max_y, box.max_y)};
  return all;
}

}  // namespace millesime
