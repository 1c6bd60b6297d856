#include "pipeline/reports/years_report.h"

#include <algorithm>
#include <cmath>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/reports/html.h"

namespace millesime {
namespace {

using namespace html;

const char* unit_of(const YearsData& data) { return data.in_hectares ? "ha" : "px"; }

std::string interval(const Estimate& area, const Words& w) {
  if (std::isnan(area.low)) return " <small>±\u202f" + grouped(area.half_width()) + "</small>";
  return join_text(" <small>(", grouped(area.low), w(" to ", " à "), grouped(area.high), ")</small>");
}

// Areas.

// Counts as ticks, estimates as dots with their interval, over the years.
std::string area_chart(const YearsData& data, std::size_t class_index) {
  constexpr double kWidth = 190, kHeight = 74, kLeft = 54, kTop = 6;
  const LandClass& land = data.nomenclature.classes[class_index];
  double high = 0;
  for (const YearOfMaps& year : data.years) {
    const Estimate& e = year.estimated[class_index];
    high = std::max({high, year.mapped[class_index], std::isnan(e.value) ? 0 : e.most()});
  }
  high = high > 0 ? 1.06 * high : 1;
  const int first = data.years.front().year, span = std::max(1, data.years.back().year - first);
  const auto x = [&](int year) { return number(kLeft + 8 + (kWidth - 16) * (year - first) / span, 1); };
  const auto y = [&](double area) { return number(kTop + kHeight * (1 - std::max(0.0, area) / high), 1); };
  const Words w{data.language};
  std::string svg = join_text("<svg class=\"curve\" viewBox=\"0 0 ", kLeft + kWidth + 4, " ", kTop + kHeight + 18,
                              "\" role=\"img\" aria-label=\"", w("Area over the years: ", "Surface au fil des ans : "),
                              escape_markup(land.name), "\"><rect x=\"", kLeft, "\" y=\"", kTop, "\" width=\"", kWidth, "\" height=\"",
                              kHeight, "\" class=\"frame\"/><text x=\"", kLeft - 4, "\" y=\"", kTop + 8, "\" text-anchor=\"end\">",
                              grouped(high), "</text><text x=\"", kLeft - 4, "\" y=\"", kTop + kHeight, "\" text-anchor=\"end\">0</text>");
  std::string line, marks;
  for (const YearOfMaps& year : data.years) {
    const Estimate& e = year.estimated[class_index];
    const std::string at = x(year.year), count = y(year.mapped[class_index]);
    line += at + "," + count + " ";
    if (!std::isnan(e.value))
      marks += join_text("<line x1=\"", at, "\" x2=\"", at, "\" y1=\"", y(e.least()), "\" y2=\"", y(e.most()),
                         "\" class=\"interval\"/><circle cx=\"", at, "\" cy=\"", y(e.value), "\" r=\"3.2\" class=\"estimate\"/>");
    marks += join_text("<line x1=\"", number(std::stod(at) - 5, 1), "\" x2=\"", number(std::stod(at) + 5, 1), "\" y1=\"", count, "\" y2=\"",
                       count, "\" class=\"count\"/>");
    if (year.year == first || year.year == data.years.back().year)
      marks += join_text("<text x=\"", at, "\" y=\"", kTop + kHeight + 14, "\" text-anchor=\"middle\">", year.year, "</text>");
  }
  svg += "<polyline points=\"" + line + "\" class=\"mean\" stroke-opacity=\"0.35\"/>" + marks + "</svg>";
  return figure(svg, swatch(data.nomenclature, land.code) + escape_markup(land.name));
}

bool occurs(const YearsData& data, std::size_t class_index) {
  return std::ranges::any_of(data.years, [&](const YearOfMaps& year) { return year.mapped[class_index] > 0; });
}

std::string area_table(const YearsData& data) {
  const Words w{data.language};
  std::string html = join_text("<div class=\"wide\" tabindex=\"0\"><table class=\"lines\"><thead><tr><th scope=\"col\">",
                               w("Class", "Classe"), ", ", unit_of(data), "</th>");
  for (const YearOfMaps& year : data.years) {
    html += join_text("<th class=\"n\" scope=\"col\">", year.year, w(", counted", ", comptée"), "</th>");
    if (year.has_intervals()) html += join_text("<th class=\"n\" scope=\"col\">", year.year, w(", estimate", ", estimée"), "</th>");
  }
  html += "</tr></thead><tbody>\n";
  for (std::size_t c = 0; c < data.nomenclature.classes.size(); ++c) {
    if (!occurs(data, c)) continue;
    const LandClass& land = data.nomenclature.classes[c];
    html += join_text("<tr><th scope=\"row\">", swatch(data.nomenclature, land.code), escape_markup(land.name), "</th>");
    for (const YearOfMaps& year : data.years) {
      html += "<td class=\"n\">" + grouped(year.mapped[c]) + "</td>";
      const Estimate& e = year.estimated[c];
      if (year.has_intervals())
        html += "<td class=\"n\">" + (std::isnan(e.value) ? std::string("–") : grouped(e.value) + interval(e, w)) + "</td>";
    }
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>\n";
}

std::string area_section(const YearsData& data) {
  const Words w{data.language};
  const bool any = std::ranges::any_of(data.years, &YearOfMaps::has_intervals);
  std::string text =
      w("The line joins the areas counted on the maps (ticks).", "La ligne joint les surfaces comptées sur les cartes (traits).");
  if (any)
    text +=
        w(" Dot and bar are the area on the ground and its 95 % interval, corrected for the confusions of the map (Olofsson et al. "
          "2014). Where the bars of two years overlap, their difference says nothing.",
          " Le point et la barre sont la surface au sol et son intervalle à 95 %, corrigée des confusions de la carte (Olofsson et al. "
          "2014). Là où les barres de deux années se recouvrent, leur différence ne dit rien.");
  else
    text += w(" No accuracy of these maps is known, so there are no intervals: give accuracy.json of each year (--accuracy).",
              " L’exactitude de ces cartes n’est pas connue, donc sans intervalles : donner accuracy.json de chaque année (--accuracy).");
  std::string charts;
  for (std::size_t c = 0; c < data.nomenclature.classes.size(); ++c)
    if (occurs(data, c)) charts += area_chart(data, c);
  return section("areas", w("Areas of each class", "Surfaces de chaque classe"),
                 "<p>" + text + "</p>\n<div class=\"curves\">" + charts + "</div>\n<h3>" + w("As a table", "En tableau") + "</h3>\n" +
                     area_table(data));
}

// Flows.

// Heights of the groups in a year: what the flows of the step after it (or before the last one) have.
std::vector<double> amounts(const YearsData& data, std::size_t year) {
  std::vector<double> of_group(data.groups.size(), 0);
  const bool last = year == data.flow.size();
  const auto& step = data.flow[last ? year - 1 : year];
  for (std::size_t a = 0; a < of_group.size(); ++a)
    for (std::size_t b = 0; b < of_group.size(); ++b) of_group[last ? b : a] += step[a][b];
  return of_group;
}

constexpr double kMostColumns = 560, kColumn = 180, kBar = 14, kHeight = 420, kGap = 7, kAbove = 26;

struct Flows {
  const YearsData& data;
  double scale;                            // px of a unit
  double beside = 0, column;               // px: of the names beside the bars, from a year to the next
  std::vector<std::vector<double>> start;  // [year][group]: y of its bar
  std::vector<std::vector<double>> amount;

  explicit Flows(const YearsData& d) : data(d), column(std::min(kColumn, kMostColumns / static_cast<double>(d.flow.size()))) {
    constexpr double kLetter = 6.6, kPercent = 7;  // a letter, and the letters of " 12.3 %"
    for (const LandClass& group : data.groups) beside = std::max(beside, kLetter * (static_cast<double>(group.name.size()) + kPercent));
    const double gaps = kGap * static_cast<double>(data.groups.size() - 1);
    scale = (kHeight - gaps) / data.mapped_in_all;
    for (std::size_t year = 0; year < data.years.size(); ++year) {
      amount.push_back(amounts(data, year));
      start.emplace_back();
      double y = kAbove;
      for (const double part : amount.back()) start.back().push_back(y), y += part * scale + (part > 0 ? kGap : 0);
    }
  }
  double x(std::size_t year) const { return beside + column * static_cast<double>(year); }

  std::string links() const {
    const Words w{data.language};
    std::string svg;
    for (std::size_t step = 0; step < data.flow.size(); ++step) {
      std::vector<double> from = start[step], to = start[step + 1];
      for (std::size_t a = 0; a < data.groups.size(); ++a)
        for (std::size_t b = 0; b < data.groups.size(); ++b) {
          const double part = data.flow[step][a][b], width = part * scale;
          if (part <= 0) continue;
          const double y0 = from[a] + width / 2, y1 = to[b] + width / 2, x0 = x(step) + kBar, x1 = x(step + 1), middle = (x0 + x1) / 2;
          from[a] += width, to[b] += width;
          svg += join_text("<path d=\"M", number(x0, 1), " ", number(y0, 1), "C", number(middle, 1), " ", number(y0, 1), " ",
                           number(middle, 1), " ", number(y1, 1), " ", number(x1, 1), " ", number(y1, 1), "\" fill=\"none\" stroke=\"",
                           data.groups[a].color.hex(), "\" stroke-width=\"", number(std::max(0.4, width), 2), "\" stroke-opacity=\"",
                           a == b ? "0.25" : "0.75", "\"><title>", data.years[step].year, "–", data.years[step + 1].year, w.colon(),
                           escape_markup(data.groups[a].name), " → ", escape_markup(data.groups[b].name), ", ", grouped(part), " ",
                           unit_of(data), "</title></path>");
        }
    }
    return svg;
  }

  // Names beside a column of bars, so far apart that they can be read. Returns the lowest y.
  double names(std::size_t year, bool left, std::string& svg) const {
    constexpr double kLine = 13;
    const Words w{data.language};
    double lowest = kAbove - kLine;
    for (std::size_t g = 0; g < data.groups.size(); ++g) {
      if (amount[year][g] <= 0) continue;
      lowest = std::max(lowest + kLine, start[year][g] + amount[year][g] * scale / 2 + 4);
      svg += join_text("<text class=\"tile\" x=\"", left ? x(year) - 6 : x(year) + kBar + 6, "\" y=\"", number(lowest, 1),
                       "\" text-anchor=\"", left ? "end" : "start", "\">", escape_markup(data.groups[g].name), " ",
                       w.percent(amount[year][g] / data.mapped_in_all), "</text>");
    }
    return lowest;
  }

  std::string draw() const {
    const Words w{data.language};
    std::string bars, labels;
    for (std::size_t year = 0; year < data.years.size(); ++year) {
      labels += join_text("<text x=\"", x(year) + kBar / 2, "\" y=\"14\" text-anchor=\"middle\">", data.years[year].year, "</text>");
      for (std::size_t g = 0; g < data.groups.size(); ++g)
        if (amount[year][g] > 0)
          bars += join_text("<rect x=\"", x(year), "\" y=\"", number(start[year][g], 1), "\" width=\"", kBar, "\" height=\"",
                            number(std::max(0.6, amount[year][g] * scale), 2), "\" fill=\"", data.groups[g].color.hex(), "\"><title>",
                            data.years[year].year, w.colon(), escape_markup(data.groups[g].name), ", ", grouped(amount[year][g]), " ",
                            unit_of(data), "</title></rect>");
    }
    double lowest = kAbove + kHeight;
    lowest = std::max({lowest, names(0, true, labels), names(data.years.size() - 1, false, labels)});
    const double width = x(data.years.size() - 1) + kBar + beside;
    return join_text("<svg class=\"flows\" style=\"min-width:", width, "px\" viewBox=\"0 0 ", width, " ", number(lowest + 8, 1),
                     "\" role=\"img\" aria-label=\"",
                     w("Flows between groups of classes from year to year; the table below has their numbers",
                       "Flux entre groupes de classes d’une année à l’autre ; le tableau dessous en donne les nombres"),
                     "\">", links(), bars, labels, "</svg>");
  }
};

std::string flow_table(const YearsData& data) {
  struct Row {
    std::size_t from, to;
    double sum;
  };
  std::vector<Row> rows;
  for (std::size_t a = 0; a < data.groups.size(); ++a)
    for (std::size_t b = 0; b < data.groups.size(); ++b) {
      double sum = 0;
      for (const auto& step : data.flow) sum += step[a][b];
      if (sum > 0) rows.push_back({a, b, sum});
    }
  std::ranges::stable_sort(rows, [](const Row& a, const Row& b) {
    return (a.from == a.to) != (b.from == b.to) ? a.from != a.to : a.sum > b.sum;  // changes first, the largest first
  });
  const Words w{data.language};
  std::string html = join_text("<table class=\"lines\"><thead><tr><th scope=\"col\">", w("from", "de"), "</th><th scope=\"col\">",
                               w("to", "vers"), "</th>");
  for (std::size_t step = 0; step < data.flow.size(); ++step)
    html +=
        join_text("<th class=\"n\" scope=\"col\">", data.years[step].year, "–", data.years[step + 1].year, ", ", unit_of(data), "</th>");
  html += "</tr></thead><tbody>\n";
  for (const Row& row : rows) {
    html += join_text("<tr><th scope=\"row\">", escape_markup(data.groups[row.from].name), "</th><td>",
                      row.from == row.to ? w("stays", "reste") : escape_markup(data.groups[row.to].name), "</td>");
    for (const auto& step : data.flow) html += "<td class=\"n\">" + grouped(step[row.from][row.to]) + "</td>";
    html += "</tr>\n";
  }
  return html + "</tbody></table>";
}

std::string flow_section(const YearsData& data) {
  const Words w{data.language};
  std::string steps;
  for (std::size_t step = 0; step < data.flow.size(); ++step)
    steps += join_text("<li>", data.years[step].year, "–", data.years[step + 1].year,
                       data.years_of(step) == 1 ? std::string() : join_text(" (", data.years_of(step), w(" years", " ans"), ")"), w.colon(),
                       grouped(data.moved(step)), " ", unit_of(data), ", ", w.percent(data.moved(step) / data.mapped_in_all), "</li>\n");
  return section(
      "flows", w("From group to group", "D’un groupe à l’autre"),
      join_text(
          "<p>",
          w("Of the pixels that every year maps: which group of classes they are in each year. Pale bands stay, full ones change.",
            "Des pixels cartographiés chaque année : leur groupe de classes d’une année à l’autre. Les bandes pâles restent, les "
            "pleines changent."),
          "</p>\n<p class=\"note\">",
          w("Most differences of two yearly maps are errors of one of them and no change of the land: maps of 90 % accuracy differ on "
            "up to 19 % without any. <code>millesime reconcile</code> makes years consistent and says which changes last; this page of its "
            "maps "
            "shows those.",
            "La plupart des différences entre deux cartes annuelles sont des erreurs de l’une d’elles et non des changements du sol : "
            "des cartes exactes à 90 % diffèrent sur jusqu’à 19 % sans aucun. <code>millesime reconcile</code> rend les années cohérentes "
            "et dit "
            "quels changements durent ; cette page, faite de ses cartes, montre ceux-là."),
          "</p>\n<div class=\"wide\" tabindex=\"0\">", Flows(data).draw(), "</div>\n",
          behind(w("The flows as a table", "Les flux en tableau"), flow_table(data)), "<h3>",
          w("In another group than on the map before", "Dans un autre groupe que sur la carte d’avant"), "</h3>\n<ul>", steps, "</ul>\n"));
}

std::string file_section(const YearsData& data) {
  const Words w{data.language};
  std::string html = "<ul>";
  for (const YearOfMaps& year : data.years)
    html += join_text("<li>", year.year, w.colon(), escape_markup(year.file),
                      year.nomenclature == data.nomenclature.name
                          ? std::string()
                          : join_text(w("; its classes are those of ", " ; ses classes sont celles de "), escape_markup(year.nomenclature),
                                      w(", compared as those of ", ", comparées comme celles de "), escape_markup(data.nomenclature.name)),
                      "</li>\n");
  return section("maps", w("The maps", "Les cartes"),
                 html + "</ul>\n<p>" + w("Made by millesime ", "Réalisé par millesime ") + escape_markup(data.version) + ".</p>\n");
}

// Of steps of one length the mean; steps of different lengths have none, and the last one stands for itself.
std::string moved_figure(const YearsData& data) {
  const Words w{data.language};
  const std::size_t steps = data.flow.size(), last = steps - 1;
  bool alike = steps > 1;
  double moved = 0;
  for (std::size_t step = 0; step < steps; ++step) alike = alike && data.years_of(step) == data.years_of(0), moved += data.moved(step);
  if (!alike)
    return key_figure(w.percent(data.moved(last) / data.mapped_in_all),
                      join_text(w("in another group in ", "dans un autre groupe en "), data.years[steps].year, w(" than in ", " qu’en "),
                                data.years[last].year));
  return key_figure(w.percent(moved / static_cast<double>(steps) / data.mapped_in_all),
                    data.years_of(0) == 1
                        ? w("in another group than the year before, on average", "dans un autre groupe que l’année d’avant, en moyenne")
                        : join_text(w("in another group than ", "dans un autre groupe que "), data.years_of(0),
                                    w(" years before, on average", " ans avant, en moyenne")));
}

std::string head(const YearsData& data) {
  const Words w{data.language};
  std::string figures = key_figure(std::to_string(data.years.size()), w("years", "années"));
  figures +=
      data.in_hectares
          ? key_figure(grouped(data.mapped_in_all / 100) + " <small>km²</small>", w("mapped in every year", "cartographiés chaque année"))
          : key_figure(grouped(data.mapped_in_all) + " <small>px</small>", w("mapped in every year", "cartographiés chaque année"));
  figures += moved_figure(data);
  return html::header(w("Land-cover maps of several years", "Cartes d’occupation des sols de plusieurs années"),
                      join_text(escape_markup(data.title), " <em>", data.years.front().year, "–", data.years.back().year, "</em>"),
                      figures);
}

}  // namespace

bool YearOfMaps::has_intervals() const {
  return std::ranges::any_of(estimated, [](const Estimate& e) { return !std::isnan(e.value); });
}

double YearsData::moved(std::size_t step) const {
  double sum = 0;
  for (std::size_t a = 0; a < groups.size(); ++a)
    for (std::size_t b = 0; b < groups.size(); ++b)
      if (a != b) sum += flow[step][a][b];
  return sum;
}

std::string years_html(const YearsData& data) {
  return page(join_text(data.title, " ", data.years.front().year, "–", data.years.back().year),
              head(data) + flow_section(data) + area_section(data) + file_section(data), data.language);
}

}  // namespace millesime
