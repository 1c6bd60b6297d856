#include "pipeline/reports/model_report.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/counted.h"
#include "pipeline/core/error.h"
#include "pipeline/core/json_text.h"
#include "pipeline/core/static_groups.h"
#include "pipeline/core/text.h"
#include "pipeline/reports/charts.h"
#include "pipeline/reports/html.h"

namespace millesime {
namespace {

using namespace html;

constexpr std::size_t kConfusedPairs = 12;
constexpr const char* kLineColors[] = {"#2166ac", "#b2461e", "#1b7837", "#762a83", "#8c6d1f"};

const Judged kWords{"samples", "model"};

std::string interval_text(const Interval& interval, int decimals) {
  return std::isnan(interval.low) ? "" : " <small>" + number(interval.low, decimals) + "–" + number(interval.high, decimals) + "</small>";
}

// NaN if the model file does not have it.
double held_out_number(const ModelSpec& spec, const char* key) {
  const auto held = spec.metrics.find("held_out");
  if (held == spec.metrics.end() || !held->is_object() || !held->contains(key) || !(*held)[key].is_number()) return NAN;
  return (*held)[key].get<double>();
}

// Head.

std::string head_section(const ModelReportData& data) {
  const ModelSpec& spec = data.model.spec;
  std::string figures = key_figure(std::to_string(spec.n_classes()), "classes");
  figures += key_figure(grouped(static_cast<double>(spec.provenance.n_samples)), "samples learned from");
  figures += key_figure(grouped(static_cast<double>(data.model.parameters())), "parameters");
  if (data.evaluation) {
    const Accuracy& accuracy = data.evaluation->accuracy;
    figures += key_figure(number(accuracy.overall, 3), "overall accuracy" + interval_text(data.intervals.overall, 3));
    figures += key_figure(number(accuracy.kappa, 3), "kappa");
    figures += key_figure(number(accuracy.macro_f, 3), "mean F-score" + interval_text(data.intervals.macro_f, 3));
    figures += key_figure(number(data.evaluation->calibration.expected_error(), 3), "calibration error");
  } else if (spec.metrics.contains("held_out")) {
    figures += key_figure(number(held_out_number(spec, "accuracy"), 3), "accuracy, held out");
    figures += key_figure(number(held_out_number(spec, "f_score"), 3), "mean F-score, held out");
    figures += key_figure(number(held_out_number(spec, "calibration_error"), 3), "calibration error, held out");
  }
  return html::header(
      "Model", escape_markup(std::filesystem::path(data.file).stem().string()) + " <em>" + escape_markup(spec.architecture) + "</em>",
      figures);
}

// Learning.

// The curves of a network in its file: loss, and F-score and accuracy on the held-out groups.
std::string learning_curve(const ModelSpec& spec) {
  if (!spec.metrics.contains("curve") || spec.metrics["curve"].empty()) return "";
  std::vector<Line> lines;
  for (const auto& [key, name] :
       {std::pair("loss", "loss"), std::pair("f_score", "mean F-score, held out"), std::pair("accuracy", "accuracy, held out")}) {
    Line line{name, kLineColors[lines.size()], {}};
    for (const auto& epoch : spec.metrics["curve"])
      if (epoch.contains(key) && epoch[key].is_number()) line.values.push_back(epoch[key].get<double>());
    if (!line.values.empty()) lines.push_back(line);
  }
  const int kept = spec.metrics.value("epoch", 0);
  std::string caption = "Learning curve of " + escape_markup(spec.architecture) + ".";
  if (kept > 0) caption += join_text(" Dashed: epoch ", kept, ", which was kept.");
  return figure(epoch_chart(lines, kept, "Learning curve of " + spec.architecture), caption);
}

std::string counts_table(const ModelSpec& spec) {
  if (spec.provenance.classes.empty()) return "";
  std::string html =
      "<table class=\"counts\"><thead><tr><th>Class</th><th class=\"n\">found</th><th class=\"n\">selected</th><th "
      "class=\"n\">learned</th></tr></thead><tbody>\n";
  for (const ClassCount& c : spec.provenance.classes)
    html += join_text("<tr><td>", swatch(spec.nomenclature, c.code), class_name(spec.nomenclature, c.code), "</td><td class=\"n\">",
                      grouped(static_cast<double>(c.found)), "</td><td class=\"n\">", grouped(static_cast<double>(c.selected)),
                      "</td><td class=\"n\">", grouped(static_cast<double>(c.learned)), "</td></tr>\n");
  return html + "</tbody></table>\n<p class=\"note\">Selection: " + escape_markup(spec.provenance.selection) +
         "; added to rare classes: " + escape_markup(spec.provenance.oversampling) +
         ". Learned: with the added samples, without the held-out ones.</p>\n";
}

std::string learning_section(const ModelReportData& data) {
  std::string curves = learning_curve(data.model.spec);
  for (const ModelFile& member : data.model.members) curves += learning_curve(member.spec);
  const std::string counts = counts_table(data.model.spec);
  if (curves.empty() && counts.empty()) return "";
  return section("learning", "Learning", curves + (counts.empty() ? "" : "<h3>Samples of each class</h3>" + counts));
}

// Accuracy.

std::string pairs_table(const Nomenclature& nomenclature, const ConfusionMatrix& matrix) {
  std::vector<ConfusedPair> pairs = confused_pairs(matrix);
  if (pairs.empty()) return "<p>No class is taken for another.</p>\n";
  pairs.resize(std::min(pairs.size(), kConfusedPairs));
  std::string html =
      "<table class=\"pairs\"><thead><tr><th>Class</th><th>is taken for</th><th class=\"n\">of its samples</th><th class=\"n\">and the "
      "other way "
      "round</th><th class=\"n\">samples</th></tr></thead><tbody>\n";
  const auto share = [](std::int64_t n, std::int64_t of) {
    return of > 0 ? percent(static_cast<double>(n) / static_cast<double>(of), 0) : "–";
  };
  for (const ConfusedPair& p : pairs)
    html +=
        join_text("<tr><td>", swatch(nomenclature, p.a), class_name(nomenclature, p.a), "</td><td>", swatch(nomenclature, p.b),
                  class_name(nomenclature, p.b), "</td><td class=\"n\">", share(p.a_as_b, p.samples_a), "</td><td class=\"n\">",
                  share(p.b_as_a, p.samples_b), "</td><td class=\"n\">", grouped(static_cast<double>(p.a_as_b + p.b_as_a)), "</td></tr>\n");
  return html + "</tbody></table>\n";
}

// Whether the held-out samples that judge also chose the epoch.
bool epoch_was_chosen(const ModelFile& model) {
  const auto held_out = model.spec.metrics.value("held_out", nlohmann::json::object());
  if (held_out.contains("chose_epoch")) return held_out["chose_epoch"].get<bool>();  // older files do not say
  return model.spec.metrics.contains("epoch") || std::ranges::any_of(model.members, epoch_was_chosen);
}

// Counts of the held-out samples in the model file, by position of the class.
std::optional<ConfusionMatrix> held_out_matrix(const ModelSpec& spec) {
  if (!spec.metrics.contains("held_out") || !spec.metrics["held_out"].contains("confusion")) return std::nullopt;
  ConfusionMatrix matrix;
  const auto& counts = spec.metrics["held_out"]["confusion"];
  const auto n = static_cast<std::size_t>(spec.n_classes());
  if (!counts.is_array() || counts.size() != n) return std::nullopt;
  for (std::size_t row = 0; row < n; ++row)
    for (std::size_t col = 0; counts[row].is_array() && col < std::min(n, counts[row].size()); ++col)
      if (counts[row][col].is_number_integer()) matrix.add(spec.classes[row], spec.classes[col], counts[row][col].get<std::int64_t>());
  return matrix.total() > 0 ? std::optional(matrix) : std::nullopt;
}

std::string judged_by(const Evaluation& evaluation, const ModelSpec& spec) {
  std::string text = join_text("<p>Judged on ", grouped(static_cast<double>(evaluation.accuracy.total)), " samples of ",
                               escape_markup(join_list(evaluation.files, ", ")), ". Intervals are 95 % of ", kIntervalReplicates,
                               " bootstrap samples: as many polygons, drawn with replacement from all, whatever their classes.");
  if (evaluation.unknown > 0)
    text += join_text(" ", grouped(static_cast<double>(evaluation.unknown)),
                      " of them have classes that the model does not know, and count as wrong.");
  text += "</p>\n";
  if (evaluation.learned.is_told()) text += "<p class=\"warning\">" + evaluation.learned.to_text() + ".</p>\n";
  if (std::abs(spec.temperature - 1) > 1e-9)
    text += join_text("<p class=\"note\">The logits are divided by the temperature ", number(spec.temperature, 3),
                      spec.sharpening > 0 ? join_text(" and sharpened by ", number(spec.sharpening, 3)) : "", ".</p>\n");
  return text;
}

std::string accuracy_section(const ModelReportData& data) {
  const ModelSpec& spec = data.model.spec;
  std::string text, charts;
  ConfusionMatrix matrix;
  if (data.evaluation) {
    matrix = data.evaluation->confusion;
    text = judged_by(*data.evaluation, spec);
    charts = "<div class=\"beside scored\">" +
             score_table(spec.nomenclature, data.evaluation->accuracy,
                         [&](int code) {
                           const auto at = data.intervals.f_score.find(code);
                           return at == data.intervals.f_score.end() ? std::string() : interval_text(at->second, 2);
                         }) +
             reliability_chart(data.evaluation->calibration, kWords) + "</div>\n";
  } else if (const auto held_out = held_out_matrix(spec)) {
    matrix = *held_out;
    text = join_text("<p>Judged on the ", grouped(static_cast<double>(matrix.total())), " samples that were held out from training. ",
                     epoch_was_chosen(data.model) ? "They chose the epoch, so the numbers are slightly optimistic. "
                     : data.model.spec.metrics.contains("epoch")
                         ? "Each half of their polygons is judged at the epoch that the other half chose. "
                         : "",
                     "With --samples the report judges on a test set, with intervals and a reliability diagram.</p>\n");
    if (const auto unknown = spec.metrics["held_out"].value("unknown_to_model", std::int64_t{0}); unknown > 0)
      text += join_text(
          "<p>", grouped(static_cast<double>(unknown)),
          " more have classes that the model does not know: they count as wrong at the top of the page, and are in no table.</p>\n");
    charts = score_table(spec.nomenclature, measure(matrix), [](int) { return std::string(); });
  } else {
    return "";
  }
  return section(
      "accuracy", "Accuracy",
      text + charts + "<h3>Most confused</h3>" + pairs_table(spec.nomenclature, matrix) +
          "<h3>Confusion matrix</h3><p class=\"note\">Each row is a class of the reference: the classes assigned to its samples, in "
          "percent of the row. Blue is agreement. Move the pointer over a cell to see its number of samples.</p>\n" +
          confusion_table(spec.nomenclature, matrix, kWords));
}

// Importance.

std::vector<Bar> bars_of(const std::vector<Importance>& list) {
  std::vector<Bar> bars;
  for (const Importance& entry : list)
    bars.push_back({entry.name, 100 * entry.loss, 100 * entry.deviation,
                    join_text(entry.detail, ": ", number(100 * entry.loss, 2), " ± ", number(100 * entry.deviation, 2), " points")});
  return bars;
}

std::string importance_section(const ModelReportData& data) {
  if (!data.importance) return "";
  const Importances& found = *data.importance;
  std::vector<Importance> bands = found.bands;
  bands.insert(bands.end(), found.statics.begin(), found.statics.end());
  std::ranges::stable_sort(bands, std::greater{}, &Importance::loss);
  const std::string text = join_text(
      "<p>How many points of overall accuracy (", percent(found.accuracy), " on ", grouped(static_cast<double>(found.samples)),
      " samples) are lost when a band, or all bands of a date, are exchanged between the samples: mean and standard deviation of ",
      found.repeats, " times. If several bands or dates carry the same information, each of them loses little.</p>\n");
  return section("importance", "Importance of the inputs",
                 text + "<div class=\"pair\">" +
                     figure(bar_chart(bars_of(bands), "", "Importance of bands"), "Bands and static inputs, the most important first.") +
                     figure(bar_chart(bars_of(found.dates), "", "Importance of dates"), "Dates, in time.") + "</div>\n");
}

// Series.

std::string curves_section(const ModelReportData& data) {
  if (data.curves.empty()) return "";
  std::string html =
      "<p>All labelled samples of the files: mean and one standard deviation in every half month, and the number of valid observations. "
      "Classes with similar curves are often confused.</p>\n";
  for (const QuantityCurves& part : data.curves) {
    const CurveAxis axis = part.quantity == "NDVI" ? ndvi_axis() : axis_of(part.curves, part.quantity);
    html += "<h3>" + escape_markup(part.quantity) + "</h3><div class=\"curves\">";
    for (const ClassCurve& curve : part.curves) html += curve_chart(data.model.spec.nomenclature, curve, axis);
    html += "</div>\n";
  }
  return section("curves", "The year of each class", html);
}

// Provenance.

std::string dates_text(const ModelSpec& spec) {
  if (spec.input == InputKind::raw) return "acquisitions as they are, with their days and a mask";
  const Date new_year = Date::from_ymd(spec.provenance.year, 1, 1);
  return join_text(counted(spec.days.size(), "date"), ", ", (new_year + spec.days.front()).iso(), " to ",
                   (new_year + spec.days.back()).iso(), ", gap-filled (", spec.gap_fill.method, ")");
}

std::string calibration_text(const ModelSpec& spec) {
  return number(held_out_number(spec, "calibration_error"), 4) + " (before scaling " +
         number(held_out_number(spec, "calibration_error_before"), 4) + ")";
}

std::vector<NamedValue> facts_of(const ModelFile& model) {
  const ModelSpec& spec = model.spec;
  std::vector<NamedValue> rows{{"architecture", spec.architecture}, {"parameters", grouped(static_cast<double>(model.parameters()))}};
  for (const auto& [key, value] : spec.parameters.items())
    rows.emplace_back(key, value.is_string() ? value.get<std::string>() : json_text(value));
  for (const SourceSpec& source : spec.sources) {
    rows.emplace_back(source.name, join_list(source.bands, " "));
    if (!source.indices.empty()) rows.emplace_back("indices", join_list(source.indices, ", "));
  }
  rows.emplace_back("dates", dates_text(spec));
  std::vector<std::string> statics;
  for (const StaticSpec& entry : spec.statics) statics.push_back(entry.name);
  if (!statics.empty()) rows.emplace_back("static inputs", list_of_statics(statics));
  rows.emplace_back("nomenclature", spec.nomenclature.name);
  rows.emplace_back("year of the samples", std::to_string(spec.provenance.year));
  if (!spec.provenance.region.empty()) rows.emplace_back("region", spec.provenance.region);
  rows.emplace_back("learned from", join_text(counted(spec.provenance.n_samples, "sample"), ", ", spec.provenance.n_held_out, " held out"));
  for (const auto& file : spec.provenance.samples) rows.emplace_back(file.path, file.xxh3);
  rows.emplace_back("seed", std::to_string(spec.provenance.seed));
  rows.emplace_back("temperature", number(spec.temperature, 4));
  rows.emplace_back("sharpening", number(spec.sharpening, 4));
  if (spec.metrics.contains("held_out")) {
    rows.emplace_back("calibration error, held out", calibration_text(spec));
  }
  rows.emplace_back("made by", "millesime " + spec.provenance.code);
  return rows;
}

std::string provenance_section(const ModelReportData& data) {
  std::string html;
  if (data.model.members.empty()) {
    html = facts(facts_of(data.model));
  } else {
    const auto& metrics = data.model.spec.metrics;
    html = "<p>An ensemble: its probabilities are the mean of its members’";
    if (metrics.contains("power") && metrics["power"].is_number() && metrics.contains("held_out"))
      html += join_text(", which were raised to the power ", number(metrics["power"].get<double>(), 3),
                        " together (it is a part of their temperatures). Calibration error of the mean on held-out samples: ",
                        calibration_text(data.model.spec));
    html += ".</p><div class=\"models\">";
    for (const ModelFile& member : data.model.members)
      html += "<div><h4>" + escape_markup(member.spec.architecture) + "</h4>" + facts(facts_of(member)) + "</div>\n";
    html += "</div>\n";
  }
  if (!data.model.spec.papers.empty()) {
    html += "<h3>Methods</h3><ul>";
    for (const std::string& paper : data.model.spec.papers) html += "<li>" + escape_markup(paper) + "</li>";
    html += "</ul>\n";
  }
  return section("provenance", "Provenance", html);
}

}  // namespace

std::vector<ConfusedPair> confused_pairs(const ConfusionMatrix& matrix) {
  std::vector<ConfusedPair> pairs;
  for (int a = 0; a < matrix.size(); ++a)
    for (int b = a + 1; b < matrix.size(); ++b)
      if (matrix.at(a, b) + matrix.at(b, a) > 0)
        pairs.push_back({matrix.codes()[static_cast<std::size_t>(a)], matrix.codes()[static_cast<std::size_t>(b)], matrix.at(a, b),
                         matrix.at(b, a), matrix.row_sum(a), matrix.row_sum(b)});
  std::ranges::stable_sort(pairs, std::greater{}, [](const ConfusedPair& p) { return p.a_as_b + p.b_as_a; });
  return pairs;
}

std::string model_report_html(const ModelReportData& data) {
  return page("Model " + std::filesystem::path(data.file).filename().string(), head_section(data) + accuracy_section(data) +
                                                                                   importance_section(data) + curves_section(data) +
                                                                                   learning_section(data) + provenance_section(data));
}

void write_model_report(const ModelReportData& data, const std::string& file) { write_text(file, model_report_html(data)); }

}  // namespace millesime
