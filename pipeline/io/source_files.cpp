#include "pipeline/io/source_files.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <string_view>

#include <cpl_minixml.h>
#include <cpl_string.h>
#include <gdal.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/file_name.h"
#include "pipeline/core/source_name.h"
#include "pipeline/core/text.h"
#include "pipeline/io/internal/gdal_call.h"

namespace millesime {
namespace fs = std::filesystem;
namespace {

// Endings of the files beside that of a vector format which are read with it; not indexes, which only make it faster.
const std::map<std::string, std::vector<std::string>> kVectorParts = {
    {".shp", {".shx", ".dbf", ".prj", ".cpg", ".cst"}},
    {".dbf", {".cpg", ".cst"}},
    {".tab", {".dat", ".dbf", ".map", ".id"}},
    {".mif", {".mid"}},
    {".csv", {".csvt", ".prj"}},
    {".gml", {".xsd", ".gfs"}},
    {".gpkg", {}},
    {".sqlite", {}},
    {".db", {}},
    {".geojson", {}},
    {".json", {}},
    {".fgb", {}},
    {".kml", {}},
    {".parquet", {}},
    {".shz", {}},
    {".zip", {}},
};
const std::set<std::string> kDatabases = {".gpkg", ".sqlite", ".db"};
// Likewise of rasters, beside their world files. A .tab may place one.
const std::vector<std::string> kRasterParts = {".hdr", ".aux", ".rrd", ".ige", ".prj", ".clr", ".stx", ".blw", ".tab", ".wld"};
// What is added to the whole name.
const std::vector<std::string> kAdded = {".aux.xml", ".ovr", ".msk", ".msk.ovr", ".ovr.aux.xml", ".hdr", "-wal", "-journal"};

std::vector<std::string> world_files(const std::string& ending) {  // .tif: .tfw, .tifw
  std::vector<std::string> endings{ending + "w"};
  if (ending.size() > 2) endings.push_back(std::string(".") + ending[1] + ending.back() + "w");
  return endings;
}

bool is_file(const std::string& file) {
  std::error_code error;
  return fs::is_regular_file(file, error);
}

bool has_content(const fs::path& file) {
  std::error_code error;
  return fs::file_size(file, error) > 0 && !error;
}

// SQLite moves the write-ahead log that a program left into the database when its last reader closes it. That happens here, before the
// files are compared, and not while they are used. While another program has the file open, the log stays.
void merge_log(const std::string& file) {
  if (!has_content(file + "-wal")) return;
  const GdalMessages quiet;
  const DatasetHandle opened_and_closed(GDALOpenEx(file.c_str(), GDAL_OF_VECTOR | GDAL_OF_READONLY, nullptr, nullptr, nullptr));
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder.empty() ? fs::path(".") : folder, error), end; !error && entry != end; entry.increment(error))
    names.push_back(entry->path().filename().string());
  std::ranges::sort(names);
  return names;
}

std::string ending_of(const fs::path& path) { return lower(path.extension().string()); }

