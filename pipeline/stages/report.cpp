#include "pipeline/stages/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <regex>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/io/color_ramp.h"
#include "pipeline/io/picture.h"

namespace millesime {
namespace {

// Text and numbers.

constexpr const char* kMonths[] = {"J", "F", "M", "A", "M", "J", "J", "A", "S", "O", "N", "D"};

std::string number(double value, int decimals) {
  if (std::isnan(value)) return "–";
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

std::string grouped(double value) {  // 1 234 567 with narrow blanks
  std::string digits = number(std::round(value), 0);
  for (int i = static_cast<int>(digits.size()) - 3; i > (digits[0] == '-' ? 1 : 0); i -= 3)
    digits.insert(static_cast<std::size_t>(i), "\u202f");
  return digits;
}

std::string percent(double share, int decimals = 1) { return std::isnan(share) ? "–" : number(100 * share, decimals) + "\u202f%"; }

std::string base64(const std::string& bytes) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](std::size_t k) { return k < bytes.size() ? static_cast<unsigned>(static_cast<unsigned char>(bytes[k])) : 0u; };
    const unsigned group = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    for (int shift = 18; shift >= 0; shift -= 6) text += kDigits[group >> shift & 63];
  }
  for (std::size_t missing = (3 - bytes.size() % 3) % 3; missing > 0; --missing) text[text.size() - missing] = '=';
  return text;
}

std::string picture(const Raster<std::uint8_t>& raster, const Palette& palette, const std::string& description) {
  return join_text("<img class=\"map\" alt=\"", escape_markup(description), "\" width=\"", raster.grid.cols, "\" height=\"",
                   raster.grid.rows, "\" src=\"data:image/png;base64,", base64(encode_png(raster, palette)), "\">");
}

std::string figure(const std::string& content, const std::string& caption) {
  return "<figure>" + content + "<figcaption>" + caption + "</figcaption></figure>\n";
}

std::string section(const std::string& id, const std::string& title, const std::string& content) {
  return "<section id=\"" + id + "\"><h2>" + title + "</h2>\n" + content + "</section>\n";
}

const LandClass* class_of(const Nomenclature& nomenclature, int code) {
  const auto index = nomenclature.index_of_code(code);
  return index ? &nomenclature.at(*index) : nullptr;
}

std::string class_name(const Nomenclature& nomenclature, int code) {
  const LandClass* c = class_of(nomenclature, code);
  return c ? escape_markup(c->name) : join_text("class ", code);
}

std::string swatch(const Nomenclature& nomenclature, int code) {
  const LandClass* c = class_of(nomenclature, code);
  return "<i class=\"swatch\" style=\"background:" + (c ? c->color.hex() : std::string("#999999")) + "\"></i>";
}

// The map that the numbers of the page are about: the final one, or the only run.
const MapAccuracy* main_accuracy(const ReportData& data) {
  if (!data.accuracy) return nullptr;
  if (data.accuracy->final_map && data.accuracy->final_map->confusion.total() > 0) return &*data.accuracy->final_map;
  return data.accuracy->runs.empty() ? nullptr : &data.accuracy->runs.front();
}

// " ± 0.012" in small print, or nothing where there is no interval.
std::string plus_minus(double half_width, int decimals) {
  return std::isnan(half_width) ? "" : " <small>±\u202f" + number(half_width, decimals) + "</small>";
}

std::vector<double> over_runs(const ReportData& data, double Accuracy::*value) {
  std::vector<double> values;
  for (const MapAccuracy& run : data.accuracy->runs) values.push_back(measure(run.confusion).*value);
  return values;
}

// Head of the page.

std::string key_figure(const std::string& value, const std::string& name) {
  return "<div><b>" + value + "</b><span>" + name + "</span></div>";
}

std::string accuracy_figure(const ReportData& data, double Accuracy::*value, const std::string& name) {
  const MeanInterval interval = mean_interval(over_runs(data, value));
  return key_figure(number(interval.mean, 3), name + plus_minus(interval.half_width, 3));
}

