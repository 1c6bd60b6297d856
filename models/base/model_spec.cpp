#include "models/base/model_spec.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <type_traits>

#include "pipeline/core/band_steps.h"
#include "pipeline/core/error.h"
#include "pipeline/core/json_number.h"
#include "pipeline/core/static_groups.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace {

// 1: gap-filled values were rounded before indices were computed. From 3 on, what an older program would not read: 3: members have weights;
// 4: thermal time; 5: indices of further sources, radar by its ratio; 6: maps of a day are the mean of several networks.
constexpr int kFormat = 6, kWithFurtherIndices = 5, kWithThermalTime = 4, kWithWeights = 3, kUsual = 2;

using nlohmann::json;

// One field of a JSON object as the wanted type.
template <class T>
T field(const json& object, const char* key, const std::string& origin) {
  if (!object.is_object() || !object.contains(key)) throw UserError(join_text(origin, ": field \"", key, "\" is missing"));
  try {
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
      return whole_number<T>(object.at(key));
    } else if constexpr (std::is_same_v<T, std::vector<int>>) {
      std::vector<int> numbers;
      for (const json& number : object.at(key)) numbers.push_back(whole_number<int>(number));
      return numbers;
    } else {
      return object.at(key).get<T>();
    }
  } catch (const json::exception&) {
    std::string found = object.at(key).dump();
    if (found.size() > 60) found = found.substr(0, 57) + "...";
    throw UserError(join_text(origin, ": field \"", key, "\" has another type than expected: ", found));
  }
}

template <class T>
void check_size(const std::vector<T>& list, std::size_t expected, const char* key, const std::string& origin) {
  if (list.size() != expected)
    throw UserError(join_text(origin, ": field \"", key, "\": expected ", expected, " values, got ", list.size()));
}

void check_at_most(std::size_t size, int limit, const char* what, const std::string& origin) {
  if (size > static_cast<std::size_t>(limit)) throw UserError(join_text(origin, ": ", size, " ", what, ", expected at most ", limit));
}

void check_normalisation(float mean, float deviation, const std::string& feature, const std::string& origin) {
  if (!std::isfinite(mean) || !std::isfinite(deviation) || deviation <= 0)
    throw UserError(join_text(origin, ": normalisation of ", feature, ": expected a finite mean and a deviation above 0, got ", mean,
                              " and ", deviation));
}

SourceSpec source_from_json(const json& object, const std::string& origin) {
  SourceSpec source;
  source.name = field<std::string>(object, "name", origin);
  source.bands = field<std::vector<std::string>>(object, "bands", origin);
  source.indices = field<std::vector<std::string>>(object, "indices", origin);
  source.mean = field<std::vector<float>>(object, "mean", origin);
  source.deviation = field<std::vector<float>>(object, "deviation", origin);
  if (source.bands.empty()) throw UserError(join_text(origin, ": source \"", source.name, "\" has no bands"));
  const std::size_t features = source.bands.size() + source.indices.size();
  check_at_most(features, kMaxFeatures, "features", origin);
  check_size(source.mean, features, "mean", origin);
  check_size(source.deviation, features, "deviation", origin);
  if (object.contains("days")) {
    source.days = field<std::vector<int>>(object, "days", origin);
    check_at_most(source.days.size(), kMaxDates, "target dates", origin);
    for (std::size_t i = 1; i < source.days.size(); ++i)
      if (source.days[i] <= source.days[i - 1])
        throw UserError(join_text(origin, ": target dates of ", source.name, " are not in increasing order"));
  }
  for (const auto& [key, steps] : {std::pair("step", &source.step), std::pair("scale", &source.scale)}) {
    if (!object.contains(key)) continue;
    *steps = field<std::vector<float>>(object, key, origin);
    check_size(*steps, source.bands.size(), key, origin);
    for (const float step : *steps)
      if (!std::isfinite(step) || step <= 0) throw UserError(join_text(origin, ": ", key, ": expected a number above 0, got ", step));
  }
  for (std::size_t f = 0; f < features; ++f)
    check_normalisation(source.mean[f], source.deviation[f], join_text("feature ", f, " of ", source.name), origin);
  return source;
}