// What a viewer leaves beside a raster that it has shown: statistics and histograms alone.
bool is_left_by_viewer(const fs::path& file) {
  if (!file.filename().string().ends_with(".aux.xml") || !is_file(file.string())) return false;  // a pipe would wait for a writer
  const GdalMessages quiet;
  const std::unique_ptr<CPLXMLNode, decltype(&CPLDestroyXMLNode)> document(CPLParseXMLFile(file.c_str()), CPLDestroyXMLNode);
  const CPLXMLNode* root = document ? CPLGetXMLNode(document.get(), "=PAMDataset") : nullptr;
  if (!root) return false;
  const auto is_statistic = [](const CPLXMLNode* item) {
    return item->eType != CXT_Element || std::string_view(CPLGetXMLValue(item, "key", "")).starts_with("STATISTICS_");
  };
  const auto is_idle = [&](const CPLXMLNode* entry) {  // of a band
    if (entry->eType != CXT_Element || std::string_view(entry->pszValue) == "Histograms") return true;
    if (std::string_view(entry->pszValue) != "Metadata" || CPLGetXMLNode(entry, "domain")) return false;
    for (const CPLXMLNode* item = entry->psChild; item; item = item->psNext)
      if (!is_statistic(item)) return false;
    return true;
  };
  for (const CPLXMLNode* band = root->psChild; band; band = band->psNext) {
    if (band->eType != CXT_Element) continue;
    if (std::string_view(band->pszValue) != "PAMRasterBand") return false;
    bool described = false, measured = false;  // GDAL repeats the name of a band beside its statistics
    for (const CPLXMLNode* entry = band->psChild; entry; entry = entry->psNext)
      if (entry->eType == CXT_Element && std::string_view(entry->pszValue) == "Description")
        described = true;
      else if (!is_idle(entry))
        return false;
      else
        measured = measured || entry->eType == CXT_Element;
    if (described && !measured) return false;
  }
  return true;
}

// The names, in small letters, of files that are read with this one.
std::vector<std::string> names_of_parts(const fs::path& path) {
  std::vector<std::string> wanted;
  for (const std::string& added : kAdded) wanted.push_back(lower(path.filename().string()) + added);
  std::vector<std::string> endings;
  if (const auto known = kVectorParts.find(ending_of(path)); known != kVectorParts.end()) {
    endings = known->second;
  } else {
    endings = kRasterParts;
    for (const std::string& world : world_files(ending_of(path))) endings.push_back(world);
  }
  for (const std::string& part : endings) wanted.push_back(lower(path.stem().string()) + part);
  return wanted;
}

// Which of the names in its folder are those, in any letter case.
std::vector<std::string> parts_beside(const fs::path& path, const std::vector<std::string>& names) {
  const std::vector<std::string> wanted = names_of_parts(path);
  std::vector<std::string> found;
  for (const std::string& name : names)
    if (name != path.filename() && std::ranges::find(wanted, lower(name)) != wanted.end() &&
        (!(name.ends_with("-wal") || name.ends_with("-journal")) || has_content(path.parent_path() / name)) &&
        !is_left_by_viewer(path.parent_path() / name))
      found.push_back((path.parent_path() / name).string());
  return found;
}

bool has_parts(const fs::path& path) { return !parts_beside(path, names_in(path.parent_path())).empty(); }

class Collector {
 public:
  void add(const std::string& name) {
    const std::string file = parse_source_name(name).file;
    if (file.empty()) return;
    std::error_code error;
    if (fs::is_directory(file, error)) return add_folder(file);
    if (!add_file(file) || !is_file(file)) return;
    const std::string ending = ending_of(file);
    const std::string opened = opened_for(file);
    if (kDatabases.contains(ending)) merge_log(opened);
    add_beside(opened);
    if (!add_referred(file) && !kVectorParts.contains(ending)) add_listed(name);
  }

  std::vector<std::string> files;

 private:
  bool add_file(const std::string& file) {
    if (!seen_.insert(fs::path(file).lexically_normal().string()).second) return false;
    files.push_back(file);
    return true;
  }