std::string head(const ReportData& data) {
  std::size_t acquisitions = 0, damaged = 0;
  for (const Census& census : data.census) acquisitions += census.acquisitions.size(), damaged += census.damaged.size();

  std::string html = join_text("<header><p class=\"eyebrow\">Land-cover map</p><h1>", escape_markup(data.title), " <em>", data.year,
                               "</em></h1>\n<div class=\"figures\">");
  if (data.summary.pixel_ha)
    html += key_figure(grouped(static_cast<double>(data.summary.mapped) * *data.summary.pixel_ha / 100) + " <small>km²</small>", "mapped");
  html += key_figure(std::to_string(data.summary.classes.size()), "classes on the map");
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
  return html + "</div></header>\n";
}

// The map, its legend, confidence and validity.

std::string legend(const ReportData& data) {
  double largest = 0;
  for (const ClassSummary& c : data.summary.classes) largest = std::max(largest, static_cast<double>(c.pixels));
  std::string html = "<table class=\"legend\"><thead><tr><th colspan=\"2\">Class</th>";
  if (data.summary.pixel_ha) html += "<th class=\"n\">ha</th>";
  const bool has_confidence = !data.confidence.samples.empty();
  html += "<th class=\"n\">share</th><th></th>";
  if (has_confidence) html += "<th class=\"n\" title=\"mean confidence, %\">conf.</th>";
  html += "</tr></thead><tbody>\n";
  for (const ClassSummary& c : data.summary.classes) {
    const double share = static_cast<double>(c.pixels) / static_cast<double>(std::max<std::int64_t>(1, data.summary.mapped));
    html += join_text("<tr><td>", swatch(data.nomenclature, c.code), "</td><td>", class_name(data.nomenclature, c.code), "</td>");
    if (data.summary.pixel_ha) html += "<td class=\"n\">" + grouped(static_cast<double>(c.pixels) * *data.summary.pixel_ha) + "</td>";
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
                                        data.summary.pixel_ha ? " m in " : "° in ", escape_markup(grid.crs.substr(0, 40)), ".");
  return section("map", "The map",
                 "<div class=\"beside\">" +
                     figure(picture(data.map, class_palette(data.nomenclature), join_text("Land-cover map of ", data.year)), caption) +
                     legend(data) + "</div>\n");
}

