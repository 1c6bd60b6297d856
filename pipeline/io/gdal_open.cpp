#include "pipeline/io/internal/gdal_open.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include <cpl_string.h>
#include <cpl_vsi.h>

#include "pipeline/core/error.h"
#include "pipeline/core/file_name.h"
#include "pipeline/core/special_file.h"
#include "pipeline/core/text.h"
#include "pipeline/io/internal/storage.h"
#include "pipeline/io/source_files.h"

namespace millesime {
namespace fs = std::filesystem;
namespace {

// Formats looked for in archives.
constexpr std::array kVectors = {".shp", ".gpkg", ".gdb", ".geojson", ".json", ".fgb", ".gml", ".kml", ".tab", ".mif", ".sqlite", ".csv"};
constexpr std::array kRasters = {".tif", ".tiff", ".jp2", ".img", ".nc", ".vrt", ".asc", ".bil", ".hgt"};

// Which formats are read, where GDAL says that a file has none of those that it knows, but was allowed to look for a few only.
std::string formats_read(const std::string& why, const std::vector<std::string>& drivers) {
  if (drivers.empty() || why.find("not recognized") == std::string::npos) return "";
  std::vector<std::string> names;
  for (const std::string& driver : drivers)
    names.push_back(driver == "GTiff" ? "GeoTIFF" : driver.starts_with("JP2") ? "JPEG 2000" : driver);
  return join_text(why.ends_with('.') ? " The" : ". The", " images of products are read as ", join_list(names, " and "),
                   ", and not as a VRT, which leads to other files (gdal_translate makes a GeoTIFF of one)");
}

DatasetHandle try_to_open(const std::string& name, unsigned kind, const std::vector<std::string>& drivers) {
  const std::string opened = drivers.empty() ? opened_for(name) : name;  // names from disk lead to no other file
  CPLStringList allowed, options;
  for (const std::string& driver : drivers) allowed.AddString(driver.c_str());
  if (lower(name).ends_with(".gml")) options.SetNameValue("WRITE_GFS", "NO");  // nothing is written beside an input
  return DatasetHandle(GDALOpenEx(opened.c_str(), kind | GDAL_OF_READONLY | GDAL_OF_VERBOSE_ERROR,
                                  drivers.empty() ? nullptr : allowed.List(), options.List(), nullptr));
}

// "/vsizip/" for a file that is such an archive, "" for any other.
std::string system_of(const std::string& name) {
  std::error_code ignored;
  if (!fs::is_regular_file(name, ignored)) return "";
  const std::string known = lower(name);
  if (known.ends_with(".zip") || known.ends_with(".shz") || known.ends_with(".kmz")) return "/vsizip/";
  if (known.ends_with(".tar") || known.ends_with(".tgz") || known.ends_with(".tar.gz")) return "/vsitar/";
  return known.ends_with(".gz") ? "/vsigzip/" : "";
}

std::vector<std::string> data_sets_in(const std::string& archive, unsigned kind) {
  const auto is_wanted = [&](const std::string& member) {
    const auto has = [&](const auto& endings) {
      return std::ranges::any_of(endings, [&](const char* ending) { return lower(member).ends_with(ending); });
    };
    return !is_left_by_desktop(fs::path(member).filename().string()) && (kind == GDAL_OF_VECTOR ? has(kVectors) : has(kRasters));
  };
  std::vector<std::string> found;
  const CPLStringList members(VSIReadDirRecursive(archive.c_str()), TRUE);
  for (int i = 0; i < members.Count(); ++i) {
    std::string member = members[i];
    while (member.ends_with('/')) member.pop_back();
    if (is_wanted(member) && member.find("__MACOSX") == std::string::npos) found.push_back(archive + "/" + member);
  }
  return found;
}

}  // namespace

DatasetHandle open_dataset(const std::string& name, unsigned kind, const std::vector<std::string>& drivers) {
  const GdalMessages messages;
  DatasetHandle dataset;
  std::error_code none;
  if (const std::string special = special_file(name); !special.empty())
    throw UserError(join_text(name, ": is ", special, "; expected a file, which can be read more than once"));
  if (drivers.empty())  // those that a user names; of products the census has looked
    for (const std::string& file : files_beside(name))
      if (const std::string special = special_file(file); !special.empty())
        throw UserError(join_text(name, ": ", file, ", which is read with it, is ", special, "; expected a file: remove it"));
  if (persist(name, [&] { return (dataset = try_to_open(name, kind, drivers)) != nullptr; })) return dataset;
  const std::string why = messages.text(), system = system_of(name);
  if (!system.empty() && drivers.empty()) {
    const GdalMessages quiet;
    const std::string archive = system + name;
    if ((dataset = try_to_open(archive, kind, drivers))) return dataset;
    const std::vector<std::string> inside = data_sets_in(archive, kind);
    if (inside.size() > 1)
      throw UserError(join_text(name, ": holds ", inside.size(), " data sets; name the one to use: ", join_list(inside, ", ")));
    if (inside.size() == 1)
      if ((dataset = try_to_open(inside[0], kind, drivers))) return dataset;
  }
  if (fs::is_regular_file(name, none) && fs::file_size(name, none) == 0)
    throw UserError(
        join_text(name, ": cannot be opened as ", kind == GDAL_OF_VECTOR ? "a vector file" : "an image", ": it is empty (0 bytes)"));
  throw UserError(join_text(name, ": cannot be opened as ", kind == GDAL_OF_VECTOR ? "a vector file" : "an image", ". ", why,
                            formats_read(why, drivers)));
}

}  // namespace millesime