// `depth`: of models that one began from another.
Provenance provenance_from_json(const json& object, const std::string& origin, int depth = 0) {
  constexpr int kDeepest = 100;
  if (depth > kDeepest) throw UserError(join_text(origin, ": more than ", kDeepest, " models that one began from another"));
  Provenance p;
  for (const auto& file : field<std::vector<json>>(object, "samples", origin))
    p.samples.push_back({field<std::string>(file, "path", origin), field<std::string>(file, "xxh3", origin)});
  p.n_samples = field<std::int64_t>(object, "n_samples", origin);
  p.n_held_out = field<std::int64_t>(object, "n_held_out", origin);
  if (object.contains("classes")) {  // older files do not have it
    for (const auto& entry : field<std::vector<json>>(object, "classes", origin))
      p.classes.push_back({field<int>(entry, "code", origin), field<std::int64_t>(entry, "found", origin),
                           field<std::int64_t>(entry, "selected", origin), field<std::int64_t>(entry, "learned", origin)});
    check_at_most(p.classes.size(), kMaxClasses, "classes", origin);
    p.selection = field<std::string>(object, "selection", origin);
    p.oversampling = field<std::string>(object, "oversampling", origin);
  }
  p.seed = field<std::int64_t>(object, "seed", origin);
  p.year = field<int>(object, "year", origin);
  if (object.contains("years")) p.years = field<std::vector<int>>(object, "years", origin);
  if (object.contains("season")) {
    p.season = field<std::vector<int>>(object, "season", origin);
    if (p.season.size() != 2) throw UserError(join_text(origin, ": season: expected its first and its last day"));
  }
  p.region = field<std::string>(object, "region", origin);
  if (object.contains("split")) p.split = field<std::string>(object, "split", origin);
  const auto digests = [&](const char* name) {
    return object.contains(name) ? SampleDigests::from_text(field<std::string>(object, name, origin), origin) : SampleDigests();
  };
  p.known_polygons = digests("known"), p.known = digests("known_samples");
  if (object.contains("base")) {
    p.base = object.at("base");
    field<std::string>(p.base, "path", origin), field<std::string>(p.base, "xxh3", origin);
    provenance_from_json(field<json>(p.base, "provenance", origin), origin, depth + 1);
  }
  p.code = field<std::string>(object, "code", origin);
  return p;
}

void check_classes(const ModelSpec& spec, const std::string& origin) {
  if (spec.classes.empty()) throw UserError(join_text(origin, ": the model has no classes"));
  check_at_most(spec.classes.size(), kMaxClasses, "classes", origin);
  std::set<int> seen;
  for (const int code : spec.classes) {
    if (!seen.insert(code).second) throw UserError(join_text(origin, ": class ", code, " occurs twice"));
    if (!spec.nomenclature.index_of_code(code))
      throw UserError(join_text(origin, ": class ", code, " is not in the model's nomenclature \"", spec.nomenclature.name, "\""));
  }
}

std::vector<int> positions(const std::vector<std::string>& wanted, const std::vector<std::string>& available, const std::string& what,
                           const std::string& data) {
  std::vector<int> found;
  std::vector<std::string> missing;
  for (const auto& name : wanted) {
    const auto it = std::find(available.begin(), available.end(), name);
    if (it == available.end()) missing.push_back(name);
    found.push_back(static_cast<int>(it - available.begin()));
  }
  if (!missing.empty())
    throw UserError(join_text(data, ": the model reads ", what, " ", list_of_statics(wanted), "; the data have ",
                              available.empty() ? "none" : list_of_statics(available), "; missing: ", list_of_statics(missing)));
  return found;
}

}  // namespace

