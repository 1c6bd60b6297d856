#include "pipeline/io/polygon_writer.h"

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <optional>

#include <cpl_conv.h>
#include <cpl_string.h>
#include <gdal.h>
#include <ogr_api.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/io/internal/gdal_call.h"
#include "pipeline/io/internal/ogr_geometry.h"
#include "pipeline/io/internal/vector_format.h"
#include "pipeline/io/internal/work_folder.h"
#include "pipeline/io/zip_file.h"

namespace millesime {
namespace fs = std::filesystem;
namespace {

constexpr VectorFormat kCoverageFormats[] = {{"gpkg", "GPKG", "GeoPackage"},       {"fgb", "FlatGeobuf", "FlatGeobuf"},
                                             {"parquet", "Parquet", "GeoParquet"}, {"zip", "ESRI Shapefile", "shapefile"},
                                             {"mbtiles", "MVT", "vector tiles"},   {"pmtiles", "PMTiles", "PMTiles"}};

constexpr std::size_t kLongestName = 10;  // of a shapefile's field
constexpr std::int64_t kTransactionFeatures = 100'000;

// Options of GDAL that hold for this thread while a layer is made.
class ThreadOption {
 public:
  ThreadOption(const char* name, const char* value) : name_(name) {
    if (const char* old = CPLGetThreadLocalConfigOption(name, nullptr)) old_ = old;
    CPLSetThreadLocalConfigOption(name, value);
  }
  ~ThreadOption() { CPLSetThreadLocalConfigOption(name_, old_ ? old_->c_str() : nullptr); }
  ThreadOption(const ThreadOption&) = delete;
  ThreadOption& operator=(const ThreadOption&) = delete;

 private:
  const char* name_;
  std::optional<std::string> old_;
};

}  // namespace

const std::vector<std::string>& polygon_formats() {
  static const std::vector<std::string> names = extensions_of(kCoverageFormats);
  return names;
}

void require_polygon_format(const std::string& path) { require_writable(path, format_of(path, kCoverageFormats), kCoverageFormats); }

bool holds_short_names(const std::string& path) { return std::string(format_of(path, kCoverageFormats).driver) == "ESRI Shapefile"; }

struct PolygonWriter::Impl {
  std::string path, layer_name, crs, style;
  std::vector<PolygonField> fields;
  PolygonLimits limits;
  const VectorFormat& format;
  AtomicFile file;
  WorkFolder work;                 // for files that a driver makes on its way
  std::vector<std::string> parts;  // of a shapefile, complete or in work
  DatasetHandle dataset;
  OGRLayerH layer = nullptr;
  FeatureHandle feature;
  bool transaction = false;
  std::int64_t written = 0, in_transaction = 0, shp_bytes = 0, dbf_bytes = 0, record_bytes = 1;

  Impl(const std::string& p, const std::string& l, const std::string& c, const std::vector<PolygonField>& f, const std::string& s,
       const PolygonLimits& m)
      : path(p), layer_name(l), crs(c), style(s), fields(f), limits(m), format(format_of(p, kCoverageFormats)), file(p), work(p) {
    require_polygon_format(path);
    if (is_shapefile())
      for (const PolygonField& field : fields) {
        if (field.name.size() > kLongestName)
          throw UserError(join_text(path, ": the field name \"", field.name, "\" is too long for a shapefile (at most ", kLongestName,
                                    " characters); shorten it or write .gpkg"));
        record_bytes += width_of(field);
      }
    open();
  }

  bool is_shapefile() const { return std::string(format.driver) == "ESRI Shapefile"; }
  static int width_of(const PolygonField& field) {
    constexpr int kInteger = 10, kNumber = 24, kText = 80;
    if (field.width > 0) return field.width;
    return field.type == PolygonField::Type::integer ? kInteger : field.type == PolygonField::Type::number ? kNumber : kText;
  }