std::string color_bar(const ColorRamp& ramp, int maximum, const std::string& unit) {
  std::string stops;
  for (const Color& color : ramp.stops) stops += (stops.empty() ? "" : ",") + color.hex();
  return join_text("<div class=\"ramp\"><i style=\"background:linear-gradient(90deg,", stops, ")\"></i><span>0</span><span>", maximum / 2,
                   "</span><span>", maximum, " ", unit, "</span></div>");
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

std::string confusion_table(const ReportData& data, const ConfusionMatrix& matrix) {
  std::string html = "<div class=\"wide\"><table class=\"matrix\"><thead><tr><th class=\"corner\"><span>map →</span><br>reference ↓</th>";
  for (const int code : matrix.codes())
    html += join_text("<th title=\"", class_name(data.nomenclature, code), "\">", swatch(data.nomenclature, code), "<br>", code, "</th>");
  html += "<th class=\"n\">pixels</th></tr></thead><tbody>\n";
  for (int row = 0; row < matrix.size(); ++row) {
    const int code = matrix.codes()[static_cast<std::size_t>(row)];
    const std::int64_t sum = matrix.row_sum(row);
    html += join_text("<tr><th>", swatch(data.nomenclature, code), class_name(data.nomenclature, code), " <small>", code, "</small></th>");
    for (int col = 0; col < matrix.size(); ++col) {
      const std::int64_t n = matrix.at(row, col);
      if (n == 0) {
        html += "<td></td>";
        continue;
      }
      const double share = static_cast<double>(n) / static_cast<double>(sum);
      const std::string base = row == col ? "33,102,172" : "178,70,30";
      html += join_text("<td style=\"background:rgba(", base, ",", number(0.08 + 0.8 * std::sqrt(share), 2), ")",
                        share > 0.36 ? ";color:#fff" : "", "\" title=\"", class_name(data.nomenclature, code), " mapped as ",
                        class_name(data.nomenclature, matrix.codes()[static_cast<std::size_t>(col)]), ": ", grouped(static_cast<double>(n)),
                        " px, ", percent(share), "\">", share >= 0.005 ? number(100 * share, 0) : std::string("·"), "</td>");
    }
    html += "<td class=\"n\">" + grouped(static_cast<double>(sum)) + "</td></tr>\n";
  }
  return html + "</tbody></table></div>\n";
}

std::string f_score_chart(const ReportData& data, const Accuracy& accuracy) {
  std::string html =
      "<table class=\"scores\"><thead><tr><th></th><th></th><th class=\"n\">precision</th><th class=\"n\">recall</th><th "
      "class=\"n\">F-score</th></tr></thead><tbody>\n";
  std::vector<ClassAccuracy> classes = accuracy.classes;
  std::ranges::stable_sort(classes, [](const ClassAccuracy& a, const ClassAccuracy& b) {
    return (std::isnan(a.f_score) ? -1 : a.f_score) > (std::isnan(b.f_score) ? -1 : b.f_score);
  });
  for (const ClassAccuracy& c : classes) {
    std::vector<double> f_scores;
    for (const MapAccuracy& run : data.accuracy->runs)
      for (const ClassAccuracy& of_run : measure(run.confusion).classes)
        if (of_run.code == c.code) f_scores.push_back(of_run.f_score);
    const MeanInterval interval = mean_interval(f_scores);
    const LandClass* land = class_of(data.nomenclature, c.code);
    html += join_text("<tr><td>", class_name(data.nomenclature, c.code), "</td><td class=\"bar\">");
    if (!std::isnan(c.f_score))
      html += join_text("<i style=\"width:", number(100 * c.f_score, 1), "%;background:", land ? land->color.hex() : std::string("#999999"),
                        "\"></i>");
    html += join_text("</td><td class=\"n\">", number(c.precision, 2), "</td><td class=\"n\">", number(c.recall, 2),
                      "</td><td class=\"n\"><b>", number(c.f_score, 2), "</b>", plus_minus(interval.half_width, 2), "</td></tr>\n");
  }
  return html + "</tbody></table>\n";
}

std::string calibration_chart(const Calibration& calibration) {
  constexpr double kSide = 220, kLeft = 40, kTop = 8;
  const auto x = [](double v) { return number(kLeft + kSide * v, 1); };
  const auto y = [](double v) { return number(kTop + kSide * (1 - v), 1); };
  std::string svg = join_text("<svg class=\"chart\" viewBox=\"0 0 280 268\" role=\"img\" aria-label=\"Reliability diagram\"><rect x=\"",
                              x(0), "\" y=\"", y(1), "\" width=\"", kSide, "\" height=\"", kSide, "\" class=\"frame\"/><line x1=\"", x(0),
                              "\" y1=\"", y(0), "\" x2=\"", x(1), "\" y2=\"", y(1), "\" class=\"guide\"/>");
  const double width = 1.0 / static_cast<double>(calibration.bins().size());
  double most = 1;
  for (const Calibration::Bin& bin : calibration.bins()) most = std::max(most, static_cast<double>(bin.n));
  for (std::size_t i = 0; i < calibration.bins().size(); ++i) {
    const Calibration::Bin& bin = calibration.bins()[i];
    if (!bin.n) continue;
    svg += join_text("<rect x=\"", x(static_cast<double>(i) * width + 0.006), "\" y=\"", y(bin.accuracy()), "\" width=\"",
                     number(kSide * (width - 0.012), 1), "\" height=\"", number(kSide * bin.accuracy(), 1),
                     "\" fill=\"#2166ac\" fill-opacity=\"", number(0.25 + 0.75 * std::sqrt(static_cast<double>(bin.n) / most), 2),
                     "\"><title>confidence ", percent(bin.confidence()), ", right ", percent(bin.accuracy()), ", ",
                     grouped(static_cast<double>(bin.n)), " px</title></rect>");
  }
  for (const double tick : {0.0, 0.5, 1.0})
    svg += join_text("<text x=\"", x(tick), "\" y=\"", kTop + kSide + 14, "\" text-anchor=\"middle\">", number(100 * tick, 0),
                     "</text><text x=\"", kLeft - 5, "\" y=\"", number(kTop + kSide * (1 - tick) + 4, 1), "\" text-anchor=\"end\">",
                     number(100 * tick, 0), "</text>");
  svg += join_text("<text x=\"", x(0.5), "\" y=\"", kTop + kSide + 30,
                   "\" text-anchor=\"middle\">confidence, %</text><text transform=\"translate(11 ", y(0.5),
                   ") rotate(-90)\" text-anchor=\"middle\">right, %</text></svg>");
  return figure(svg,
                "Calibration: of the pixels with a given confidence, how many are right. On the diagonal the confidence can be taken at "
                "its word; stronger bars hold more "
                "pixels. Expected calibration error " +
                    percent(calibration.expected_error()) + ".");
}

std::string accuracy_section(const ReportData& data) {
  const MapAccuracy* map = main_accuracy(data);
  if (!map) return "";
  const Accuracy accuracy = measure(map->confusion);
  const auto seeds = data.accuracy->runs.size();
  std::string text = join_text("<p>Held against ", escape_markup(data.accuracy->reference), ": ",
                               grouped(static_cast<double>(accuracy.total)), " pixels. ");
  if (seeds > 1)
    text += join_text("Intervals are 95 % of Student’s t over ", seeds, " runs with different splits. The matrix is that of the ",
                      escape_markup(map->name), ". ");
  if (map->unmapped > 0)
    text += join_text("On ", grouped(static_cast<double>(map->unmapped)), " further reference pixels the map has no class. ");
  text += "</p>\n";
  std::string charts = f_score_chart(data, accuracy);
  if (map->calibration && map->calibration->total() > 0)
    charts = "<div class=\"beside scored\">" + charts + calibration_chart(*map->calibration) + "</div>\n";
  return section("accuracy", "Accuracy",
                 text + charts +
                     "<h3>Confusion matrix</h3><p class=\"note\">Each row is a class of the reference: where its pixels went on the map, "
                     "in percent of the row. Blue is agreement. "
                     "Point at a cell for its pixels.</p>\n" +
                     confusion_table(data, map->confusion));
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
      "<p>A map’s own count of pixels is biased where classes are confused. The estimate corrects it with the confusion matrix (Olofsson "
      "et al. 2014, stratified estimator), and "
      "says how sure it is: dot and line are estimate and 95 % interval, the tick is the count of pixels. " +
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

// The year of each class: mean NDVI of its samples, one small chart a class.

std::string curve_chart(const ReportData& data, const ClassCurve& curve) {
  constexpr double kWidth = 190, kHeight = 74, kLeft = 22, kTop = 4;
  static constexpr double kLow = -0.2, kHigh = 1.0;
  const auto x = [](double step) { return number(kLeft + kWidth * (step + 0.5) / kCurveSteps, 1); };
  const auto y = [](double ndvi) { return number(kTop + kHeight * (kHigh - std::clamp(ndvi, kLow, kHigh)) / (kHigh - kLow), 1); };
  std::string line, upper, lower;
  std::int64_t observations = 0;
  for (int i = 0; i < kCurveSteps; ++i) {
    const CurveStep& step = curve.steps[static_cast<std::size_t>(i)];
    if (step.observations == 0) continue;
    observations += step.observations;
    line += x(i) + "," + y(step.mean) + " ";
    upper += x(i) + "," + y(step.mean + step.deviation) + " ";
    lower = x(i) + "," + y(step.mean - step.deviation) + " " + lower;
  }
  const LandClass* land = class_of(data.nomenclature, curve.code);
  const std::string color = land ? land->color.hex() : "#999999";
  std::string svg =
      join_text("<svg class=\"curve\" viewBox=\"0 0 ", kLeft + kWidth + 4, " ", kTop + kHeight + 16,
                "\" role=\"img\" aria-label=\"NDVI over the year: ", class_name(data.nomenclature, curve.code), "\"><rect x=\"", kLeft,
                "\" y=\"", kTop, "\" width=\"", kWidth, "\" height=\"", kHeight, "\" class=\"frame\"/>");
  for (const double tick : {0.0, 0.5, 1.0})
    svg += join_text("<line x1=\"", kLeft, "\" x2=\"", kLeft + kWidth, "\" y1=\"", y(tick), "\" y2=\"", y(tick),
                     "\" class=\"month\"/><text x=\"", kLeft - 4, "\" y=\"", number(std::stod(y(tick)) + 4, 1), "\" text-anchor=\"end\">",
                     number(tick, 1), "</text>");
  for (int quarter = 0; quarter < 4; ++quarter)
    svg += join_text("<text x=\"", x(quarter * kCurveSteps / 4.0 + 0.5), "\" y=\"", kTop + kHeight + 13, "\" text-anchor=\"middle\">",
                     kMonths[static_cast<std::size_t>(3 * quarter)], "</text>");
  svg += join_text("<polygon points=\"", upper, lower, "\" fill=\"", color, "\" fill-opacity=\"0.3\"/><polyline points=\"", line,
                   "\" class=\"mean\"/></svg>");
  return figure(svg, join_text(swatch(data.nomenclature, curve.code), class_name(data.nomenclature, curve.code), " <small>",
                               grouped(static_cast<double>(observations)), "</small>"));
}

std::string curve_section(const ReportData& data) {
  if (data.curves.empty()) return "";
  std::string html =
      "<p>NDVI of the reference samples, all valid observations of the year: mean and one standard deviation in every half month, and the "
      "number of observations. Classes whose curves are alike are those that the map confuses; a wide band means that a class is several "
      "things, or that labels are wrong.</p>\n<div class=\"curves\">";
  for (const ClassCurve& curve : data.curves) html += curve_chart(data, curve);
  return section("curves", "The year of each class", html + "</div>\n");
}

// Census.

// The day in a product's name or a census line: YYYYMMDD or YYYY-MM-DD.
std::optional<Date> date_in(const std::string& text) {
  static const std::regex kDay("(\\d{4})-?(\\d{2})-?(\\d{2})");
  for (auto match = std::sregex_iterator(text.begin(), text.end(), kDay); match != std::sregex_iterator(); ++match) {
    try {
      return Date::parse((*match)[1].str() + (*match)[2].str() + (*match)[3].str());
    } catch (const UserError&) {  // digits, but no day
    }
  }
  return std::nullopt;
}

struct TimelineMark {
  Date date;
  std::string kind, label;  // kind: a CSS class
};

std::vector<TimelineMark> marks_of(const Census& census) {
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
  for (const Census& census : data.census)
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
    const Census& census = data.census[row];
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

// Provenance.

std::string table(const std::vector<NamedValue>& rows) {
  std::string html = "<table class=\"facts\"><tbody>\n";
  for (const auto& [name, value] : rows) html += "<tr><th>" + escape_markup(name) + "</th><td>" + escape_markup(value) + "</td></tr>\n";
  return html + "</tbody></table>\n";
}

std::string provenance_section(const ReportData& data) {
  std::string html = join_text("<p>Made by millesime ", escape_markup(data.version), ".");
  if (!data.licence.empty()) html += " Licence of the products: " + escape_markup(data.licence) + ".";
  html += "</p>\n";
  if (!data.models.empty()) {
    html += "<h3>Models</h3><div class=\"models\">";
    for (const auto& [name, facts] : data.models) html += "<div><h4>" + escape_markup(name) + "</h4>" + table(facts) + "</div>\n";
    html += "</div>\n";
  }
  if (!data.config.empty())
    html += "<details><summary>Configuration, every key with its effective value</summary>" + table(data.config) + "</details>\n";
  if (!data.papers.empty()) {
    html += "<h3>Methods</h3><ul>";
    for (const std::string& paper : data.papers) html += "<li>" + escape_markup(paper) + "</li>";
    html += "</ul>\n";
  }
  return section("provenance", "Provenance", html);
}

constexpr const char* kStyle = R"css(
:root{--ink:#1d2329;--soft:#5c6670;--line:#d9dde1;--paper:#fff;--blue:#2166ac;--rust:#b2461e}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 "Source Sans 3","Segoe UI","Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums}
main{max-width:1180px;margin:0 auto;padding:40px 32px 64px}
h1,h2,h3{font-family:"Source Serif 4",Charter,"Iowan Old Style",Georgia,"DejaVu Serif",serif;font-weight:600;line-height:1.15;text-wrap:balance}
h1{font-size:44px;margin:2px 0 22px;letter-spacing:-.01em}h1 em{font-style:normal;color:var(--blue)}
h2{font-size:26px;margin:0 0 14px}h3{font-size:18px;margin:28px 0 6px}h4{margin:0 0 4px;font-size:15px}
p{max-width:72ch;margin:0 0 12px}small{font-size:.78em;color:var(--soft);font-weight:400}
.eyebrow{text-transform:uppercase;letter-spacing:.14em;font-size:12px;color:var(--soft);margin:0}
.note,figcaption{color:var(--soft);font-size:13px}
header{border-bottom:2px solid var(--ink);padding-bottom:20px}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(112px,1fr));gap:16px 20px}
.figures b{display:block;font:600 23px/1.2 "Source Serif 4",Charter,Georgia,"DejaVu Serif",serif;white-space:nowrap}.figures span{display:block;color:var(--soft);font-size:13px;line-height:1.35}
section{margin-top:46px;padding-top:14px;border-top:1px solid var(--line)}header+section{border-top:0;margin-top:26px}
figure{margin:0}.map{display:block;width:100%;height:auto;border:1px solid var(--line);background:#f6f7f8;image-rendering:auto}figcaption{margin-top:8px;max-width:64ch}
.beside{display:grid;grid-template-columns:minmax(0,1.25fr) minmax(340px,1fr);gap:32px;align-items:start}
.scored{grid-template-columns:minmax(0,1fr) 300px}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:32px}
table{border-collapse:collapse;width:100%;font-size:14px}th{text-align:left;font-weight:600}td,th{padding:3px 6px;vertical-align:middle}
thead th{font-size:12px;color:var(--soft);font-weight:500;border-bottom:1px solid var(--line)}.n{text-align:right;white-space:nowrap}
.swatch{display:inline-block;width:14px;height:14px;margin-right:7px;border:1px solid rgba(0,0,0,.25);vertical-align:-2px}.legend .swatch{margin:0}
.legend td:first-child{width:20px}.bar{width:26%;min-width:70px}.bar i{display:block;height:9px;background:#9aa5b1;min-width:1px}
.scores .bar{width:44%;background:linear-gradient(90deg,transparent calc(50% - 1px),var(--line) 50%,transparent calc(50% + 1px)) no-repeat 6px 0/calc(100% - 12px)}
.scores .bar i{height:12px;border:1px solid rgba(0,0,0,.3);position:relative}
.legend tbody tr,.scores tbody tr,.areas tbody tr{border-bottom:1px solid #eef0f2}
.ramp{display:grid;grid-template-columns:1fr 1fr 1fr;font-size:12px;color:var(--soft);margin-top:8px}.ramp i{grid-column:1/4;height:10px;border:1px solid var(--line)}
.ramp span:nth-of-type(2){text-align:center}.ramp span:nth-of-type(3){text-align:right}
.wide{overflow-x:auto}.matrix{width:auto;font-size:12px}.matrix td{width:30px;min-width:26px;height:25px;text-align:center;padding:0;border:1px solid #fff}.matrix td:empty{background:#fafbfb}
.matrix th{white-space:nowrap;font-weight:500}.matrix thead th{text-align:center;border:0;padding:2px}.matrix thead .swatch{margin:0}.matrix .corner{text-align:right;padding-right:8px;line-height:1.3}
.matrix td.n{width:auto;padding:0 4px 0 12px;text-align:right;color:var(--soft)}
.chart{width:100%;max-width:320px}svg text{font:11px "Source Sans 3","Segoe UI",Arial,sans-serif;fill:var(--soft)}svg .tile{fill:var(--ink);font-size:12px}
.frame{fill:#fafbfb;stroke:var(--line)}.guide{stroke:var(--rust);stroke-dasharray:4 3}
.whisker{width:300px;max-width:100%;height:16px;display:block}.interval{stroke:var(--blue);stroke-width:2}.estimate{fill:var(--blue)}.count{stroke:var(--rust);stroke-width:1.6}
.curves{display:grid;grid-template-columns:repeat(auto-fill,minmax(200px,1fr));gap:14px 22px}.curve{width:100%;display:block}.curve .mean{fill:none;stroke:var(--ink);stroke-width:1.5}.curves figcaption{margin-top:2px}
.timeline{width:100%;min-width:720px}.month{stroke:var(--line)}.axis{stroke:#eef0f2}
circle.found{fill:var(--blue)}circle.merged{fill:#5aae61;stroke:#1b7837}circle.superseded{fill:none;stroke:#8d99a5;stroke-width:1.5}circle.damaged{fill:#fff;stroke:var(--rust);stroke-width:2.4}
.key{font-size:13px;color:var(--soft);max-width:none}.key i{display:inline-block;width:11px;height:11px;border-radius:50%;margin:0 5px 0 14px;vertical-align:-1px}
.key .found{background:var(--blue);margin-left:0}.key .merged{background:#5aae61}.key .superseded{border:2px solid #8d99a5}.key .damaged{border:2.5px solid var(--rust)}
.troubles{font-size:13px}.facts{width:auto;font-size:13px}.facts th{font-weight:500;color:var(--soft);padding-right:22px;white-space:nowrap;vertical-align:top}.facts td{overflow-wrap:anywhere}
.models{display:grid;grid-template-columns:repeat(auto-fill,minmax(320px,1fr));gap:20px}
details{margin-top:16px}summary{cursor:pointer;color:var(--blue)}
@media(max-width:860px){.beside,.pair,.scored{grid-template-columns:1fr}main{padding:24px 16px}h1{font-size:32px}}
@media print{body{font-size:11px}main{max-width:none;padding:0}section{break-inside:avoid-page;margin-top:22px}.bar i,.swatch,.ramp i,.matrix td,.key i{print-color-adjust:exact;-webkit-print-color-adjust:exact}.wide{overflow:visible}}
)css";

}  // namespace

std::string report_html(const ReportData& data) {
  const std::string title = escape_markup(join_text(data.title, " ", data.year));
  return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
         "content=\"width=device-width,initial-scale=1\"><title>" +
         title + "</title><style>" + kStyle + "</style></head>\n<body><main>\n" + head(data) + map_section(data) + quality_section(data) +
         accuracy_section(data) + area_section(data) + curve_section(data) + census_section(data) + provenance_section(data) +
         "</main></body></html>\n";
}

}  // namespace millesime