std::vector<float> SourceSpec::steps() const {
  if (!step.empty()) return step;
  std::vector<float> told;
  for (std::size_t b = 0; b < bands.size(); ++b) {
    const float of_images = image_step(bands[b]);
    if (scale.empty())
      told.push_back(of_images);
    else
      told.push_back(scale[b] == 1 && of_images > 0 ? of_images : scale[b]);
  }
  return told;
}

bool StaticSpec::is_category() const { return name.ends_with(kCategory); }

bool StaticSpec::is_unknown(float value) const {
  return is_category() && !std::isnan(value) && !std::ranges::binary_search(codes, static_cast<int>(value));
}

void StaticSpec::write(float value, bool normalised, float* inputs) const {
  if (!is_category()) {
    const float known = std::isnan(value) ? mean : value;
    *inputs = normalised ? (known - mean) / deviation : known;
    return;
  }
  std::fill_n(inputs, width(), 0.0F);
  if (std::isnan(value)) return;
  const auto place = std::ranges::lower_bound(codes, static_cast<int>(value));
  inputs[is_unknown(value) ? codes.size() : static_cast<std::size_t>(place - codes.begin())] = 1;
}

int ModelSpec::n_statics() const {
  int inputs = 0;
  for (const StaticSpec& each : statics) inputs += each.width();
  return inputs;
}

std::string to_text(InputKind kind) { return kind == InputKind::raw ? "raw" : "regular"; }

InputKind input_kind(const std::string& text) {
  if (text == "raw") return InputKind::raw;
  if (text == "regular") return InputKind::regular;
  throw UserError(join_text("model input: expected raw or regular, got \"", text, "\""));
}

int ModelSpec::integer(const char* parameter, int min, int max) const {
  const std::string origin = join_text("model ", architecture);
  const auto value = field<std::int64_t>(parameters, parameter, origin);
  if (!parameters.at(parameter).is_number_integer() || value < min || value > max)
    throw UserError(
        join_text(origin, ": ", parameter, ": expected an integer of ", min, " to ", max, ", got ", parameters.at(parameter).dump()));
  return static_cast<int>(value);
}

double ModelSpec::number(const char* parameter, double min, double max) const {
  const std::string origin = join_text("model ", architecture);
  const auto value = field<double>(parameters, parameter, origin);
  if (!(value >= min && value <= max))
    throw UserError(join_text(origin, ": ", parameter, ": expected ", min, " to ", max, ", got ", value));
  return value;
}

std::string ModelSpec::choice(const char* parameter, const std::vector<std::string>& allowed) const {
  const std::string origin = join_text("model ", architecture);
  auto value = field<std::string>(parameters, parameter, origin);
  if (std::find(allowed.begin(), allowed.end(), value) == allowed.end())
    throw UserError(join_text(origin, ": ", parameter, ": expected ", join_list(allowed, ", "), ", got \"", value, "\""));
  return value;
}

json Provenance::to_json() const {
  json files = json::array();
  for (const auto& f : samples) files.push_back({{"path", f.path}, {"xxh3", f.xxh3}});
  json out{{"samples", files}, {"n_samples", n_samples}, {"n_held_out", n_held_out}, {"seed", seed}, {"year", year}, {"region", region},
           {"code", code}};
  if (!years.empty()) out["years"] = years;
  if (!season.empty()) out["season"] = season;
  if (!split.empty()) out["split"] = split;
  if (!known_polygons.empty()) out["known"] = known_polygons.to_text();
  if (!known.empty()) out["known_samples"] = known.to_text();
  if (!base.is_null()) out["base"] = base;
  if (classes.empty()) return out;
  json counts = json::array();
  for (const auto& c : classes) counts.push_back({{"code", c.code}, {"found", c.found}, {"selected", c.selected}, {"learned", c.learned}});
  out.update({{"classes", counts}, {"selection", selection}, {"oversampling", oversampling}});
  return out;
}

