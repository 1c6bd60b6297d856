#include "pipeline/learning/season_accuracy.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "models/base/season.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/learning/evaluation.h"
#include "pipeline/learning/prediction.h"

namespace millesime {
namespace {

// Of the samples that judge, those that have a label and a valid date before the end of a day of the year; nothing after it is known.
SampleSelection known_on(const NamedSamples& named, const SampleSelection& judging, int day) {
  const Samples& samples = named.samples;
  SampleSelection known{&samples, named.file, {}, Date::from_ymd(samples.year, 1, 1) + day};
  const auto is_seen = [&](std::int64_t row) {
    return std::ranges::any_of(samples.series, [&](const SampleSeries& series) {
      const auto n = static_cast<std::size_t>(std::ranges::lower_bound(series.dates, *known.known_until) - series.dates.begin());
      const std::uint8_t* valid = series.valid.data() + static_cast<std::size_t>(row) * series.dates.size();
      return std::any_of(valid, valid + n, [](std::uint8_t one) { return one != 0; });
    });
  };
  for (const std::int64_t row : judging.rows)
    if (samples.label[static_cast<std::size_t>(row)] != 0 && is_seen(row)) known.rows.push_back(row);
  return known;
}

int first_acquisition(const std::vector<NamedSamples>& all) {
  int first = kWholeSeason;
  for (const NamedSamples& named : all)
    for (const SampleSeries& series : named.samples.series)
      if (!series.dates.empty()) first = std::min(first, series.dates.front() - Date::from_ymd(named.samples.year, 1, 1) + 1);
  return first;
}

SeasonDay measure_day(const ModelFile& learned, const std::vector<NamedSamples>& all, const std::vector<SampleSelection>& judging, int day,
                      const Context& context, std::vector<std::int64_t>& of_class) {
  ModelFile model = learned;
  serve_day(model, day);
  const std::vector<int>& classes = model.spec.classes;
  ConfusionMatrix confusion(classes);
  Calibration calibration;
  double confidence = 0;
  std::ranges::fill(of_class, 0);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const SampleSelection known = known_on(all[i], judging[i], day);
    if (known.rows.empty()) continue;
    const auto probabilities = predict_probabilities(model, std::vector{known}, context);
    for (std::size_t r = 0; r < known.rows.size(); ++r) {
      const float* row = probabilities.data() + r * classes.size();
      const auto winner = static_cast<std::size_t>(std::max_element(row, row + classes.size()) - row);
      const int label = known.samples->label[static_cast<std::size_t>(known.rows[r])];
      confusion.add(label, classes[winner]);
      calibration.add(std::clamp(static_cast<double>(row[winner]), 0.0, 1.0), label == classes[winner]);
      confidence += row[winner];
      for (std::size_t c = 0; c < classes.size(); ++c) of_class[c] += label == classes[c];
    }
  }
  const Accuracy accuracy = measure(confusion);
  SeasonDay measured{day,
                     accuracy.total,
                     accuracy.overall,
                     accuracy.total > 0 ? confidence / static_cast<double>(accuracy.total) : NAN,
                     calibration.expected_error(),
                     std::vector<double>(classes.size(), NAN)};
  for (const ClassAccuracy& each : accuracy.classes)
    if (const auto place = std::ranges::find(classes, each.code); place != classes.end())
      measured.f[static_cast<std::size_t>(place - classes.begin())] = each.f_score;
  return measured;
}

nlohmann::ordered_json number_or_null(double value) { return std::isnan(value) ? nlohmann::ordered_json() : nlohmann::ordered_json(value); }

std::string date_of(int day) {  // of a year without 29 February
  const std::string iso = (Date::from_ymd(2021, 1, 1) + (day - 1)).iso();
  return day > 365 ? "12-31" : iso.substr(5);
}

}  // namespace

Options SeasonCommand::declare() {
  Options o;
  o.add("model", &model, "model file").path().required();
  o.add("samples", &samples, "files of samples, .safetensors or .csv, that the model did not learn from, or with a split")
      .path()
      .required();
  o.add("output", &output, "page to write, .html; the numbers are beside it, .json").path();
  o.add("from", &from, "first day of the year; 0: that of the first acquisition").range(0, kWholeSeason);
  o.add("step_days", &step_days, "interval between the days").unit("days").range(1, 100);
  o.add("known", &known, "F-score from which a class counts as known").range(0, 1);
  o.add("seed", &seed, "seed whose split defines the test samples; all samples of files without test samples are used").range(0, 1000);
  o.add("all_samples", &all_samples, "test on all samples, also those for training");
  tables.declare(o);
  return o;
}

