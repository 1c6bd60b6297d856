#include "pipeline/configure/found_reference.h"

#include <algorithm>

#include "pipeline/configure/found_sources.h"
#include "pipeline/core/configs.h"
#include "pipeline/core/csv.h"
#include "pipeline/core/error.h"
#include "pipeline/core/nomenclature.h"
#include "pipeline/core/text.h"
#include "pipeline/io/layer_choice.h"
#include "pipeline/io/vector_file.h"

namespace millesime {
namespace {

namespace fs = std::filesystem;

// The code that a value names in a nomenclature, or as a number without one; 0 for no class.
std::optional<int> code_named_by(const std::string& value, const Nomenclature* classes) {
  try {
    return code_of_class(value, classes);
  } catch (const UserError&) {
    return std::nullopt;
  }
}

bool are_codes(const std::set<std::string>& values) {
  return std::ranges::all_of(values, [](const std::string& value) { return code_named_by(value, nullptr).has_value(); });
}

// The first other field that has a name of its own for each code, or for all but one (no data).
std::optional<NamesOfCodes> names_of_codes(const VectorLayer& layer, const std::map<std::string, std::set<std::string>>& values,
                                           const std::string& codes) {
  const std::size_t n_codes = values.at(codes).size();
  for (const auto& entry : values) {
    const std::set<std::string>& texts = entry.second;
    if (texts.size() > n_codes || texts.size() + 1 < n_codes || are_codes(texts)) continue;
    NamesOfCodes names{entry.first, {}};
    const bool one_each = std::ranges::all_of(layer.features, [&](const Feature& feature) {
      const std::string &code = feature.attributes.at(codes), &name = feature.attributes.at(names.field);
      return code.empty() || name.empty() || names.of.try_emplace(code, name).first->second == name;
    });
    if (one_each && names.of.size() == texts.size()) return names;
  }
  return std::nullopt;
}

FoundPolygons polygons_of(const std::string& file, const VectorLayer& layer) {
  FoundPolygons found{file, layer.features.size(), {}, {}};
  for (const std::string& field : layer.fields)
    for (const Feature& feature : layer.features)
      if (const std::string& value = feature.attributes.at(field); !value.empty() && found.values[field].size() <= kMostClasses)
        found.values[field].insert(value);
  for (const auto& [field, texts] : found.values)
    if (texts.size() <= kMostClasses && are_codes(texts))
      if (auto names = names_of_codes(layer, found.values, field)) found.names.emplace(field, *std::move(names));
  return found;
}

enum class Fit { none, codes, names };

// Whether every value is a class of the nomenclature: by its name, or by a code. Where the codes have names, most are those of the
// nomenclature, for the same numbers mean other classes elsewhere.
Fit fit_of(const std::set<std::string>& values, const NamesOfCodes* names, const Nomenclature& classes) {
  if (!std::ranges::all_of(values, [&](const std::string& value) { return code_named_by(value, &classes).has_value(); })) return Fit::none;
  if (!are_codes(values)) return Fit::names;
  if (!names) return Fit::codes;
  std::size_t named = 0, equal = 0;
  for (const auto& [value, name] : names->of) {
    const std::optional<int> code = code_named_by(value, &classes), other = code_named_by(name, &classes);
    if (code == 0) continue;
    if (other && other != code) return Fit::none;
    ++named;
    equal += other.has_value();
  }
  return equal * 2 >= named ? Fit::names : Fit::none;
}

}  // namespace

bool has_word(const std::string& text, const std::vector<std::string>& words) {
  return std::ranges::any_of(words, [&, low = lower(text)](const std::string& word) { return low.find(word) != std::string::npos; });
}

std::vector<FoundPolygons> find_polygons(const std::vector<fs::path>& folders, std::vector<std::string>& notes) {
  std::vector<FoundPolygons> all;
  for (const fs::path& folder : folders) {
    std::vector<fs::path> files;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error))
      if (const std::string ending = lower(entry.path().extension().string());
          ending == ".shp" || ending == ".gpkg" || ending == ".geojson" || ending == ".fgb" || ending == ".parquet")
        files.push_back(entry.path());
    std::ranges::sort(files);
    for (const fs::path& file : files) {
      if (looks_like_items(file)) continue;  // footprints of images
      try {
        const VectorLayer layer = read_polygons(file.string(), LayerChoice{"", "reference.layer of the configuration"}, {}, "");
        if (!layer.features.empty()) all.push_back(polygons_of(file.string(), layer));
      } catch (const UserError& problem) {
        notes.push_back(join_text("not used: ", std::string(problem.what())));
      }
    }
  }
  return all;
}

std::vector<std::string> nomenclatures_in(const fs::path& root) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(root, error))
    if (entry.is_regular_file() && has_word(entry.path().filename().string(), {"nomenclature"})) names.push_back(entry.path().string());
  std::ranges::sort(names);
  std::erase_if(names, [](const std::string& name) {
    try {
      return Nomenclature::load(name).size() == 0;
    } catch (const UserError&) {
      return true;
    }
  });
  std::vector<std::string> known = names_in_configs("nomenclatures");
  std::ranges::stable_sort(known, {}, [](const std::string& name) { return name != "oso23"; });
  names.insert(names.end(), known.begin(), known.end());
  return names;
}

std::optional<FoundReference> find_reference(const std::vector<FoundPolygons>& all, const std::vector<std::string>& nomenclatures) {
  const std::vector<std::string> telling = {"code", "class", "label", "landcover", "lc", "crop", "cultu", "kind", "type"};
  std::optional<FoundReference> best;
  int best_score = 0;
  for (const FoundPolygons& polygons : all)
    for (const auto& [field, values] : polygons.values) {
      if (values.size() < 2 || values.size() > kMostClasses || values.size() * 2 > polygons.features) continue;
      const auto names = polygons.names.find(field);
      FoundReference found{&polygons, field, "", {}, names == polygons.names.end() ? nullptr : &names->second};
      int score = has_word(field, telling) ? 2 : 0;
      score += has_word(fs::path(polygons.path).stem().string(), {"ref", "truth", "sample", "train", "label", "parcel", "field"}) ? 2 : 0;
      score -= has_word(field + fs::path(polygons.path).stem().string(), {"region", "zone", "dep", "split", "fid"}) ? 4 : 0;
      Fit fit = Fit::none;
      for (const std::string& name : nomenclatures) {
        const Fit of_it = fit_of(values, found.names, Nomenclature::load(name));
        if (of_it > fit)
          fit = of_it, found.nomenclature = name, found.as_well.clear();
        else if (of_it == fit && fit == Fit::codes)
          found.as_well.push_back(name);
      }
      if (fit != Fit::none) score += 3;
      if (score > best_score) best = found, best_score = score;
    }
  return best;
}

std::string classes_of(const FoundReference& reference) {
  std::string text = "code,name\n";
  int code = 0;
  for (const std::string& value : reference.values()) {
    const std::optional<int> told = code_of_class(value, nullptr);
    ++code;
    if (told == 0) continue;
    const bool is_named = told && reference.names && reference.names->of.contains(value);
    const std::string name = !told ? value : is_named ? reference.names->of.at(value) : "class " + value;
    text += join_text(told ? *told : code, ",", csv_cell(name), "\n");
  }
  return text;
}

}  // namespace millesime
