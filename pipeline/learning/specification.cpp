#include "pipeline/learning/specification.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "kernels/base/training_batch_args.h"
#include "models/registry.h"
#include "pipeline/core/checksum.h"
#include "pipeline/core/coordinate_inputs.h"
#include "pipeline/core/error.h"
#include "pipeline/core/samples.h"
#include "pipeline/core/text.h"
#include "pipeline/core/version.h"
#include "pipeline/learning/gap_filling.h"

namespace millesime {
namespace {

// Without a nomenclature the classes are the labels that occur.
Nomenclature nomenclature_of_labels(const std::vector<NamedSamples>& all) {
  std::set<int> codes;
  for (const auto& [file, samples] : all) codes.insert(samples.label.begin(), samples.label.end());
  codes.erase(0);  // not known
  if (!codes.empty() && *codes.begin() < 0)
    throw UserError(join_text(all.front().file, ": label ", *codes.begin(), "; expected class codes from 1 on (0: not known)"));
  Nomenclature nomenclature;
  nomenclature.name = "labels";
  for (const int code : codes) {
    LandClass entry;
    entry.code = code;
    entry.name = entry.name_en = join_text("class ", code);
    entry.alias = join_text("C", code);
    // Distinct colours for images: steps of the golden ratio through the hues.
    const unsigned mixed = static_cast<unsigned>(code) * 2654435769u;
    entry.color = {static_cast<std::uint8_t>(mixed >> 24), static_cast<std::uint8_t>(mixed >> 16), static_cast<std::uint8_t>(mixed >> 8)};
    nomenclature.classes.push_back(entry);
  }
  return nomenclature;
}

// Target dates of regular input, in days since 1 January of the samples' year. The grid covers the dates of all files, also of those
// with samples of other regions, so that all models of a production read the same dates. Files of several years lie over each other: their
// dates are brought to the year of the first.
std::vector<int> target_days(const TimeOptions& time, const std::string& source, const std::vector<NamedSamples>& all) {
  const Date new_year = Date::from_ymd(all.front().samples.year, 1, 1);
  const auto dates_of = [&](const Samples& samples) {
    const auto series = std::ranges::find(samples.series, source, &SampleSeries::source);
    std::vector<Date> dates;
    if (series == samples.series.end()) return dates;
    for (const Date date : series->dates) dates.push_back(new_year + (date - Date::from_ymd(samples.year, 1, 1)));
    return dates;
  };
  const auto own = dates_of(all.front().samples);
  if (own.empty()) throw UserError(join_text(all.front().file, ": the samples have no dates"));
  bool shared = true;
  const auto acquired = [&] {
    std::vector<Date> dates;
    for (const auto& [file, samples] : all) {
      const auto theirs = dates_of(samples);
      if (theirs.empty()) throw UserError(join_text(file, ": the samples have no dates"));
      dates.insert(dates.end(), theirs.begin(), theirs.end());
      shared = shared && theirs == own;
    }
    return dates;
  };
  std::vector<Date> dates = time.grid(source, acquired);
  if (time.step_days == 0 && time.dates.empty() && time.start.empty() && time.end.empty() && shared) dates = own;
  std::vector<int> days;
  for (const Date date : dates) days.push_back(date - new_year);
  return days;
}

// First and last day of a series in any of the files.
std::vector<int> season_of(const std::string& source, const std::vector<NamedSamples>& all) {
  std::vector<int> season;
  for (const auto& [file, samples] : all) {
    const auto series = std::ranges::find(samples.series, source, &SampleSeries::source);
    if (series == samples.series.end() || series->dates.empty()) continue;
    const Date new_year = Date::from_ymd(samples.year, 1, 1);
    const int first = series->dates.front() - new_year, last = series->dates.back() - new_year;
    season = season.empty() ? std::vector{first, last} : std::vector{std::min(season[0], first), std::max(season[1], last)};
  }
  return season;
}

// Those of a further source: every step_days from its own first to its own last date. Files may lack it.
std::vector<int> own_days(const TimeOptions& time, const std::string& source, const std::vector<NamedSamples>& all) {
  std::vector<NamedSamples> with_it;
  for (const NamedSamples& each : all)
    for (const SampleSeries& series : each.samples.series)
      if (series.source == source && !series.dates.empty()) {
        NamedSamples only{each.file, {}};
        only.samples.year = each.samples.year;
        only.samples.series.push_back({source, {}, {}, series.dates, {}, {}});
        with_it.push_back(std::move(only));
      }
  if (with_it.empty()) throw UserError(join_text("model.sources: no sample has a date of ", source));
  TimeOptions own = time;
  own.start.clear(), own.end.clear();  // of the main source
  return target_days(own, source, with_it);
}

// Those that are asked for, else the ratio where a source is radar.
std::vector<std::string> indices_of(const ModelOptions& model, const std::string& source, bool is_main,
                                    const std::vector<NamedSamples>& all) {
  std::vector<std::string> indices;
  if (is_main) indices = model.indices;
  if (const auto known = model.indices_of.find(source); !is_main && known != model.indices_of.end()) indices = known->second;
  for (const NamedSamples& each : all)
    for (const SampleSeries& series : each.samples.series)
      if (series.source == source) return indices.empty() ? radar_indices(series.bands) : indices;
  return indices;
}

// The series to read, from model.sources; the first is the main one. Files may lack others: their samples are learned without them.
std::vector<SourceSpec> sources_of(const std::vector<std::string>& asked, const std::vector<NamedSamples>& all) {
  std::vector<std::string> known;
  for (const auto& [file, samples] : all)
    for (const auto& series : samples.series)
      if (std::ranges::find(known, series.source) == known.end()) known.push_back(series.source);
  if (known.empty()) throw UserError(join_text(all.front().file, ": the samples have no series"));
  std::vector<std::string> wanted = asked;
  if (wanted.empty()) wanted = {known.front()};
  if (wanted == std::vector<std::string>{"all"}) wanted = known;
  if (wanted.size() > kMostSources)
    throw UserError(join_text("model.sources: expected at most ", kMostSources, " series, got ", wanted.size(), "; choose some of them"));
  std::vector<SourceSpec> sources;
  for (const auto& name : wanted) {
    if (std::ranges::find(known, name) == known.end())
      throw UserError(join_text("model.sources: the samples have no series \"", name, "\", they have ", join_list(known, ", ")));
    if (std::ranges::find(sources, name, &SourceSpec::name) != sources.end())
      throw UserError(join_text("model.sources: \"", name, "\" is named twice"));
    sources.push_back({name, {}, {}, {}, {}});
  }
  return sources;
}

InputKind input_of(const LearningRequest& request) {
  return request.model.input == "auto" ? architecture(request.model.name).preferred_input : input_kind(request.model.input);
}

}  // namespace

bool serves_any_day(const LearningRequest& request) {
  return request.recipe.season_cut > 0 && architecture(request.model.name).network && input_of(request) == InputKind::raw;
}

std::vector<std::string> radar_indices(const std::vector<std::string>& bands) {
  const auto has = [&](const char* band) { return std::ranges::find(bands, band) != bands.end(); };
  return has("VV") && has("VH") ? std::vector<std::string>{kRadarRatio} : std::vector<std::string>{};
}

ModelSpec begin_spec(const LearningRequest& request, const std::vector<NamedSamples>& all) {
  const Architecture& kind = architecture(request.model.name);
  ModelSpec spec;
  spec.architecture = kind.name;
  spec.parameters = architecture_parameters(kind.name, request.model.parameters);
  spec.input = input_of(request);
  spec.papers = kind.papers;
  spec.nomenclature = request.nomenclature.empty() ? nomenclature_of_labels(all) : Nomenclature::load(request.nomenclature);
  spec.sources = sources_of(request.model.sources, all);
  if (spec.input == InputKind::regular) {
    for (SourceSpec& source : spec.sources) source.indices = indices_of(request.model, source.name, &source == &spec.sources.front(), all);
    spec.days = target_days(request.time, spec.sources.front().name, all);
    for (std::size_t s = 1; s < spec.sources.size(); ++s) spec.sources[s].days = own_days(request.time, spec.sources[s].name, all);
    spec.gap_fill = fill_spec(request.time);
  } else if (!request.model.indices.empty()) {
    throw UserError(join_text("model.indices: ", kind.name,
                              " reads raw series, which have no indices; set model.input = \"regular\" or leave them out"));
  }
  if (request.time.axis == "thermal") {
    if (spec.input == InputKind::regular)
      throw UserError(join_text("time.axis = \"thermal\" is for models of raw series, ", kind.name,
                                " reads series on regular dates; set model.name to ltae or transformer, or time.axis to \"calendar\""));
    spec.thermal = ThermalTime{request.time.temperature, request.time.base_degrees};
  }
  if (request.model.coordinates)
    for (const std::string& name : coordinate_inputs()) spec.statics.push_back({name});
  spec.provenance.seed = request.recipe.random_seed;
  spec.provenance.year = all.front().samples.year;
  spec.provenance.season = season_of(spec.sources.front().name, all);
  std::set<int> years;
  for (const NamedSamples& each : all) years.insert(each.samples.year);
  if (years.size() > 1) spec.provenance.years.assign(years.begin(), years.end());
  spec.provenance.region = request.region.value_or("");
  spec.provenance.code = version();
  for (std::size_t i = 0; i < all.size(); ++i)
    if (i == 0 || all[i].file != all[i - 1].file)  // parts of a file follow each other
      spec.provenance.samples.push_back({std::filesystem::path(all[i].file).filename().string(), xxh3_of_file(all[i].file)});
  return spec;
}

}  // namespace millesime
