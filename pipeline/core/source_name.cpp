#include "pipeline/core/source_name.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "pipeline/core/text.h"

namespace millesime {
namespace fs = std::filesystem;
namespace {

constexpr std::array kArchiveSystems = {"/vsizip/", "/vsitar/", "/vsigzip/", "/vsi7z/", "/vsirar/"};
constexpr std::array kArchives = {".zip", ".kmz", ".shz", ".gz", ".tgz", ".tar", ".7z", ".rar", ".xlsx", ".ods"};
constexpr std::string_view kFile = "{file}";  // in GDAL's name of a variable
constexpr std::array kDatabases = {"PG:", "MYSQL:", "MSSQL:", "OCI:", "MONGODBV3:", "WFS:", "WMS:", "WCS:", "WMTS:", "STACIT:", "STACTA:"};

bool is_archive(std::string_view path) {
  return std::ranges::any_of(kArchives, [&](const char* ending) { return lower(path).ends_with(ending); });
}

// x.zip/inside/a.shp: the archive ends where a part of the path has the ending of one.
SourceName inside_archive(const std::string& system, const std::string& rest) {
  if (rest.starts_with('{')) {
    const auto end = rest.rfind('}');
    if (end == std::string::npos) return {system, rest, ""};
    const SourceName inner = parse_source_name(rest.substr(1, end - 1));  // an archive in an archive
    return {system + "{" + inner.before, inner.file, inner.after + rest.substr(end)};
  }
  if (rest.starts_with("/vsi")) {
    SourceName inner = parse_source_name(rest);
    inner.before = system + inner.before;
    return inner;
  }
  for (auto slash = rest.find('/', 1); slash != std::string::npos; slash = rest.find('/', slash + 1))
    if (is_archive(rest.substr(0, slash))) return {system, rest.substr(0, slash), rest.substr(slash)};
  return {system, rest, ""};
}

// DRIVER:file:variable, DRIVER:"file":variable, GTIFF_DIR:2:file.
bool has_driver(const std::string& name) {
  const auto colon = name.find(':');
  return colon != std::string::npos && colon > 1 && std::isupper(static_cast<unsigned char>(name[0])) &&
         std::all_of(name.begin(), name.begin() + static_cast<std::ptrdiff_t>(colon),
                     [](unsigned char c) { return std::isupper(c) || std::isdigit(c) || c == '_'; });
}

SourceName split_driver(const std::string& name) {
  if (std::ranges::any_of(kDatabases, [&](const char* start) { return name.starts_with(start); })) return {name, "", ""};
  if (const auto open = name.find('"'); open != std::string::npos) {
    const auto close = name.find('"', open + 1);
    if (close == std::string::npos) return {name, "", ""};
    return {name.substr(0, open + 1), name.substr(open + 1, close - open - 1), name.substr(close)};
  }
  const auto first = name.find(':') + 1;
  const bool file_is_last = name.starts_with("GTIFF_DIR:") || name.starts_with("DERIVED_SUBDATASET:");
  const auto begin = file_is_last ? name.rfind(':') + 1 : first;
  const auto end = file_is_last ? name.size() : std::min(name.find(':', first), name.size());
  return {name.substr(0, begin), name.substr(begin, end - begin), name.substr(end)};
}

SourceName with_driver(const std::string& name) {
  SourceName parts = split_driver(name);
  if (!parts.file.starts_with("/vsi")) return parts;
  const SourceName inner = parse_source_name(parts.file);  // NETCDF:"/vsizip/climate.zip/climate.nc":t2m
  return {parts.before + inner.before, inner.file, inner.after + parts.after};
}

}  // namespace

SourceName parse_source_name(const std::string& name) {
  for (const std::string system : kArchiveSystems)
    if (name.starts_with(system)) return inside_archive(system, name.substr(system.size()));
  if (name.starts_with("/vsisubfile/")) {
    const auto comma = std::min(name.find(','), name.size() - 1);
    return {name.substr(0, comma + 1), name.substr(comma + 1), ""};
  }
  constexpr std::string_view kInline = "vrt://";
  if (name.starts_with(kInline)) {
    const auto end = std::min(name.find('?'), name.size());
    return {std::string(kInline), name.substr(kInline.size(), end - kInline.size()), name.substr(end)};
  }
  if (name.starts_with("/vsi") || name.find("://") != std::string::npos) {
    if (!has_driver(name)) return {name, "", ""};
  }
  if (has_driver(name)) return with_driver(name);
  return {"", name, ""};
}

std::string part_of_source(const std::string& name) {
  const SourceName parts = parse_source_name(name);
  return parts.before + parts.after;
}

std::string source_in(const fs::path& folder, const std::string& name) {
  if (name.empty()) return name;
  const auto in_folder = [&](const std::string& file) { return (folder / file).lexically_normal().string(); };
  std::error_code ignored;
  SourceName parts = parse_source_name(name);
  if (parts.before.empty() || fs::exists(folder / name, ignored)) return in_folder(name);
  if (parts.file.empty()) return name;
  if (!parts.before.ends_with('"') && has_driver(name) && parts.after.starts_with(':'))  // a folder may have a colon
    parts.before += '"', parts.after.insert(0, "\"");
  return parts.before + in_folder(parts.file) + parts.after;
}

std::string variable_of(const std::string& file, const std::string& variable) {
  const auto place = variable.find(kFile);
  if (place == std::string::npos) return "NETCDF:\"" + file + "\":" + variable;
  std::string name = variable;
  return name.replace(place, kFile.size(), file);
}

std::string format_of_variable(const std::string& variable) {
  return variable.find(kFile) == std::string::npos ? "NETCDF" : variable.substr(0, variable.find(':'));
}

}  // namespace millesime