  void check(bool good, const GdalMessages& messages) const {
    if (!good || messages.failed())
      throw UserError(join_text(path, ": cannot be written; is the disk full? The previous file is kept. ", messages.text()));
  }

  void open() {
    const GdalMessages messages;
    // The file gets its name only when it is complete, and a journal is of no use before.
    const ThreadOption journal("OGR_SQLITE_JOURNAL", "OFF"), synchronous("OGR_SQLITE_SYNCHRONOUS", "OFF");
    std::string target = file.temporary(), name = layer_name;
    if (is_shapefile()) {
      name = fs::path(path).stem().string() + (parts.empty() ? "" : "_" + std::to_string(parts.size() + 1));
      parts.push_back(name);
      target = work.folder() + "/" + name + ".shp";
      shp_bytes = dbf_bytes = 0;
    }
    CPLStringList creation, layer_creation;
    const std::string driver = format.driver;
    if (driver == "MVT" || driver == "PMTiles") {
      creation.SetNameValue("NAME", layer_name.c_str());
      creation.SetNameValue("MAXZOOM", "14");
      creation.SetNameValue("TEMPORARY_DB", (work.folder() + "/tiles.db").c_str());
    }
    if (driver == "FlatGeobuf") layer_creation.SetNameValue("TEMPORARY_DIR", work.folder().c_str());
    if (is_shapefile()) {
      layer_creation.SetNameValue("ENCODING", "UTF-8");
      layer_creation.SetNameValue("DBF_DATE_LAST_UPDATE", "2000-01-01");
    }
    const SystemHandle system = make_system(crs);
    dataset.reset(GDALCreate(GDALGetDriverByName(driver.c_str()), target.c_str(), 0, 0, 0, GDT_Unknown, creation.List()));
    check(dataset != nullptr, messages);
    layer = GDALDatasetCreateLayer(dataset.get(), name.c_str(), system.get(), wkbPolygon, layer_creation.List());
    check(layer != nullptr, messages);
    for (const PolygonField& field : fields) {
      const OGRFieldType type = field.type == PolygonField::Type::integer  ? (is_shapefile() ? OFTInteger : OFTInteger64)
                                : field.type == PolygonField::Type::number ? OFTReal
                                                                           : OFTString;
      OGRFieldDefnH definition = OGR_Fld_Create(field.name.c_str(), type);
      if (is_shapefile()) {
        OGR_Fld_SetWidth(definition, width_of(field));
        if (field.type == PolygonField::Type::number) OGR_Fld_SetPrecision(definition, field.decimals);
      }
      const OGRErr created = OGR_L_CreateField(layer, definition, FALSE);
      OGR_Fld_Destroy(definition);
      check(created == OGRERR_NONE, messages);
    }
    feature.reset(OGR_F_Create(OGR_L_GetLayerDefn(layer)));
    begin();
  }

  void begin() {
    transaction = std::string(format.driver) == "GPKG" && GDALDatasetStartTransaction(dataset.get(), FALSE) == OGRERR_NONE;
    in_transaction = 0;
  }

  void end() {
    const GdalMessages messages;
    if (transaction) check(GDALDatasetCommitTransaction(dataset.get()) == OGRERR_NONE, messages);
    transaction = false;
  }

