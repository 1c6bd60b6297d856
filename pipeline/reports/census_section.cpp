// The lower half of a report: dates, pixels without a class, files, provenance.

#include <algorithm>
#include <regex>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/reports/charts.h"
#include "pipeline/reports/internal/map_sections.h"

namespace millesime {
namespace {

using namespace html;

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

std::vector<TimelineMark> marks_of(const SourceCensus& census, const Words& w) {
  std::vector<TimelineMark> marks;
  const auto add = [&](const char* kind, const std::string& product, const std::string& label) {
    if (const auto date = date_in(product)) marks.push_back({*date, kind, label});
  };
  for (const std::string& name : census.superseded)  // "A by B", or A alone
    if (const std::size_t by = name.find(" by "); by == std::string::npos)
      add("superseded", name, join_text(w("superseded", "remplacée"), w.colon(), name));
    else
      add("superseded", name.substr(0, by),
          join_text(w("superseded", "remplacée"), w.colon(), name.substr(0, by), w(" by ", " par "), name.substr(by + 4)));
  for (const Acquisition& a : census.acquisitions)
    marks.push_back({a.date, a.passes.size() > 1 ? "merged" : "found",
                     a.date.iso() + (a.passes.size() > 1 ? w(", two passes merged", ", deux passages fusionnés") : "")});
  for (const Damage& damage : census.damaged)
    add("damaged", damage.product, join_text(w("damaged", "endommagée"), w.colon(), damage.product));
  return marks;
}

}  // namespace

std::string census_section(const ReportData& data) {
  if (data.census.empty()) return "";
  const Words w{data.language};
  constexpr double kLeft = 74, kWidth = 860, kRow = 22, kTop = 24;
  Date first = data.days.first, last = data.days.second;
  for (const SourceCensus& census : data.census)
    for (const TimelineMark& mark : marks_of(census, w)) first = std::min(first, mark.date), last = std::max(last, mark.date);
  const int span = std::max(1, last - first);
  const auto x = [&](Date date) { return number(kLeft + kWidth * (date - first) / span, 1); };
  const double height = kTop + kRow * static_cast<double>(data.census.size()) + 6;

  std::string svg = join_text("<svg class=\"timeline\" viewBox=\"0 0 ", kLeft + kWidth + 46, " ", height, "\" role=\"img\" aria-label=\"",
                              w("Acquisitions of each tile over the year; the table below has their dates",
                                "Acquisitions de chaque tuile au fil de l’année ; le tableau dessous en donne les dates"),
                              "\">");
  for (int months = 0;; ++months) {  // those that begin in the period
    const int month = 1 + months % 12;
    const Date start = Date::from_ymd(first.year() + months / 12, month, 1);
    if (start > last) break;
    if (start < first) continue;
    svg += join_text("<line x1=\"", x(start), "\" x2=\"", x(start), "\" y1=\"", kTop - 6, "\" y2=\"", height - 4, "\" class=\"month\"/>");
    if (start + 15 <= last)
      svg += join_text("<text x=\"", x(start + 15), "\" y=\"12\" text-anchor=\"middle\">", kMonths[month - 1], "</text>");
  }
  std::string troubles, rows;
  for (std::size_t row = 0; row < data.census.size(); ++row) {
    const SourceCensus& census = data.census[row];
    const double y = kTop + kRow * (static_cast<double>(row) + 0.5);
    svg += join_text("<text x=\"0\" y=\"", y + 4, "\" class=\"tile\">", escape_markup(census.tile), "</text><line x1=\"", kLeft, "\" x2=\"",
                     kLeft + kWidth, "\" y1=\"", y, "\" y2=\"", y, "\" class=\"axis\"/>");
    for (const TimelineMark& mark : marks_of(census, w))
      svg += join_text("<circle cx=\"", x(mark.date), "\" cy=\"", y, "\" r=\"", mark.kind == "superseded" ? 6.6 : 4.2, "\" class=\"",
                       mark.kind, "\"><title>", escape_markup(mark.label), "</title></circle>");
    std::vector<std::string> days;
    for (const Acquisition& a : census.acquisitions) days.push_back(a.date.iso());
    rows += join_text("<tr><th scope=\"row\">", escape_markup(census.tile), "</th><td class=\"n\">", days.size(), "</td><td>",
                      join_list(days, " "), "</td></tr>\n");
    svg += join_text("<text x=\"", kLeft + kWidth + 12, "\" y=\"", y + 4, "\">", census.acquisitions.size(), "</text>");
    for (const Damage& damage : census.damaged)
      troubles += join_text("<li><b>", escape_markup(census.tile), "</b> ", escape_markup(damage.product), w.colon(), "<span lang=\"en\">",
                            escape_markup(damage.message), "</span></li>\n");  // errors are English
  }
  svg += "</svg>";
  const std::string key = join_text("<p class=\"key\"><i class=\"found\"></i>acquisition <i class=\"merged\"></i>",
                                    w("two passes merged", "deux passages fusionnés"), " <i class=\"superseded\"></i>",
                                    w("older version, replaced", "ancienne version, remplacée"), " <i class=\"damaged\"></i>",
                                    w("damaged, left out", "endommagée, écartée"), "</p>");
  if (!troubles.empty()) troubles = join_text("<h3>", w("Left out", "Écartées"), "</h3><ul class=\"troubles\">", troubles, "</ul>\n");
  return section(
      "census", w("Census of dates", "Recensement des dates"),
      "<div class=\"wide\" tabindex=\"0\">" + svg + "</div>" + key +
          behind(w("The dates as a table", "Les dates en tableau"), "<table class=\"lines\"><tbody>\n" + rows + "</tbody></table>") +
          troubles);
}

// What has no class, and why.

std::string unmapped_section(const ReportData& data) {
  if (data.unmapped.empty() && data.notes.empty()) return "";
  const Words w{data.language};
  std::string html;
  if (!data.unmapped.empty())
    html += join_text("<p>",
                      w("Pixels of the tiles’ maps; where tiles overlap, a pixel counts for each of them.",
                        "Pixels des cartes des tuiles ; là où des tuiles se recouvrent, un pixel compte pour chacune."),
                      "</p>\n", facts(data.unmapped));
  if (!data.notes.empty()) {
    html += "<ul>";
    for (const std::string& note : data.notes) html += "<li>" + escape_markup(note) + "</li>";
    html += "</ul>\n";
  }
  return section("unmapped", w("Pixels without a class", "Pixels sans classe"), html);
}

std::string file_section(const ReportData& data) {
  if (data.files.empty()) return "";
  const Words w{data.language};
  std::string html = join_text("<table class=\"lines stacked\"><thead><tr><th scope=\"col\">", w("File", "Fichier"),
                               "</th><th scope=\"col\">", w("What it is", "Ce qu’il contient"), "</th></tr></thead><tbody>\n");
  for (const ReportFile& file : data.files)
    html += join_text("<tr><td><a href=\"./", escape_markup(file.file), "\">", escape_markup(file.file), "</a></td><td>",
                      escape_markup(file.title), "</td></tr>\n");
  return section("files", w("Files of this edition", "Fichiers de cette édition"),
                 "<div class=\"wide\" tabindex=\"0\">" + html + "</tbody></table></div>\n");
}

// Stages write them in English.
std::string paper_in(Language language, const std::string& paper) {
  constexpr std::pair<std::string_view, std::string_view> kRemarks[] = {{"bilateral filter", "filtre bilatéral"},
                                                                        {"smoothing of land cover", "lissage de l’occupation des sols"},
                                                                        {"evidence theory", "théorie de l’évidence"},
                                                                        {"kappa", "kappa"},
                                                                        {"expected calibration error", "erreur de calibration attendue"},
                                                                        {"areas with intervals", "surfaces avec intervalles"}};
  const std::size_t open = paper.rfind(" (");
  if (language == Language::en || open == std::string::npos || !paper.ends_with(')')) return paper;
  const std::string_view remark = std::string_view(paper).substr(open + 2, paper.size() - open - 3);
  const auto found = std::ranges::find(kRemarks, remark, &std::pair<std::string_view, std::string_view>::first);
  return paper.substr(0, open) + (found == std::end(kRemarks) ? "" : join_text(" (", found->second, ")"));
}

std::string provenance_section(const ReportData& data) {
  const Words w{data.language};
  std::string html = join_text("<p>", w("Made by millesime ", "Réalisé par millesime "), escape_markup(data.version), ".");
  if (!data.licence.empty()) html += w(" Licence of the products: ", " Licence des produits : ") + escape_markup(data.licence) + ".";
  html += "</p>\n";
  if (!data.models.empty()) {
    html += join_text("<h3>", w("Models", "Modèles"), "</h3><div class=\"models\">");
    for (const auto& [name, rows] : data.models) html += "<div><h4>" + escape_markup(name) + "</h4>" + facts(rows) + "</div>\n";
    html += "</div>\n";
  }
  if (!data.config.empty())
    html += join_text("<details><summary>",
                      w("Configuration, every key with its effective value", "Configuration, chaque clé avec sa valeur effective"),
                      "</summary>", facts(data.config), "</details>\n");
  if (!data.papers.empty()) {
    html += join_text("<h3>", w("Methods", "Méthodes"), "</h3><ul>");
    for (const std::string& paper : data.papers) html += "<li>" + escape_markup(paper_in(data.language, paper)) + "</li>";
    html += "</ul>\n";
  }
  return section("provenance", "Provenance", html);
}

}  // namespace millesime