  void add_folder(const std::string& folder) {
    std::vector<std::string> found;
    std::error_code error;
    for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
      const std::string name = entry->path().filename().string();
      if (entry->is_regular_file(error) && !is_left_by_desktop(name) && !lower(name).ends_with(".lock"))
        found.push_back(entry->path().string());
    }
    if (error) throw UserError(join_text(folder, ": cannot be listed: ", error.message()));
    std::ranges::sort(found);
    for (const std::string& file : found) add_file(file);
  }

  void add_beside(const fs::path& path) {
    const std::string folder = path.parent_path().string();
    const auto [known, is_new] = listed_.try_emplace(folder);
    if (is_new) known->second = names_in(folder);
    for (const std::string& part : parts_beside(path, known->second)) add_file(part);
  }

  // What a VRT refers to. False where the file is none.
  bool add_referred(const std::string& file) {
    constexpr std::size_t kStart = 4096;
    std::ifstream stream(file, std::ios::binary);
    std::string start(kStart, 0);
    stream.read(start.data(), kStart);
    start.resize(static_cast<std::size_t>(stream.gcount()));
    if (start.find("<VRTDataset") == std::string::npos && start.find("<OGRVRTDataSource") == std::string::npos) return false;
    const GdalMessages quiet;  // what is wrong with it is told by whoever reads it
    if (CPLXMLNode* root = CPLParseXMLString(read_text(file).c_str())) {
      for (const CPLXMLNode* node = root; node; node = node->psNext) add_referred_by(node, fs::path(file).parent_path());
      CPLDestroyXMLNode(root);
    }
    return true;
  }

  void add_referred_by(const CPLXMLNode* node, const fs::path& folder) {
    static const std::set<std::string> kReferences = {"sourcefilename", "sourcedataset", "srcdatasource", "indexdataset", "maskfilename"};
    if (node->eType == CXT_Element && kReferences.contains(lower(node->pszValue)))
      if (const std::string name = CPLGetXMLValue(node, nullptr, ""); !name.empty() && name.front() != '<') {
        const std::string relative = CPLGetXMLValue(node, "relativeToVRT", CPLGetXMLValue(node, "relativetoVRT", "0"));
        add(relative == "1" || lower(relative) == "yes" || lower(relative) == "true" ? source_in(folder, name) : name);
      }
    for (const CPLXMLNode* child = node->psChild; child; child = child->psNext) add_referred_by(child, folder);
  }

  void add_listed(const std::string& name) {
    const GdalMessages quiet;
    const DatasetHandle dataset(GDALOpenEx(name.c_str(), GDAL_OF_RASTER | GDAL_OF_VECTOR | GDAL_OF_READONLY, nullptr, nullptr, nullptr));
    if (!dataset) return;
    const CPLStringList listed(GDALGetFileList(dataset.get()), TRUE);
    for (int i = 0; i < listed.Count(); ++i)
      if (const std::string file = parse_source_name(listed[i]).file; is_file(file) && !is_left_by_viewer(file)) add_file(file);
  }

  std::set<std::string> seen_;
  std::map<std::string, std::vector<std::string>> listed_;  // of each folder that was looked into
};

}  // namespace

std::string opened_for(const std::string& name) {
  std::error_code error;
  if (!fs::is_symlink(fs::symlink_status(name, error)) || !is_file(name) || has_parts(name)) return name;
  const fs::path target = fs::canonical(name, error);
  return error || !has_parts(target) ? name : target.string();
}

std::vector<std::string> files_beside(const std::string& name) {
  if (!is_file(name)) return {};
  const fs::path path(opened_for(name));
  return parts_beside(path, names_in(path.parent_path()));
}

std::vector<std::string> FilesBesideImages::of(const std::string& image) {
  if (image.starts_with("/vsi")) return {};
  const fs::path path(image);
  const auto [folder, is_new] = listed_.try_emplace(path.parent_path().string());
  if (is_new)
    for (const std::string& name : names_in(path.parent_path())) folder->second.emplace(lower(name), name);
  std::vector<std::string> names;
  for (const std::string& wanted : names_of_parts(path))
    if (const auto [first, last] = folder->second.equal_range(wanted); !wanted.ends_with(".ovr") && !wanted.ends_with(".ovr.aux.xml"))
      for (auto name = first; name != last; ++name)
        if (const fs::path part = path.parent_path() / name->second; name->second != path.filename() && !is_left_by_viewer(part))
          names.push_back(part.string());
  std::ranges::sort(names);
  return names;
}

std::vector<std::string> files_of_source(const std::string& name) {
  Collector collector;
  collector.add(name);
  return collector.files;
}

}  // namespace millesime