  void close() {
    end();
    const GdalMessages messages;
    feature.reset();
    dataset.reset();
    check(true, messages);
  }
};

PolygonWriter::PolygonWriter(const std::string& path, const std::string& layer, const std::string& crs,
                             const std::vector<PolygonField>& fields, const std::string& style, const PolygonLimits& limits)
    : impl_(new Impl(path, layer, crs, fields, style, limits)) {}
PolygonWriter::~PolygonWriter() {
  if (!impl_) return;
  const GdalMessages ignored;
  impl_->feature.reset();
  impl_->dataset.reset();
}
PolygonWriter::PolygonWriter(PolygonWriter&&) noexcept = default;

std::int64_t PolygonWriter::written() const { return impl_->written; }

void PolygonWriter::write(std::span<const Point> points, std::span<const std::uint32_t> ring_ends, std::span<const PolygonValue> values) {
  Impl& self = *impl_;
  MILLESIME_CHECK(values.size() == self.fields.size(), self.path, ": ", values.size(), " values for ", self.fields.size(), " fields");
  if (self.is_shapefile()) {
    // ESRI Shapefile Technical Description 1998: a header of 100 bytes, records of 52 + 4 a ring + 16 a point.
    constexpr std::int64_t kHeader = 100, kRecord = 52, kRing = 4, kPoint = 16, kTableHeader = 32, kTableField = 32;
    const std::int64_t shp =
        kRecord + kRing * static_cast<std::int64_t>(ring_ends.size()) + kPoint * static_cast<std::int64_t>(points.size());
    if (self.shp_bytes == 0)
      self.shp_bytes = kHeader, self.dbf_bytes = kTableHeader + 2 + kTableField * static_cast<std::int64_t>(self.fields.size());
    if (shp + kHeader > self.limits.shapefile_bytes)
      throw UserError(join_text(self.path, ": a polygon of ", points.size(), " vertices is too large for a shapefile; write .gpkg"));
    if (self.shp_bytes + shp > self.limits.shapefile_bytes || self.dbf_bytes + self.record_bytes > self.limits.shapefile_bytes) {
      self.close();
      self.open();
      self.shp_bytes = kHeader, self.dbf_bytes = kTableHeader + 2 + kTableField * static_cast<std::int64_t>(self.fields.size());
    }
    self.shp_bytes += shp, self.dbf_bytes += self.record_bytes;
  }
  const GdalMessages messages;
  OGRFeatureH feature = self.feature.get();
  OGR_F_SetFID(feature, OGRNullFID);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const int field = static_cast<int>(i);
    if (const auto* integer = std::get_if<std::int64_t>(&values[i]))
      OGR_F_SetFieldInteger64(feature, field, *integer);
    else if (const auto* number = std::get_if<double>(&values[i]))
      std::isnan(*number) ? OGR_F_SetFieldNull(feature, field) : OGR_F_SetFieldDouble(feature, field, *number);
    else
      OGR_F_SetFieldString(feature, field, std::string(std::get<std::string_view>(values[i])).c_str());
  }
  OGRGeometryH polygon = OGR_G_CreateGeometry(wkbPolygon);
  std::uint32_t begin = 0;
  for (const std::uint32_t end : ring_ends) {
    OGRGeometryH ring = OGR_G_CreateGeometry(wkbLinearRing);
    OGR_G_SetPoints(ring, static_cast<int>(end - begin), &points[begin].x, sizeof(Point), &points[begin].y, sizeof(Point), nullptr, 0);
    OGR_G_AddGeometryDirectly(polygon, ring);
    begin = end;
  }
  OGR_F_SetGeometryDirectly(feature, polygon);
  self.check(OGR_L_CreateFeature(self.layer, feature) == OGRERR_NONE, messages);
  ++self.written;
  if (self.transaction && ++self.in_transaction == kTransactionFeatures) {
    self.end();
    self.begin();
  }
}

void PolygonWriter::commit() {
  Impl& self = *impl_;
  self.close();
  if (!self.is_shapefile()) return self.file.commit();
  std::vector<ZipMember> members;
  for (const std::string& part : self.parts) {
    std::vector<std::string> extensions = {".shp", ".shx", ".dbf", ".prj", ".cpg"};
    if (!self.style.empty()) {
      extensions.emplace_back(".qml");
      write_text(self.work.folder() + "/" + part + ".qml", self.style);
    }
    for (const std::string& extension : extensions) members.push_back({part + extension, self.work.folder() + "/" + part + extension});
  }
  write_zip(self.path, members, ZipForm::deflated);
}

}  // namespace millesime
