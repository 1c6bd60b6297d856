#include "pipeline/reports/season_report.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/reports/charts.h"
#include "pipeline/reports/html.h"

namespace millesime {
namespace {

using html::Line;
using html::number;

constexpr int kDaysOfMonths[] = {1, 32, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335};

// Lines from 0 to 1 over the days of the year.
std::string day_chart(const std::vector<int>& days, const std::vector<Line>& lines, const std::string& description) {
  constexpr double kWidth = 640, kHeight = 220, kLeft = 38, kTop = 8, kDays = 366;
  const auto x = [&](double day) { return number(kLeft + kWidth * (day - 1) / (kDays - 1), 1); };
  const auto y = [&](double value) { return number(kTop + kHeight * (1 - value), 1); };
  std::string svg = join_text("<svg class=\"epochs\" viewBox=\"0 0 ", kLeft + kWidth + 12, " ", kTop + kHeight + 24,
                              "\" role=\"img\" aria-label=\"", escape_markup(description), "\"><rect x=\"", kLeft, "\" y=\"", kTop,
                              "\" width=\"", kWidth, "\" height=\"", kHeight, "\" class=\"frame\"/>");
  for (int fifth = 0; fifth <= 5; ++fifth)
    svg += join_text("<line x1=\"", kLeft, "\" x2=\"", kLeft + kWidth, "\" y1=\"", y(fifth / 5.0), "\" y2=\"", y(fifth / 5.0),
                     "\" class=\"month\"/><text x=\"", kLeft - 5, "\" y=\"", y(fifth / 5.0), "\" text-anchor=\"end\">",
                     number(fifth / 5.0, 1), "</text>");
  for (int month = 0; month < 12; ++month)
    svg += join_text("<line x1=\"", x(kDaysOfMonths[month]), "\" x2=\"", x(kDaysOfMonths[month]), "\" y1=\"", kTop, "\" y2=\"",
                     kTop + kHeight, "\" class=\"month\"/><text x=\"", x(kDaysOfMonths[month] + 15), "\" y=\"", kTop + kHeight + 15,
                     "\" text-anchor=\"middle\">", html::kMonths[month], "</text>");
  std::string key;
  for (const Line& line : lines) {
    std::string points;
    for (std::size_t i = 0; i < line.values.size(); ++i)
      if (!std::isnan(line.values[i])) points += x(days[i]) + "," + y(std::clamp(line.values[i], 0.0, 1.0)) + " ";
    svg += "<polyline points=\"" + points + "\" fill=\"none\" stroke=\"" + line.color + "\" stroke-width=\"1.8\"><title>" +
           escape_markup(line.name) + "</title></polyline>";
    key += "<i style=\"background:" + line.color + "\"></i>" + escape_markup(line.name) + " ";
  }
  return svg + "</svg><p class=\"key\">" + key + "</p>";
}

std::string day_name(int day) {
  int month = 11;
  while (kDaysOfMonths[month] > day) --month;
  static const char* const kNames[] = {"January", "February", "March",     "April",   "May",      "June",
                                       "July",    "August",   "September", "October", "November", "December"};
  return join_text(std::min(day - kDaysOfMonths[month] + 1, 31), " ", kNames[month]);
}

}  // namespace

std::string season_page(const SeasonAccuracy& season, const std::string& model) {
  std::vector<int> days;
  Line accuracy{"accuracy", "#1f6f54", {}}, confidence{"mean confidence", "#b5542c", {}}, error{"calibration error", "#6b6b6b", {}};
  for (const SeasonDay& day : season.days) {
    days.push_back(day.day);
    accuracy.values.push_back(day.accuracy), confidence.values.push_back(day.confidence), error.values.push_back(day.calibration);
  }
  const Nomenclature& names = season.spec.nomenclature;
  std::vector<Line> classes;
  std::vector<NamedValue> known;
  for (std::size_t c = 0; c < season.spec.classes.size(); ++c) {
    if (season.samples[c] == 0) continue;
    const int code = season.spec.classes[c];
    Line line{names.at(*names.index_of_code(code)).name, html::class_color(names, code), {}};
    for (const SeasonDay& day : season.days) line.values.push_back(day.f[c]);
    known.emplace_back(line.name, season.known_on[c] ? day_name(*season.known_on[c]) : std::string("not in this season"));
    classes.push_back(std::move(line));
  }
  const SeasonDay& last = season.days.back();
  std::string body = html::header("A model against the day of the year", escape_markup(std::filesystem::path(model).filename().string()),
                                  html::key_figure(html::percent(last.accuracy), "accuracy with the whole season") +
                                      html::key_figure(html::grouped(static_cast<double>(last.samples)), "samples that judge"));
  const std::string warning = season.learned.is_told() ? "<p class=\"warning\">" + season.learned.to_text() + ".</p>\n" : "";
  body += html::section(
      "days", "Accuracy and confidence",
      warning +
          html::figure(day_chart(days, {accuracy, confidence, error}, "Accuracy against the day of the year"),
                       season.early
                           ? "Everything later than the day is hidden. A model is calibrated where its mean confidence is its accuracy."
                           : "Everything later than the day is hidden. The model learned whole seasons alone: early in the year it is "
                             "surer than it may be. <code>train.season_cut</code> makes one for maps of any day."));
  body += html::section("classes", "F-score of each class",
                        html::figure(day_chart(days, classes, "F-score of each class against the day"), ""));
  body += html::section("known", "When a class is known",
                        "<p>First day from which its F-score stays at " + number(season.known, 2) + " or above.</p>" + html::facts(known));
  return html::page("Season", body);
}

void write_season_report(const SeasonAccuracy& season, const std::string& model, const std::string& file) {
  if (!file.ends_with(".html")) throw UserError(join_text("--output ", file, ": expected a page, .html"));
  write_text(file, season_page(season, model));
}

}  // namespace millesime
