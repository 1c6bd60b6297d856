#include "pipeline/io/sensors/theia_products.h"

#include <algorithm>
#include <filesystem>
#include <regex>

#include <cpl_string.h>
#include <cpl_vsi.h>

#include "pipeline/core/error.h"
#include "pipeline/core/file_name.h"
#include "pipeline/core/text.h"
#include "pipeline/io/internal/gdal_call.h"

namespace millesime::theia {
namespace fs = std::filesystem;

bool is_tile_name(const std::string& name) {
  static const std::regex pattern(R"(T\d{2}[A-Z]{3})");
  return std::regex_match(name, pattern);
}

std::vector<int> version_numbers(const std::string& version) {
  std::vector<int> numbers;
  for (const std::string& part : split_text(version, '-')) numbers.push_back(std::stoi(part));
  return numbers;
}

std::string tile_folder(const std::string& root, const std::string& tile) {
  if (!is_tile_name(tile)) throw UserError(join_text("\"", tile, "\" is not the name of a Sentinel-2 tile; expected for example T31TCJ"));
  return (root.empty() ? "." : root) + "/" + tile;
}

std::vector<std::string> sorted_names(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    names.push_back(entry->path().filename().string());
  if (error) throw UserError(join_text(folder, ": cannot be listed: ", error.message()));
  std::ranges::sort(names);
  return names;
}

bool is_folder(const std::string& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

std::optional<std::vector<std::string>> names_inside(const std::string& path) {
  const GdalMessages quiet;
  VSIStatBufL status;
  const CPLStringList list(VSIReadDir(path.c_str()), TRUE);
  if (!list && (VSIStatL(path.c_str(), &status) != 0 || !VSI_ISDIR(status.st_mode))) return std::nullopt;
  std::vector<std::string> names;
  for (int i = 0; i < list.Count(); ++i)
    if (const std::string name = list[i]; !is_left_by_desktop(name)) names.push_back(name);
  std::ranges::sort(names);
  return names;
}

namespace {

struct ProductName {
  std::string platform_and_time;  // SENTINEL2A_20180511-105804-037
  Product product;                // without path and files
};

// Empty if `name` is not that of a product; UserError for an impossible date.
std::optional<ProductName> parse_name(const std::string& name) {
  static const std::regex pattern(R"((SENTINEL2[A-Z]_(\d{8})-(\d{6}-\d{3}))_L2A_(T\d{2}[A-Z]{3})_[A-Z]_V(\d{1,6}(-\d{1,6})*))");
  std::smatch part;
  if (!std::regex_match(name, part, pattern)) return std::nullopt;
  ProductName result;
  result.platform_and_time = part[1];
  result.product.name = name;
  result.product.date = Date::parse(part[2].str());
  result.product.time = part[3];
  result.product.tile = part[4];
  result.product.version = part[5];
  return result;
}

bool is_zip(const std::string& name) { return lower(name).ends_with(".zip"); }

std::string not_a_product_name(const std::string& name) {
  return join_text("\"", name,
                   "\" is not the name of a product; expected SENTINEL2A_<date>-<time>_L2A_<tile>_<letter>_V<version>, for example ",
                   "SENTINEL2A_20180511-105804-037_L2A_T31TCJ_D_V1-7; rename or remove it");
}

Entry product_at(const std::string& entry, const std::string& name, const std::string& path, const std::string& archive) {
  std::optional<ProductName> parsed;
  try {
    parsed = parse_name(name);
  } catch (const UserError& error) {
    return {std::nullopt, error.what()};
  }
  if (!parsed) return {std::nullopt, not_a_product_name(name)};
  Candidate candidate;
  candidate.entry = entry;
  candidate.platform_and_time = parsed->platform_and_time;
  candidate.product = parsed->product;
  candidate.product.path = path;
  candidate.archive = archive;
  return {candidate, ""};
}

// A zip contains the product's folder, or its content.
Entry look_into_zip(const std::string& folder, const std::string& entry) {
  if (entry.find_first_of("{}") != std::string::npos)
    return {std::nullopt, "names with { or } cannot be read in place; rename the archive"};
  const std::string archive = folder + "/" + entry, inside = "/vsizip/{" + archive + "}";
  const auto names = names_inside(inside);
  if (!names || names->empty())
    return {std::nullopt, "the zip archive cannot be read: it is truncated, empty or not a zip file; download it again"};
  std::vector<std::string> products;
  for (const std::string& name : *names) {
    if (name.find("..") != std::string::npos || name.front() == '/')
      return {std::nullopt, join_text("the zip archive has the unsafe name \"", name, "\"")};
    if (name.starts_with("SENTINEL2") && name.find('.') == std::string::npos) products.push_back(name);
  }
  if (products.size() > 1) return {std::nullopt, join_text("the zip archive contains ", products.size(), " products, expected one")};
  if (products.size() == 1) return product_at(entry, products[0], inside + "/" + products[0], archive);
  for (const std::string& name : *names)
    if (const auto suffix = name.find("_FRE_B"); suffix != std::string::npos)
      return product_at(entry, name.substr(0, suffix), inside, archive);
  return {std::nullopt, "the zip archive contains no Sentinel-2 L2A product"};
}

// Products of other sensors and of other processors, by the beginning of their names.
bool is_of_another_sensor(const std::string& name) {
  static const std::regex pattern(R"((LANDSAT|L[COT]0\d_|SENTINEL1|S1[A-D]_|S2[A-D]_MSI|VENUS|SPOT|FORMOSAT).*)");
  return std::regex_match(name, pattern);
}

}  // namespace

Entry look_at(const std::string& folder, const std::string& entry, Date first, Date last) {
  const auto is_outside = [&](const Product& product) { return product.date < first || product.date > last; };
  const std::string path = folder + "/" + entry;
  Entry found;
  if (is_folder(path)) {
    if (entry.starts_with("SENTINEL2"))
      found = product_at(entry, entry, path, "");
    else if (is_of_another_sensor(entry))
      found.damage =
          "is a product of another sensor or processor; expected only Sentinel-2 L2A of THEIA (SENTINEL2A_..._L2A_...); keep it in "
          "another folder";
  } else if (is_zip(entry)) {
    const Entry named = product_at(entry, fs::path(entry).stem().string(), path, path);
    if (named.candidate && is_outside(named.candidate->product))
      found = named;  // not read, damaged or not
    else
      found = look_into_zip(folder, entry);
  }
  found.outside_period = found.candidate && is_outside(found.candidate->product);
  return found;
}

}  // namespace millesime::theia