SeasonAccuracy season_accuracy(const SeasonCommand& command, const Context& context) {
  const ModelFile model = ModelFile::read(command.model);
  SeasonAccuracy season{model.spec, knows_early_maps(model), {}, {}, {}, command.known, {}};
  std::vector<NamedSamples> all;
  for (const std::string& file : command.samples)
    for (Samples& part : load_parts(file, &model.spec.nomenclature, command.tables.for_reading())) all.push_back({file, std::move(part)});
  std::vector<SampleSelection> judging;
  for (const NamedSamples& named : all) {
    judging.push_back(judging_samples(named.samples, named.file, command.seed, command.all_samples));
    season.learned.add(learned_share(model.spec, judging.back(), std::ssize(judging.back().rows) == named.samples.size()));
  }
  const int first = first_acquisition(all);
  if (command.from > 0 && command.from < first)
    throw UserError(join_text("--from ", command.from, ": nothing is known before the first acquisition, on day ", first,
                              " of the year; expected that day or a later one"));
  constexpr int kLastDay = 365;  // the whole season is told as this day
  std::vector<int> days;
  for (int day = command.from > 0 ? command.from : std::max(first, 1); day < kLastDay; day += command.step_days) days.push_back(day);
  days.push_back(kWholeSeason);
  season.samples.resize(model.spec.classes.size());
  context.progress->start("season", static_cast<std::int64_t>(days.size()), "days");
  for (const int day : days) {
    season.days.push_back(measure_day(model, all, judging, day, context, season.samples));
    season.days.back().day = std::min(day, kLastDay);
    context.progress->advance(1);
  }
  context.progress->finish();
  if (season.days.back().samples == 0) throw UserError(join_text(join_list(command.samples, ", "), ": no labelled samples to judge by"));
  for (std::size_t c = 0; c < model.spec.classes.size(); ++c) {
    std::optional<int> known;
    for (auto day = season.days.rbegin(); day != season.days.rend() && day->f[c] >= command.known; ++day) known = day->day;
    season.known_on.push_back(season.samples[c] > 0 ? known : std::nullopt);
  }
  return season;
}

nlohmann::ordered_json to_json(const SeasonAccuracy& season) {
  nlohmann::ordered_json json{{"learned_with_cuts", season.early}, {"known_from_f_score", season.known}};
  if (season.learned.is_told()) json["note"] = season.learned.to_text();
  json["days"] = nlohmann::ordered_json::array();
  for (const SeasonDay& day : season.days) {
    nlohmann::ordered_json f;
    for (std::size_t c = 0; c < day.f.size(); ++c) f[std::to_string(season.spec.classes[c])] = number_or_null(day.f[c]);
    json["days"].push_back({{"day", day.day},
                            {"samples", day.samples},
                            {"accuracy", number_or_null(day.accuracy)},
                            {"mean_confidence", number_or_null(day.confidence)},
                            {"calibration_error", number_or_null(day.calibration)},
                            {"f_score", f}});
  }
  json["classes"] = nlohmann::ordered_json::array();
  for (std::size_t c = 0; c < season.known_on.size(); ++c)
    json["classes"].push_back({{"code", season.spec.classes[c]},
                               {"samples", season.samples[c]},
                               {"known_on", season.known_on[c] ? nlohmann::ordered_json(*season.known_on[c]) : nlohmann::ordered_json()}});
  return json;
}

std::string to_text(const SeasonAccuracy& season) {
  std::string text = " day  until  accuracy  confidence  calibration error  samples\n";
  char line[160];
  for (const SeasonDay& day : season.days) {
    std::snprintf(line, sizeof line, "%4d  %5s  %8.3f  %10.3f  %17.3f  %7lld\n", day.day, date_of(day.day).c_str(), day.accuracy,
                  day.confidence, day.calibration, static_cast<long long>(day.samples));
    text += line;
  }
  text += join_text("\nknown from (F-score of ", fixed(season.known, 2), " and more until the end)\n");
  for (std::size_t c = 0; c < season.known_on.size(); ++c) {
    const auto index = season.spec.nomenclature.index_of_code(season.spec.classes[c]);
    std::snprintf(line, sizeof line, "  %-7s ", season.known_on[c] ? date_of(*season.known_on[c]).c_str() : "never");
    text += line + (index ? season.spec.nomenclature.at(*index).name : std::to_string(season.spec.classes[c])) + "\n";
  }
  if (season.learned.is_told()) text += "\n" + season.learned.to_text() + "\n";
  if (!season.early) text += "\nthe model learned whole seasons alone: train.season_cut makes one for maps of any day\n";
  return text;
}

}  // namespace millesime
