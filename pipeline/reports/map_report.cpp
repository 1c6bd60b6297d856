#include "pipeline/reports/map_report.h"

#include <algorithm>
#include <cmath>
#include <regex>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/reports/charts.h"
#include "pipeline/reports/html.h"

namespace millesime {
namespace {

using namespace html;

const Judged kWords{"pixels", "map"};

// The map whose numbers the page shows: the final one, or the only run.
const MapAccuracy* main_accuracy(const ReportData& data) {
  if (!data.accuracy) return nullptr;
  if (data.accuracy->final_map && data.accuracy->final_map->confusion.total() > 0) return &*data.accuracy->final_map;
  return data.accuracy->runs.empty() ? nullptr : &data.accuracy->runs.front();
}

std::vector<double> over_runs(const ReportData& data, double Accuracy::*value) {
  std::vector<double> values;
  for (const MapAccuracy& run : data.accuracy->runs) values.push_back(measure(run.confusion).*value);
  return values;
}

// Head of the page.

std::string accuracy_figure(const ReportData& data, double Accuracy::*value, const std::string& name) {
  const MeanInterval interval = mean_interval(over_runs(data, value));
  return key_figure(number(interval.mean, 3), name + plus_minus(interval.half_width, 3));
}

std::string head(const ReportData& data) {
  std::size_t acquisitions = 0, damaged = 0;
  for (const SourceCensus& census : data.census) acquisitions += census.acquisitions.size(), damaged += census.damaged.size();

  std::string html;
  if (data.summary.mapped_ha) html += key_figure(grouped(*data.summary.mapped_ha / 100) + " <small>km²</small>", "mapped");
  html +=
      key_figure(std::to_string(data.summary.classes.size()), data.summary.classes.size() == 1 ? "class on the map" : "classes on the map");
  if (!data.census.empty()) {
    html += key_figure(std::to_string(data.census.size()), data.census.size() == 1 ? "tile" : "tiles");
    html +=
        key_figure(std::to_string(acquisitions), damaged ? join_text("acquisitions, ", damaged, " damaged") : std::string("acquisitions"));
  }
  if (!data.confidence.samples.empty()) html += key_figure(number(data.summary.confidence, 0) + " <small>%</small>", "mean confidence");
  if (data.accuracy && !data.accuracy->runs.empty()) {
    html += accuracy_figure(data, &Accuracy::overall, "overall accuracy");
    html += accuracy_figure(data, &Accuracy::kappa, "kappa");
    html += accuracy_figure(data, &Accuracy::macro_f, "mean F-score");
  }
  return html::header("Land-cover map", escape_markup(data.title) + join_text(" <em>", data.year, "</em>"), html);
}

// The map, its legend, confidence and validity.

std::string legend(const ReportData& data) {
  double largest = 0;
  for (const ClassSummary& c : data.summary.classes) largest = std::max(largest, static_cast<double>(c.pixels));
  std::string html = "<table class=\"legend\"><thead><tr><th colspan=\"2\">Class</th>";
  if (data.summary.mapped_ha) html += "<th class=\"n\">ha</th>";
  const bool has_confidence = !data.confidence.samples.empty();
  html += "<th class=\"n\">share</th><th></th>";
  if (has_confidence) html += "<th class=\"n\" title=\"mean confidence, %\">conf.</th>";
  html += "</tr></thead><tbody>\n";
  for (const ClassSummary& c : data.summary.classes) {
    const double share = static_cast<double>(c.pixels) / static_cast<double>(std::max<std::int64_t>(1, data.summary.mapped));
    html += join_text("<tr><td>", swatch(data.nomenclature, c.code), "</td><td>", class_name(data.nomenclature, c.code), "</td>");
    if (data.summary.mapped_ha) html += "<td class=\"n\">" + grouped(c.ha) + "</td>";
    html += join_text("<td class=\"n\">", percent(share),
                      "</td><td class=\"bar\"><i style=\"width:", number(100 * static_cast<double>(c.pixels) / largest, 1), "%\"></i></td>",
                      has_confidence ? "<td class=\"n\">" + number(c.confidence, 0) + "</td>" : std::string(), "</tr>\n");
  }
  return html + "</tbody></table>\n";
}

std::string map_section(const ReportData& data) {
  const Grid& grid = data.summary.grid;
  const std::string caption = join_text("The map of ", data.year, ", reduced to ", data.map.grid.cols, " × ", data.map.grid.rows,
                                        " px; the product has ", grouped(grid.cols), " × ", grouped(grid.rows), " px of ", grid.pixel_width,
                                        data.summary.in_degrees ? "° in " : " m in ", escape_markup(grid.crs.substr(0, 40)), ".");
  return section("map", "The map",
                 "<div class=\"beside\">" +
                     figure(picture(data.map, class_palette(data.nomenclature), join_text("Land-cover map of ", data.year)), caption) +
                     legend(data) + "</div>\n");
}

std::string quality_section(const ReportData& data) {
  std::string html;
  if (!data.confidence.samples.empty())
    html += figure(
        picture(data.confidence, number_palette(confidence_ramp(), 100), "Confidence of the map") + color_bar(confidence_ramp(), 100, "%"),
        "Confidence: the probability of the class that was chosen. Mean over the map " + number(data.summary.confidence, 1) + "\u202f%.");
  if (!data.validity.samples.empty())
    html += figure(
        picture(data.validity, number_palette(validity_ramp(), data.summary.highest_validity), "Number of valid acquisitions") +
            color_bar(validity_ramp(), data.summary.highest_validity, "acquisitions"),
        "Validity: acquisitions of the year without cloud, shadow or gap. Mean over the map " + number(data.summary.validity, 1) + ".");
  return html.empty() ? "" : section("quality", "How certain, and from how many images", "<div class=\"pair\">" + html + "</div>\n");
}

// Accuracy.

// 95 % of the F-scores over the runs, by Student's t.
std::string f_score_interval(const ReportData& data, int code) {
  std::vector<double> f_scores;
  for (const MapAccuracy& run : data.accuracy->runs)
    for (const ClassAccuracy& of_run : measure(run.confusion).classes)
      if (of_run.code == code) f_scores.push_back(of_run.f_score);
  return plus_minus(mean_interval(f_scores).half_width, 2);
}

std::string accuracy_section(const ReportData& data) {
  const MapAccuracy* map = main_accuracy(data);
  if (!map) return "";
  const Accuracy accuracy = measure(map->confusion);
  const auto seeds = data.accuracy->runs.size();
  std::string text =
      join_text("<p>Compared with ", escape_markup(data.accuracy->reference), ": ", grouped(static_cast<double>(accuracy.total)), " pixels",
                map->polygons ? " of " + grouped(static_cast<double>(*map->polygons)) + " polygons" : std::string(), ". ");
  if (seeds > 1)
    text += join_text("Intervals are 95 % of Student’s t over ", seeds, " runs with different splits. The matrix is that of the ",
                      escape_markup(map->name), ". ");
  if (map->unmapped > 0)
    text += join_text("On ", grouped(static_cast<double>(map->unmapped)), " further reference pixels the map has no class. ");
  if (!map->not_judged.empty()) {
    std::vector<std::string> names;
    for (const int code : map->not_judged) names.push_back(class_name(data.nomenclature, code));
    text += join_text("Not judged, because no polygon of the class is held out: ", join_list(names, ", "), ". ");
  }
  text += "</p>\n";
  std::string charts = score_table(data.nomenclature, accuracy, [&](int code) { return f_score_interval(data, code); });
  if (map->calibration && map->calibration->total() > 0)
    charts = "<div class=\"beside scored\">" + charts + reliability_chart(*map->calibration, kWords) + "</div>\n";
  return section(
      "accuracy", "Accuracy",
      text + charts +
          "<h3>Confusion matrix</h3><p class=\"note\">Each row is a class of the reference: the classes of its pixels on the map, "
          "in percent of the row. Blue is agreement. "
          "Move the pointer over a cell to see its number of pixels.</p>\n" +
          confusion_table(data.nomenclature, map->confusion, kWords));
}

// Areas.

std::string area_section(const ReportData& data) {
  if (!data.areas || std::isnan(data.areas->overall.value)) return "";
  const AreaAccuracy& areas = *data.areas;
  double largest = 0;
  for (const AreaEstimate& c : areas.classes)
    largest = std::max({largest, c.mapped_area, std::isnan(c.area.value) ? 0 : c.area.value + c.area.half_width()});
  if (largest <= 0) return "";
  constexpr double kWidth = 300;
  const auto x = [&](double area) { return number(4 + (kWidth - 8) * std::clamp(area / largest, 0.0, 1.0), 1); };

  std::string html =
      "<p>Areas counted on a map are biased if classes are confused. The estimate corrects it with the confusion matrix (Olofsson "
      "et al. 2014, stratified estimator), and "
      "gives its uncertainty: dot and line are estimate and 95 % interval, the tick is the count of pixels. " +
      std::string(
          "The intervals are those of a probability sample; held-out pixels of reference polygons are correlated and not placed at random, "
          "so the true uncertainty is larger.") +
      "</p>\n";
  html +=
      "<table class=\"areas\"><thead><tr><th></th><th></th><th class=\"n\">mapped, ha</th><th class=\"n\">estimate, ha</th><th "
      "class=\"n\">user’s</th><th "
      "class=\"n\">producer’s</th></tr></thead><tbody>\n";
  for (const AreaEstimate& c : areas.classes) {
    if (c.mapped_area == 0 && !(c.area.value > 0)) continue;
    html += join_text("<tr><td>", swatch(data.nomenclature, c.code), class_name(data.nomenclature, c.code),
                      "</td><td><svg class=\"whisker\" viewBox=\"0 0 ", kWidth,
                      " 16\"><line x1=\"4\" x2=\"4\" y1=\"0\" y2=\"16\" class=\"month\"/>");
    if (!std::isnan(c.area.value)) {
      const double half = std::isnan(c.area.half_width()) ? 0 : c.area.half_width();
      html += join_text("<line x1=\"", x(c.area.value - half), "\" x2=\"", x(c.area.value + half),
                        "\" y1=\"8\" y2=\"8\" class=\"interval\"/><circle cx=\"", x(c.area.value),
                        "\" cy=\"8\" r=\"3.2\" class=\"estimate\"/>");
    }
    html +=
        join_text("<line x1=\"", x(c.mapped_area), "\" x2=\"", x(c.mapped_area),
                  "\" y1=\"2\" y2=\"14\" class=\"count\"/></svg></td><td class=\"n\">", grouped(c.mapped_area), "</td><td class=\"n\">",
                  std::isnan(c.area.value) ? "–" : grouped(c.area.value) + " <small>±\u202f" + grouped(c.area.half_width()) + "</small>",
                  "</td><td class=\"n\">", number(c.users.value, 2), plus_minus(c.users.half_width(), 2), "</td><td class=\"n\">",
                  number(c.producers.value, 2), plus_minus(c.producers.half_width(), 2), "</td></tr>\n");
  }
  html += "</tbody></table>\n";
  html += join_text("<p class=\"note\">Area-adjusted overall accuracy ", number(areas.overall.value, 3), " ± ",
                    number(areas.overall.half_width(), 3), ".");
  if (!areas.unsampled.empty()) {
    std::vector<std::string> names;
    for (const int code : areas.unsampled) names.push_back(class_name(data.nomenclature, code));
    html += join_text(" Left out, because fewer than two reference pixels lie on them: ", join_list(names, ", "),
                      "; the estimates stand for ", percent(areas.covered_share), " of the map.");
  }
  return section("areas", "Areas, corrected for confusion", html + "</p>\n");
}

// Series of each class over the year: mean NDVI of its samples, one small chart a class.

std::string curve_section(const ReportData& data) {
  if (data.curves.empty()) return "";
  std::string html =
      "<p>NDVI of the reference samples, all valid observations of the year: mean and one standard deviation in every half month, and the "
      "number of observations. Classes with similar curves are often confused; a wide band means that a class contains several "
      "things, or that labels are wrong.</p>\n<div class=\"curves\">";
  for (const ClassCurve& curve : data.curves) html += curve_chart(data.nomenclature, curve, ndvi_axis());
  return section("curves", "The year of each class", html + "</div>\n");
}

// Census.

// The day in a product's name or a census line: YYYYMMDD or YYYY-MM-DD.
std::optional<Date> date_in(const std::string& text) {
  static const std::regex kDay("(\\d{4})-?(\\d{2})-?(\\d{2})");
  for (auto match = std::sregex_iterator(text.begin(), text.end(), kDay); match != std::sregex_iterator(); ++match) {
    try {
      return Date::parse((*match)[1].str() + (*match)[2].str() + (*match)[3].str());
    } catch (const UserError&) {  // digits, but not a date
    }
  }
  return std::nullopt;
}

struct TimelineMark {
  Date date;
  std::string kind, label;  // kind: a CSS class
};

std::vector<TimelineMark> marks_of(const SourceCensus& census) {
  std::vector<TimelineMark> marks;
  const auto add_named = [&](const std::vector<std::string>& names, const std::string& kind) {
    for (const std::string& name : names)
      if (const auto date = date_in(name)) marks.push_back({*date, kind, kind + ": " + name});
  };
  add_named(census.superseded, "superseded");
  for (const Acquisition& a : census.acquisitions)
    marks.push_back({a.date, a.passes.size() > 1 ? "merged" : "found", a.date.iso() + (a.passes.size() > 1 ? ", two passes merged" : "")});
  for (const Damage& damage : census.damaged)
    if (const auto date = date_in(damage.product))
      marks.push_back({*date, "damaged", "damaged: " + damage.product + ": " + damage.message});
  return marks;
}

std::string census_section(const ReportData& data) {
  if (data.census.empty()) return "";
  constexpr double kLeft = 74, kWidth = 860, kRow = 22, kTop = 24;
  Date first = Date::from_ymd(data.year, 1, 1), last = Date::from_ymd(data.year, 12, 31);
  for (const SourceCensus& census : data.census)
    for (const TimelineMark& mark : marks_of(census)) first = std::min(first, mark.date), last = std::max(last, mark.date);
  const double span = std::max(1, last - first);
  const auto x = [&](Date date) { return number(kLeft + kWidth * (date - first) / span, 1); };
  const double height = kTop + kRow * static_cast<double>(data.census.size()) + 6;

  std::string svg = join_text("<svg class=\"timeline\" viewBox=\"0 0 ", kLeft + kWidth + 46, " ", height,
                              "\" role=\"img\" aria-label=\"Acquisitions of each tile over the year\">");
  for (int month = 1; month <= 12; ++month) {
    const Date start = Date::from_ymd(data.year, month, 1);
    svg += join_text("<line x1=\"", x(start), "\" x2=\"", x(start), "\" y1=\"", kTop - 6, "\" y2=\"", height - 4,
                     "\" class=\"month\"/><text x=\"", x(start + 15), "\" y=\"12\" text-anchor=\"middle\">", kMonths[month - 1], "</text>");
  }
  std::string troubles;
  for (std::size_t row = 0; row < data.census.size(); ++row) {
    const SourceCensus& census = data.census[row];
    const double y = kTop + kRow * (static_cast<double>(row) + 0.5);
    svg += join_text("<text x=\"0\" y=\"", y + 4, "\" class=\"tile\">", escape_markup(census.tile), "</text><line x1=\"", kLeft, "\" x2=\"",
                     kLeft + kWidth, "\" y1=\"", y, "\" y2=\"", y, "\" class=\"axis\"/>");
    for (const TimelineMark& mark : marks_of(census))
      svg += join_text("<circle cx=\"", x(mark.date), "\" cy=\"", y, "\" r=\"", mark.kind == "superseded" ? 6.6 : 4.2, "\" class=\"",
                       mark.kind, "\"><title>", escape_markup(mark.label), "</title></circle>");
    svg += join_text("<text x=\"", kLeft + kWidth + 12, "\" y=\"", y + 4, "\">", census.acquisitions.size(), "</text>");
    for (const Damage& damage : census.damaged)
      troubles += join_text("<li><b>", escape_markup(census.tile), "</b> ", escape_markup(damage.product), ": ",
                            escape_markup(damage.message), "</li>\n");
  }
  svg += "</svg>";
  const std::string key =
      "<p class=\"key\"><i class=\"found\"></i>acquisition <i class=\"merged\"></i>two passes merged <i class=\"superseded\"></i>older "
      "version, replaced <i class=\"damaged\"></i>damaged, left out</p>";
  if (!troubles.empty()) troubles = "<h3>Left out</h3><ul class=\"troubles\">" + troubles + "</ul>\n";
  return section("census", "Census of dates", "<div class=\"wide\">" + svg + "</div>" + key + troubles);
}

// What has no class, and why.

std::string unmapped_section(const ReportData& data) {
  if (data.unmapped.empty() && data.notes.empty()) return "";
  std::string html;
  if (!data.unmapped.empty())
    html += "<p>Pixels of the tiles' maps; where tiles overlap, a pixel counts for each of them.</p>\n" + facts(data.unmapped);
  if (!data.notes.empty()) {
    html += "<ul>";
    for (const std::string& note : data.notes) html += "<li>" + escape_markup(note) + "</li>";
    html += "</ul>\n";
  }
  return section("unmapped", "Pixels without a class", html);
}

// Provenance.

std::string provenance_section(const ReportData& data) {
  std::string html = join_text("<p>Made by millesime ", escape_markup(data.version), ".");
  if (!data.licence.empty()) html += " Licence of the products: " + escape_markup(data.licence) + ".";
  html += "</p>\n";
  if (!data.models.empty()) {
    html += "<h3>Models</h3><div class=\"models\">";
    for (const auto& [name, rows] : data.models) html += "<div><h4>" + escape_markup(name) + "</h4>" + facts(rows) + "</div>\n";
    html += "</div>\n";
  }
  if (!data.config.empty())
    html += "<details><summary>Configuration, every key with its effective value</summary>" + facts(data.config) + "</details>\n";
  if (!data.papers.empty()) {
    html += "<h3>Methods</h3><ul>";
    for (const std::string& paper : data.papers) html += "<li>" + escape_markup(paper) + "</li>";
    html += "</ul>\n";
  }
  return section("provenance", "Provenance", html);
}

}  // namespace

std::string report_html(const ReportData& data) {
  return page(join_text(data.title, " ", data.year), head(data) + map_section(data) + quality_section(data) + accuracy_section(data) +
                                                         area_section(data) + curve_section(data) + census_section(data) +
                                                         unmapped_section(data) + provenance_section(data));
}

}  // namespace millesime
