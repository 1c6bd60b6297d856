#pragma once
// Inside pipeline/configure only: polygons that lie beside images, and those of them that look like reference data.

#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace millesime {

inline constexpr std::size_t kMostClasses = 254;  // distinct values of a field that may be classes

// The names of the codes of a field, which another field of the same polygons has: one name a code.
struct NamesOfCodes {
  std::string field;
  std::map<std::string, std::string> of;
};

struct FoundPolygons {
  std::string path;
  std::size_t features = 0;
  std::map<std::string, std::set<std::string>> values;  // of each field, up to kMostClasses
  std::map<std::string, NamesOfCodes> names;            // of each field of codes that has some
};

struct FoundReference {
  const FoundPolygons* polygons = nullptr;
  std::string field;
  std::string nomenclature;             // one whose classes these are, "" for none
  std::vector<std::string> as_well;     // further ones that have the codes
  const NamesOfCodes* names = nullptr;  // of the values
  const std::set<std::string>& values() const { return polygons->values.at(field); }
};

bool has_word(const std::string& text, const std::vector<std::string>& words);

std::vector<FoundPolygons> find_polygons(const std::vector<std::filesystem::path>& folders, std::vector<std::string>& notes);

// Nomenclatures that lie in the folder, then the known ones, the one of the official map first.
std::vector<std::string> nomenclatures_in(const std::filesystem::path& root);

// The field that looks most like classes: of a known nomenclature before any other, of a telling name, of many polygons a value.
std::optional<FoundReference> find_reference(const std::vector<FoundPolygons>& all, const std::vector<std::string>& nomenclatures);

std::string classes_of(const FoundReference& reference);  // a nomenclature of its values, CSV

}  // namespace millesime
