#include "pipeline/reports/benchmark_report.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/results.h"
#include "pipeline/core/text.h"
#include "pipeline/reports/charts.h"
#include "pipeline/reports/html.h"

namespace millesime {
namespace {

using namespace html;

const Judged kBenchmarkWords{"samples", "model"};

struct Pooled {  // over all runs of a model
  ConfusionMatrix confusion;
  Calibration calibration;
};

Pooled pooled(const BenchmarkResult& result) {
  Pooled all;
  for (const BenchmarkRun& run : result.runs) all.confusion.merge(run.confusion), all.calibration.merge(run.calibration);
  return all;
}

const BenchmarkResult& best_of(const std::vector<BenchmarkResult>& results) {
  return *std::ranges::max_element(results, {}, [](const BenchmarkResult& r) { return measure(pooled(r).confusion).overall; });
}

// One row a model: a dot for each fold and seed, a line at the mean over all of them.
std::string accuracy_chart(const std::vector<BenchmarkResult>& results) {
  constexpr double kLeft = 230, kWidth = 560, kRow = 26, kTop = 6;
  double low = 1, high = 0;
  for (const BenchmarkResult& result : results)
    for (const BenchmarkRun& run : result.runs) {
      const double value = measure(run.confusion).overall;
      low = std::min(low, value), high = std::max(high, value);
    }
  low = std::floor(low * 20) / 20, high = std::min(1.0, std::ceil(high * 20) / 20);
  if (high <= low) high = low + 0.05;
  const auto x = [&](double value) { return number(kLeft + kWidth * (value - low) / (high - low), 1); };
  const double height = kTop + kRow * static_cast<double>(results.size());
  std::string svg = join_text("<svg class=\"folds\" viewBox=\"0 0 ", kLeft + kWidth + 20, " ", height + 34,
                              "\" role=\"img\" aria-label=\"Overall accuracy of each model on each part\">");
  for (int tick = static_cast<int>(std::lround(low * 20)); tick <= static_cast<int>(std::lround(high * 20)); ++tick)
    svg += join_text("<line x1=\"", x(tick / 20.0), "\" x2=\"", x(tick / 20.0), "\" y1=\"", kTop, "\" y2=\"", height,
                     "\" class=\"month\"/><text x=\"", x(tick / 20.0), "\" y=\"", height + 14, "\" text-anchor=\"middle\">",
                     number(tick / 20.0, 2), "</text>");
  svg += join_text("<text x=\"", kLeft + kWidth / 2, "\" y=\"", height + 30, "\" text-anchor=\"middle\">overall accuracy</text>");
  for (std::size_t i = 0; i < results.size(); ++i) {
    const double y = kTop + kRow * (static_cast<double>(i) + 0.5);
    const double mean = measure(pooled(results[i]).confusion).overall;
    svg += join_text("<text x=\"", kLeft - 12, "\" y=\"", number(y + 4, 1), "\" text-anchor=\"end\" class=\"tile\">",
                     escape_markup(results[i].model), "</text><line x1=\"", x(mean), "\" x2=\"", x(mean), "\" y1=\"", number(y - 9, 1),
                     "\" y2=\"", number(y + 9, 1), "\" class=\"count\"/>");
    for (const BenchmarkRun& run : results[i].runs)
      svg += join_text("<circle cx=\"", x(measure(run.confusion).overall), "\" cy=\"", number(y, 1),
                       "\" r=\"4.2\" class=\"found\" fill-opacity=\"0.6\"><title>part ", run.fold, ", seed ", run.seed, ": ",
                       number(measure(run.confusion).overall, 4), "</title></circle>");
  }
  return figure(svg + "</svg>",
                "Each dot is one part of the samples, judged by a model that did not learn from it; the line is all parts together.");
}

// F-scores, one column a model; the best of a row is bold.
std::string class_table(const std::vector<BenchmarkResult>& results, const Nomenclature& nomenclature) {
  std::vector<std::map<int, double>> columns;
  std::map<int, std::int64_t> samples;
  std::set<int> seeds;
  for (const BenchmarkRun& run : results.front().runs) seeds.insert(run.seed);
  const auto n_seeds = static_cast<std::int64_t>(seeds.size());
  std::string html = "<div class=\"wide\"><table class=\"classes\"><thead><tr><th>Class</th>";
  for (const BenchmarkResult& result : results) {
    std::map<int, double>& column = columns.emplace_back();
    for (const ClassAccuracy& c : measure(pooled(result).confusion).classes) {
      column[c.code] = c.f_score;
      samples[c.code] = c.reference / n_seeds;
    }
    html += "<th class=\"n\">" + escape_markup(result.model) + "</th>";
  }
  html += "<th class=\"n\">samples</th></tr></thead><tbody>\n";
  for (const auto& [code, n] : samples) {
    double best = -1;
    for (const auto& column : columns)
      if (const auto at = column.find(code); at != column.end() && !std::isnan(at->second)) best = std::max(best, at->second);
    html += join_text("<tr><td>", swatch(nomenclature, code), class_name(nomenclature, code), "</td>");
    for (const auto& column : columns) {
      const auto at = column.find(code);
      const double value = at == column.end() ? NAN : at->second;
      html += "<td class=\"n\">" + std::string(value == best ? "<b>" : "") + number(value, 2) + (value == best ? "</b>" : "") + "</td>";
    }
    html += "<td class=\"n\">" + grouped(static_cast<double>(n)) + "</td></tr>\n";
  }
  return html + "</tbody></table></div>\n";
}

// The Markdown table and the text below it.
std::string summary_table(const std::vector<BenchmarkResult>& results) {
  std::string html = "<div class=\"wide\"><table class=\"summary\">", below;
  int row = 0;
  for (const std::string& line : split_text(to_markdown(results), '\n')) {
    if (!line.starts_with("|")) {
      if (!line.empty()) below += "<p class=\"note\">" + escape_markup(line) + "</p>\n";
      continue;
    }
    if (++row == 2) continue;  // the rule under the header
    const auto cells = split_text(line, '|');
    html += row == 1 ? "<thead><tr>" : "<tr>";
    for (std::size_t c = 1; c + 1 < cells.size(); ++c)
      html += join_text(row == 1 ? "<th" : "<td", c > 1 ? " class=\"n\">" : ">", escape_markup(std::string(trim(cells[c]))),
                        row == 1 ? "</th>" : "</td>");
    html += row == 1 ? "</tr></thead><tbody>\n" : "</tr>\n";
  }
  return html + "</tbody></table></div>\n" + below;
}

}  // namespace

std::string to_html(const std::vector<BenchmarkResult>& results, const BenchmarkCommand& command, const Nomenclature& nomenclature) {
  const BenchmarkResult& best = best_of(results);
  const Pooled winner = pooled(best);
  const Accuracy accuracy = measure(winner.confusion);
  std::string figures = key_figure(std::to_string(results.size()), "models");
  figures += key_figure(number(accuracy.overall, 3), "overall accuracy of the best, " + escape_markup(best.model));
  figures += key_figure(number(accuracy.macro_f, 3), "its mean F-score");
  figures += key_figure(std::to_string(accuracy.classes.size()), "classes");
  std::string reliability;
  for (const BenchmarkResult& result : results)
    reliability +=
        "<div><h4>" + escape_markup(result.model) + "</h4>" + reliability_chart(pooled(result).calibration, kBenchmarkWords) + "</div>";
  const std::string how = command.test.empty()
                              ? join_text("cross-validation in ", command.folds, " parts, never splitting a ", command.group)
                              : "judged on " + command.test;
  std::vector<NamedValue> rows{{"samples", join_list(command.samples, ", ")}, {"how", how}, {"seeds", std::to_string(command.seeds)}};
  if (!command.assignments.empty()) rows.emplace_back("options of every model", join_list(command.assignments, ", "));
  return page(
      "Benchmark",
      html::header("Benchmark", escape_markup(join_list(command.samples, ", ")), figures) +
          section("models", "The models", summary_table(results) + accuracy_chart(results)) +
          section("classes", "F-score of each class", class_table(results, nomenclature)) +
          section("best", "Confusion matrix of " + escape_markup(best.model),
                  "<p class=\"note\">All parts and seeds together. Each row is a class of the reference: the classes assigned to its "
                  "samples, in percent of the row.</p>\n" +
                      confusion_table(nomenclature, winner.confusion, kBenchmarkWords)) +
          section("calibration", "Calibration", "<div class=\"reliability\">" + reliability + "</div>\n") +
          section("how", "How it was measured", facts(rows)));
}

void write_benchmark(const std::vector<BenchmarkResult>& results, const BenchmarkCommand& command) {
  std::set<int> codes;
  for (const auto& result : results)
    for (const auto& run : result.runs) codes.insert(run.confusion.codes().begin(), run.confusion.codes().end());
  const Nomenclature names =
      command.nomenclature.empty() ? nomenclature_of_codes({codes.begin(), codes.end()}) : Nomenclature::load(command.nomenclature);
  const std::string& out = command.output;
  const bool folder = !out.ends_with(".html") && !out.ends_with(".md") && !out.ends_with(".json");
  if (folder || out.ends_with(".html")) write_text(folder ? out + "/benchmark.html" : out, to_html(results, command, names));
  if (folder || out.ends_with(".md")) write_text(folder ? out + "/benchmark.md" : out, to_markdown(results));
  if (folder || out.ends_with(".json")) write_text(folder ? out + "/benchmark.json" : out, to_json(results).dump(2) + "\n");
}

}  // namespace millesime