json ModelSpec::to_json() const {
  json out;
  const json season = metrics.value("season", json::object()), parts = season.value("parts", json::array());
  const bool networks_meet = !parts.empty() && parts.front().contains("middle");  // models/base/season.h
  bool further = false;  // indices that begin with this have a meaning of their own: pipeline/learning/gap_filling.h
  for (std::size_t i = 0; i < sources.size(); ++i)
    for (const std::string& index : sources[i].indices) further = further || i > 0 || index.starts_with("VH_VV =");
  out["format"] = networks_meet ? kFormat
                  : further     ? kWithFurtherIndices
                  : thermal     ? kWithThermalTime
                  : weight != 1 ? kWithWeights
                                : kUsual;
  out["architecture"] = architecture;
  out["parameters"] = parameters;
  out["input"] = to_text(input);
  out["sources"] = json::array();
  for (const auto& s : sources) {
    out["sources"].push_back({{"name", s.name}, {"bands", s.bands}, {"indices", s.indices}, {"mean", s.mean}, {"deviation", s.deviation}});
    if (!s.step.empty()) out["sources"].back()["step"] = s.step;
    if (!s.scale.empty()) out["sources"].back()["scale"] = s.scale;
    if (!s.days.empty()) out["sources"].back()["days"] = s.days;
  }
  if (input == InputKind::regular)
    out["gap_fill"] = {{"method", gap_fill.method},
                       {"window_days", gap_fill.window_days},
                       {"smoothing", gap_fill.smoothing},
                       {"rounded", gap_fill.rounded}};
  if (thermal)
    out["thermal_time"] = {
        {"source", thermal->source}, {"base_degrees", thermal->base_degrees}, {"degrees_per_day", thermal->degrees_per_day}};
  out["days"] = days;
  out["statics"] = json::array();
  for (const auto& s : statics) {
    out["statics"].push_back({{"name", s.name}, {"mean", s.mean}, {"deviation", s.deviation}});
    if (s.is_category()) out["statics"].back()["codes"] = s.codes;
  }
  out["classes"] = classes;
  out["nomenclature"] = json::parse(nomenclature.to_json());
  out["papers"] = papers;
  out["provenance"] = provenance.to_json();
  out["metrics"] = metrics;
  out["temperature"] = temperature;
  out["sharpening"] = sharpening;
  if (weight != 1) out["weight"] = weight;
  return out;
}

