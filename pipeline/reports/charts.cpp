#include "pipeline/reports/charts.h"

#include <algorithm>
#include <cmath>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/reports/html.h"

namespace millesime::html {

namespace {

std::string confusion_counts(const Nomenclature& nomenclature, const ConfusionMatrix& matrix, const Judged& judged) {
  const Words& w = judged.words;
  std::string html = join_text("<table class=\"matrix\"><caption class=\"spoken\">", judged.unit, "</caption><thead><tr><th></th>");
  for (const int code : matrix.codes()) html += join_text("<th scope=\"col\">", class_name(nomenclature, code), "</th>");
  html += "</tr></thead><tbody>\n";
  for (int row = 0; row < matrix.size(); ++row) {
    html += "<tr><th scope=\"row\">" + class_name(nomenclature, matrix.codes()[static_cast<std::size_t>(row)]) + "</th>";
    for (int col = 0; col < matrix.size(); ++col) html += "<td class=\"n\">" + grouped(static_cast<double>(matrix.at(row, col))) + "</td>";
    html += "</tr>\n";
  }
  return behind(join_text(w("The matrix in numbers, ", "La matrice en nombres, "), judged.unit), html + "</tbody></table>");
}

}  // namespace

std::string confusion_table(const Nomenclature& nomenclature, const ConfusionMatrix& matrix, const Judged& judged) {
  const Words& w = judged.words;
  std::string html = join_text("<div class=\"wide\" tabindex=\"0\"><table class=\"matrix\"><thead><tr><th class=\"corner\"><span>",
                               judged.producer, " →</span><br>", w("reference", "référence"), " ↓</th>");
  for (const int code : matrix.codes())
    html +=
        join_text("<th scope=\"col\" title=\"", class_name(nomenclature, code), "\">", swatch(nomenclature, code), "<br>", code, "</th>");
  html += "<th class=\"n\" scope=\"col\">" + judged.unit + "</th></tr></thead><tbody>\n";
  for (int row = 0; row < matrix.size(); ++row) {
    const int code = matrix.codes()[static_cast<std::size_t>(row)];
    const std::int64_t sum = matrix.row_sum(row);
    html +=
        join_text("<tr><th scope=\"row\">", swatch(nomenclature, code), class_name(nomenclature, code), " <small>", code, "</small></th>");
    for (int col = 0; col < matrix.size(); ++col) {
      const std::int64_t n = matrix.at(row, col);
      if (n == 0) {
        html += "<td></td>";
        continue;
      }
      const double share = static_cast<double>(n) / static_cast<double>(sum);
      const std::string base = row == col ? "33,102,172" : "178,70,30";
      html +=
          join_text("<td style=\"background:rgba(", base, ",", number(0.08 + 0.8 * std::sqrt(share), 2), ")",
                    share > 0.36 ? ";color:#fff" : "", "\" title=\"", class_name(nomenclature, code), w(" taken for ", " pris pour "),
                    class_name(nomenclature, matrix.codes()[static_cast<std::size_t>(col)]), w.colon(), grouped(static_cast<double>(n)),
                    " ", judged.unit, ", ", w.percent(share), "\">", share >= 0.005 ? number(100 * share, 0) : std::string("·"), "</td>");
    }
    html += "<td class=\"n\">" + grouped(static_cast<double>(sum)) + "</td></tr>\n";
  }
  return html + "</tbody></table></div>\n" + confusion_counts(nomenclature, matrix, judged);
}

std::string score_table(const Nomenclature& nomenclature, const Accuracy& accuracy, const std::function<std::string(int)>& interval,
                        const Words& w) {
  std::string html =
      join_text("<table class=\"scores\"><thead><tr><th scope=\"col\">", w("Class", "Classe"),
                "</th><th></th><th class=\"n\" scope=\"col\">", w("precision", "précision"), "</th><th class=\"n\" scope=\"col\">",
                w("recall", "rappel"), "</th><th class=\"n\" scope=\"col\">F-score</th></tr></thead><tbody>\n");
  std::vector<ClassAccuracy> classes = accuracy.classes;
  std::ranges::stable_sort(classes, [](const ClassAccuracy& a, const ClassAccuracy& b) {
    return (std::isnan(a.f_score) ? -1 : a.f_score) > (std::isnan(b.f_score) ? -1 : b.f_score);
  });
  for (const ClassAccuracy& c : classes) {
    html += join_text("<tr><th scope=\"row\">", class_name(nomenclature, c.code), "</th><td class=\"bar\">");
    if (!std::isnan(c.f_score))
      html += join_text("<i style=\"width:", number(100 * c.f_score, 1), "%;background:", class_color(nomenclature, c.code), "\"></i>");
    html += join_text("</td><td class=\"n\">", w.number(c.precision, 2), "</td><td class=\"n\">", w.number(c.recall, 2),
                      "</td><td class=\"n\"><b>", w.number(c.f_score, 2), "</b>", interval(c.code), "</td></tr>\n");
  }
  return html + "</tbody></table>\n";
}

std::string reliability_chart(const Calibration& calibration, const Judged& judged) {
  const Words& w = judged.words;
  constexpr double kSide = 220, kLeft = 40, kTop = 8;
  const auto x = [](double v) { return number(kLeft + kSide * v, 1); };
  const auto y = [](double v) { return number(kTop + kSide * (1 - v), 1); };
  const char *confidence = w("confidence", "confiance"), *right = w("right", "juste");
  std::string svg = join_text(
      "<svg class=\"chart\" viewBox=\"0 0 280 268\" role=\"img\" aria-label=\"",
      w("Reliability diagram; the table below it has its numbers", "Diagramme de fiabilité ; le tableau dessous en donne les nombres"),
      "\"><rect x=\"", x(0), "\" y=\"", y(1), "\" width=\"", kSide, "\" height=\"", kSide, "\" class=\"frame\"/><line x1=\"", x(0),
      "\" y1=\"", y(0), "\" x2=\"", x(1), "\" y2=\"", y(1), "\" class=\"guide\"/>");
  std::string table =
      join_text("<table class=\"lines\"><thead><tr><th class=\"n\" scope=\"col\">", confidence, "</th><th class=\"n\" scope=\"col\">",
                right, "</th><th class=\"n\" scope=\"col\">", judged.unit, "</th></tr></thead><tbody>\n");
  const double width = 1.0 / static_cast<double>(calibration.bins().size());
  double most = 1;
  for (const Calibration::Bin& bin : calibration.bins()) most = std::max(most, static_cast<double>(bin.n));
  for (std::size_t i = 0; i < calibration.bins().size(); ++i) {
    const Calibration::Bin& bin = calibration.bins()[i];
    if (!bin.n) continue;
    svg += join_text("<rect x=\"", x(static_cast<double>(i) * width + 0.006), "\" y=\"", y(bin.accuracy()), "\" width=\"",
                     number(kSide * (width - 0.012), 1), "\" height=\"", number(kSide * bin.accuracy(), 1),
                     "\" class=\"share\" fill-opacity=\"", number(0.25 + 0.75 * std::sqrt(static_cast<double>(bin.n) / most), 2),
                     "\"><title>", confidence, " ", w.percent(bin.confidence()), ", ", right, " ", w.percent(bin.accuracy()), ", ",
                     grouped(static_cast<double>(bin.n)), " ", judged.unit, "</title></rect>");
    table += join_text("<tr><td class=\"n\">", w.percent(bin.confidence()), "</td><td class=\"n\">", w.percent(bin.accuracy()),
                       "</td><td class=\"n\">", grouped(static_cast<double>(bin.n)), "</td></tr>\n");
  }
  for (const double tick : {0.0, 0.5, 1.0})
    svg += join_text("<text x=\"", x(tick), "\" y=\"", kTop + kSide + 14, "\" text-anchor=\"middle\">", number(100 * tick, 0),
                     "</text><text x=\"", kLeft - 5, "\" y=\"", number(kTop + kSide * (1 - tick) + 4, 1), "\" text-anchor=\"end\">",
                     number(100 * tick, 0), "</text>");
  svg +=
      join_text("<text x=\"", x(0.5), "\" y=\"", kTop + kSide + 30, "\" text-anchor=\"middle\">", confidence,
                ", %</text><text transform=\"translate(11 ", y(0.5), ") rotate(-90)\" text-anchor=\"middle\">", right, ", %</text></svg>");
  return figure(svg,
                join_text(w("Calibration: of the ", "Calibration : parmi les "), judged.unit,
                          w(" with a given confidence, how many are right. On the diagonal the confidence equals the accuracy; bars of "
                            "fuller colour hold more. Expected calibration error ",
                            " d’une confiance donnée, combien sont justes. Sur la diagonale, la confiance égale l’exactitude ; les barres "
                            "plus pleines en comptent davantage. Erreur de calibration attendue "),
                          w.percent(calibration.expected_error()),
                          calibration.weighted() ? join_text(w(", where each counts by the area that it stands for; so few ",
                                                               ", où chacun compte pour la surface qu’il représente ; si peu de "),
                                                             judged.unit,
                                                             w(" of a map whose confidence is right would give ",
                                                               " d’une carte dont la confiance est juste donneraient "),
                                                             w.percent(calibration.error_by_chance()), w(" by chance.", " par hasard."))
                                                 : ".")) +
         behind(w("Calibration as a table", "La calibration en tableau"), table + "</tbody></table>");
}

std::string curve_chart(const Nomenclature& nomenclature, const ClassCurve& curve, const CurveAxis& axis, const Words& w) {
  constexpr double kWidth = 190, kHeight = 74, kLeft = 30, kTop = 8;
  const auto x = [](double step) { return number(kLeft + kWidth * (step + 0.5) / kCurveSteps, 1); };
  const auto y = [&](double value) {
    return number(kTop + kHeight * (axis.high - std::clamp(value, axis.low, axis.high)) / (axis.high - axis.low), 1);
  };
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
  std::string svg =
      join_text("<svg class=\"curve\" viewBox=\"0 0 ", kLeft + kWidth + 4, " ", kTop + kHeight + 16, "\" role=\"img\" aria-label=\"",
                escape_markup(axis.quantity), w(" over the year: ", " au fil de l’année : "), class_name(nomenclature, curve.code),
                "\"><rect x=\"", kLeft, "\" y=\"", kTop, "\" width=\"", kWidth, "\" height=\"", kHeight, "\" class=\"frame\"/>");
  for (const double tick : axis.ticks)
    svg += join_text("<line x1=\"", kLeft, "\" x2=\"", kLeft + kWidth, "\" y1=\"", y(tick), "\" y2=\"", y(tick),
                     "\" class=\"month\"/><text x=\"", kLeft - 4, "\" y=\"", number(std::stod(y(tick)) + 4, 1), "\" text-anchor=\"end\">",
                     w.number(tick, axis.decimals), "</text>");
  for (int quarter = 0; quarter < 4; ++quarter)
    svg += join_text("<text x=\"", x(quarter * kCurveSteps / 4.0 + 0.5), "\" y=\"", kTop + kHeight + 13, "\" text-anchor=\"middle\">",
                     kMonths[static_cast<std::size_t>(3 * quarter)], "</text>");
  svg += join_text("<polygon points=\"", upper, lower, "\" fill=\"", class_color(nomenclature, curve.code),
                   "\" fill-opacity=\"0.3\"/><polyline points=\"", line, "\" class=\"mean\"/></svg>");
  return figure(svg, join_text(swatch(nomenclature, curve.code), class_name(nomenclature, curve.code), " <small>",
                               grouped(static_cast<double>(observations)), "</small>"));
}

std::string curve_table(const Nomenclature& nomenclature, const std::vector<ClassCurve>& curves, const CurveAxis& axis, const Words& w) {
  std::string html = "<table class=\"lines\"><thead><tr><th></th>";
  for (int step = 0; step < kCurveSteps; ++step)
    html += join_text("<th class=\"n\" scope=\"col\">", kMonths[static_cast<std::size_t>(step * 12 / kCurveSteps)],
                      step * 12 % kCurveSteps ? "·" : "", "</th>");
  html += "</tr></thead><tbody>\n";
  for (const ClassCurve& curve : curves) {
    html += "<tr><th scope=\"row\">" + class_name(nomenclature, curve.code) + "</th>";
    for (const CurveStep& step : curve.steps)
      html += "<td class=\"n\">" + (step.observations ? w.number(step.mean, axis.decimals + 1) : std::string("–")) + "</td>";
    html += "</tr>\n";
  }
  return behind(axis.quantity + w(", mean of each half month, as a table", ", moyenne de chaque quinzaine, en tableau"),
                html + "</tbody></table>");
}

CurveAxis ndvi_axis() { return {-0.2, 1.0, {0, 0.5, 1}, 1, "NDVI"}; }

CurveAxis axis_of(const std::vector<ClassCurve>& curves, const std::string& quantity) {
  double low = INFINITY, high = -INFINITY;
  for (const ClassCurve& curve : curves)
    for (const CurveStep& step : curve.steps)
      if (step.observations > 0) low = std::min(low, step.mean - step.deviation), high = std::max(high, step.mean + step.deviation);
  if (!(high > low)) low = std::isfinite(low) ? low - 1 : 0, high = low + 2;
  // About three ticks, at 1, 2 or 5 times a power of ten.
  double distance = std::pow(10, std::floor(std::log10((high - low) / 2)));
  if ((high - low) / distance > 12)
    distance *= 5;
  else if ((high - low) / distance > 5)
    distance *= 2;
  CurveAxis axis{low, high, {}, std::max(0, static_cast<int>(-std::floor(std::log10(distance) + 1e-9))), quantity};
  for (double tick = std::ceil(low / distance) * distance; tick <= high; tick += distance) axis.ticks.push_back(tick);
  return axis;
}

std::string epoch_chart(const std::vector<Line>& lines, int marked_epoch, const std::string& description) {
  constexpr double kWidth = 620, kHeight = 190, kLeft = 38, kTop = 8;
  std::size_t epochs = 1;
  double high = 0;
  for (const Line& line : lines) {
    epochs = std::max(epochs, line.values.size());
    for (const double value : line.values) high = std::max(high, value);
  }
  high = high > 1 ? std::ceil(high) : 1;
  const auto x = [&](std::size_t epoch) {  // from 1
    return number(kLeft + (epochs == 1 ? kWidth / 2 : kWidth * static_cast<double>(epoch - 1) / static_cast<double>(epochs - 1)), 1);
  };
  const auto y = [&](double value) { return number(kTop + kHeight * (1 - value / high), 1); };
  std::string svg = join_text("<svg class=\"epochs\" viewBox=\"0 0 ", kLeft + kWidth + 12, " ", kTop + kHeight + 34,
                              "\" role=\"img\" aria-label=\"", escape_markup(description), "\"><rect x=\"", kLeft, "\" y=\"", kTop,
                              "\" width=\"", kWidth, "\" height=\"", kHeight, "\" class=\"frame\"/>");
  for (int quarter = 0; quarter <= 4; ++quarter)
    svg += join_text("<line x1=\"", kLeft, "\" x2=\"", kLeft + kWidth, "\" y1=\"", y(high * quarter / 4), "\" y2=\"", y(high * quarter / 4),
                     "\" class=\"month\"/><text x=\"", kLeft - 5, "\" y=\"", number(std::stod(y(high * quarter / 4)) + 4, 1),
                     "\" text-anchor=\"end\">", number(high * quarter / 4, 2), "</text>");
  for (const std::size_t epoch : {std::size_t{1}, (1 + epochs) / 2, epochs})
    svg += join_text("<text x=\"", x(epoch), "\" y=\"", kTop + kHeight + 15, "\" text-anchor=\"middle\">", epoch, "</text>");
  svg += join_text("<text x=\"", kLeft + kWidth / 2, "\" y=\"", kTop + kHeight + 31, "\" text-anchor=\"middle\">epoch</text>");
  if (marked_epoch > 0 && static_cast<std::size_t>(marked_epoch) <= epochs)
    svg += join_text("<line x1=\"", x(static_cast<std::size_t>(marked_epoch)), "\" x2=\"", x(static_cast<std::size_t>(marked_epoch)),
                     "\" y1=\"", kTop, "\" y2=\"", kTop + kHeight, "\" class=\"guide\"><title>epoch ", marked_epoch,
                     ", which was kept</title></line>");
  std::string key;
  for (const Line& line : lines) {
    std::string points;
    for (std::size_t i = 0; i < line.values.size(); ++i) points += x(i + 1) + "," + y(line.values[i]) + " ";
    svg += "<polyline points=\"" + points + "\" fill=\"none\" stroke=\"" + line.color + "\" stroke-width=\"1.8\"/>";
    key += "<i style=\"background:" + line.color + "\"></i>" + escape_markup(line.name) + " ";
  }
  return svg + "</svg><p class=\"key\">" + key + "</p>";
}

std::string bar_chart(const std::vector<Bar>& bars, const std::string& unit, const std::string& description) {
  constexpr double kWidth = 300, kRow = 18, kTop = 2, kLetter = 6.4;
  std::size_t longest = 0;
  for (const Bar& bar : bars) longest = std::max(longest, bar.name.size());
  const double left = 16 + kLetter * static_cast<double>(longest);
  double low = 0, high = 0;
  for (const Bar& bar : bars) low = std::min(low, bar.value - bar.deviation), high = std::max(high, bar.value + bar.deviation);
  if (high - low <= 0) high = 1;
  const auto x = [&](double value) { return left + kWidth * (value - low) / (high - low); };
  const double height = kTop + kRow * static_cast<double>(bars.size());
  std::string svg = join_text("<svg class=\"bars\" viewBox=\"0 0 ", left + kWidth + 58, " ", height + 4, "\" role=\"img\" aria-label=\"",
                              escape_markup(description), "\"><line x1=\"", number(x(0), 1), "\" x2=\"", number(x(0), 1),
                              "\" y1=\"0\" y2=\"", height + 4, "\" class=\"axis0\"/>");
  for (std::size_t i = 0; i < bars.size(); ++i) {
    const Bar& bar = bars[i];
    const double middle = kTop + kRow * (static_cast<double>(i) + 0.5);
    svg += join_text("<g><title>", escape_markup(bar.detail), "</title><text x=\"", left - 8, "\" y=\"", number(middle + 4, 1),
                     "\" text-anchor=\"end\" class=\"tile\">", escape_markup(bar.name), "</text><rect x=\"",
                     number(std::min(x(0), x(bar.value)), 1), "\" y=\"", number(middle - 5, 1), "\" width=\"",
                     number(std::abs(x(bar.value) - x(0)), 1), "\" height=\"10\" class=\"bar0\"/><line x1=\"",
                     number(x(bar.value - bar.deviation), 1), "\" x2=\"", number(x(bar.value + bar.deviation), 1), "\" y1=\"",
                     number(middle, 1), "\" y2=\"", number(middle, 1), "\" class=\"spread\"/><text x=\"", left + kWidth + 6, "\" y=\"",
                     number(middle + 4, 1), "\">", number(bar.value, 1), unit, "</text></g>");
  }
  return svg + "</svg>";
}

}  // namespace millesime::html