ModelSpec ModelSpec::from_json(const json& object, const std::string& origin) {
  const int format = field<int>(object, "format", origin);
  if (format < 1 || format > kFormat)
    throw UserError(
        join_text(origin, ": model format ", format, ", this program reads formats 1 to ", kFormat, "; use a newer version of it"));
  ModelSpec spec;
  spec.architecture = field<std::string>(object, "architecture", origin);
  spec.parameters = field<json>(object, "parameters", origin);
  if (!spec.parameters.is_object()) throw UserError(join_text(origin, ": field \"parameters\" is no object"));
  spec.input = input_kind(field<std::string>(object, "input", origin));
  for (const auto& source : field<std::vector<json>>(object, "sources", origin)) spec.sources.push_back(source_from_json(source, origin));
  if (spec.sources.empty()) throw UserError(join_text(origin, ": the model has no sources"));
  if (object.contains("gap_fill")) {  // older files: linear
    const json& filling = object.at("gap_fill");
    spec.gap_fill = {field<std::string>(filling, "method", origin), field<double>(filling, "window_days", origin),
                     field<double>(filling, "smoothing", origin)};
    if (filling.contains("rounded")) spec.gap_fill.rounded = field<bool>(filling, "rounded", origin);
  }
  if (format == 1 && spec.input == InputKind::regular) spec.gap_fill.rounded = true;
  if (object.contains("thermal_time")) {
    const json& time = object.at("thermal_time");
    spec.thermal = {field<std::string>(time, "source", origin), field<double>(time, "base_degrees", origin),
                    field<double>(time, "degrees_per_day", origin)};
    if (!(spec.thermal->degrees_per_day > 0 && spec.thermal->degrees_per_day <= 100 && std::abs(spec.thermal->base_degrees) <= 100))
      throw UserError(join_text(origin, ": thermal_time: expected degrees from 0 to 100, got ", spec.thermal->degrees_per_day,
                                " a day above ", spec.thermal->base_degrees));
    if (spec.input == InputKind::regular) throw UserError(join_text(origin, ": thermal_time: of raw input alone"));
  }
  spec.days = field<std::vector<int>>(object, "days", origin);
  check_at_most(spec.days.size(), kMaxDates, "target dates", origin);
  if (spec.input == InputKind::regular && spec.days.empty())
    throw UserError(join_text(origin, ": a model of regular input has no target dates"));
  for (std::size_t i = 1; i < spec.days.size(); ++i)
    if (spec.days[i] <= spec.days[i - 1]) throw UserError(join_text(origin, ": target dates are not in increasing order"));
  for (const auto& entry : field<std::vector<json>>(object, "statics", origin)) {
    const StaticSpec s{field<std::string>(entry, "name", origin), field<float>(entry, "mean", origin),
                       field<float>(entry, "deviation", origin)};
    check_normalisation(s.mean, s.deviation, s.name, origin);
    spec.statics.push_back(s);
    if (!s.is_category()) continue;
    std::vector<int>& codes = spec.statics.back().codes = field<std::vector<int>>(entry, "codes", origin);
    check_at_most(codes.size(), kMaxCategories, "codes", origin);
    if (!std::ranges::is_sorted(codes, std::less_equal<>()) && codes.size() > 1)
      throw UserError(join_text(origin, ": the codes of ", s.name, " are not in increasing order"));
  }
  check_at_most(spec.statics.size(), kMaxFeatures, "statics", origin);
  spec.nomenclature = Nomenclature::from_json(field<json>(object, "nomenclature", origin).dump(), origin);
  spec.classes = field<std::vector<int>>(object, "classes", origin);
  check_classes(spec, origin);
  spec.papers = field<std::vector<std::string>>(object, "papers", origin);
  spec.provenance = provenance_from_json(field<json>(object, "provenance", origin), origin);
  spec.metrics = field<json>(object, "metrics", origin);
  spec.temperature = field<double>(object, "temperature", origin);
  if (!std::isfinite(spec.temperature) || spec.temperature <= 0)
    throw UserError(join_text(origin, ": temperature: expected a number above 0, got ", spec.temperature));
  if (object.contains("sharpening")) spec.sharpening = field<double>(object, "sharpening", origin);  // older files: none
  if (!(spec.sharpening >= 0 && spec.sharpening <= 1e6))
    throw UserError(join_text(origin, ": sharpening: expected a number from 0, got ", spec.sharpening));
  if (object.contains("weight")) spec.weight = field<double>(object, "weight", origin);
  if (!(spec.weight > 0 && spec.weight <= 1e6))
    throw UserError(join_text(origin, ": weight: expected a number above 0, got ", spec.weight));
  return spec;
}

std::vector<int> ModelSpec::bands_in(const std::vector<std::string>& available, const std::string& data, int source) const {
  MILLESIME_CHECK(source >= 0 && source < static_cast<int>(sources.size()), "source ", source);
  return positions(sources[static_cast<std::size_t>(source)].bands, available, "bands", data);
}

std::vector<int> ModelSpec::statics_in(const std::vector<std::string>& available, const std::string& data) const {
  std::vector<std::string> wanted;
  for (const auto& s : statics) wanted.push_back(s.name);
  return positions(wanted, available, "static inputs", data);
}

}  // namespace millesime
