#include "pipeline/reports/map_report.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/reports/charts.h"
#include "pipeline/reports/internal/map_sections.h"
#include "pipeline/reports/internal/page_parts.h"

namespace millesime {
namespace {

using namespace html;

Judged judged(const Words& w) { return {"pixels", w("map", "carte"), w}; }

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

// Points that were drawn from the map: what they say by that design stands instead of counts, which have not its weights.
bool is_sampled(const ReportData& data) { return data.accuracy && !data.accuracy->sampling.empty(); }

// In small print behind the estimate.
std::string interval_of(const Estimate& e, int decimals, const Words& w) {
  if (std::isnan(e.low)) return w.plus_minus(e.half_width(), decimals);
  return join_text(" <small>(", w.number(e.low, decimals), w(" to ", " à "), w.number(e.high, decimals), ")</small>");
}

// Head of the page.

std::string accuracy_figure(const ReportData& data, double Accuracy::*value, const std::string& name) {
  const Words w{data.language};
  const MeanInterval interval = mean_interval(over_runs(data, value));
  return key_figure(w.number(interval.mean, 3), name + w.plus_minus(interval.half_width, 3));
}

std::string head(const ReportData& data) {
  const Words w{data.language};
  std::size_t acquisitions = 0, damaged = 0;
  for (const SourceCensus& census : data.census) acquisitions += census.acquisitions.size(), damaged += census.damaged.size();

  std::string html;
  if (data.summary.mapped_ha)
    html += key_figure(grouped(*data.summary.mapped_ha / 100) + " <small>km²</small>", w("mapped", "cartographiés"));
  html += key_figure(std::to_string(data.summary.classes.size()), data.summary.classes.size() == 1
                                                                      ? w("class on the map", "classe sur la carte")
                                                                      : w("classes on the map", "classes sur la carte"));
  if (!data.census.empty()) {
    const std::size_t mapped = data.census.size(), tiles = mapped + data.left_out.size();
    const std::string of = tiles > mapped ? join_text(" <small>", w("of ", "sur "), tiles, "</small>") : "";
    html += key_figure(std::to_string(mapped) + of, tiles == 1 ? w("tile", "tuile") : w("tiles", "tuiles"));
    html += key_figure(std::to_string(acquisitions),
                       damaged ? join_text("acquisitions, ", damaged, w(" damaged", damaged > 1 ? " endommagées" : " endommagée"))
                               : std::string("acquisitions"));
  }
  if (!data.confidence.picture.samples.empty())
    html += key_figure(number(data.summary.confidence, 0) + " <small>%</small>", w("mean confidence", "confiance moyenne"));
  if (is_sampled(data)) {
    if (data.areas)
      html += key_figure(w.number(data.areas->overall.value, 3),
                         w("overall accuracy", "exactitude globale") + interval_of(data.areas->overall, 3, w));
  } else if (const MapAccuracy* map = main_accuracy(data); map && map->confusion.total() > 0 && !data.accuracy->runs.empty()) {
    html += accuracy_figure(data, &Accuracy::overall, w("overall accuracy", "exactitude globale"));
    if (data.accuracy->far_from_learners)
      html += key_figure(w.number(measure(data.accuracy->far_from_learners->confusion).overall, 3),
                         w("overall accuracy by blocks", "exactitude globale par blocs"));
    html += accuracy_figure(data, &Accuracy::kappa, "kappa");
    html += accuracy_figure(data, &Accuracy::macro_f, w("mean F-score", "F-score moyen"));
  }
  return html::header(w("Land-cover map", "Carte d’occupation des sols"),
                      escape_markup(data.title) + " <em>" + escape_markup(data.edition) + "</em>", html);
}

// Accuracy.

// 95 % of the F-scores over the runs, by Student's t.
std::string f_score_interval(const ReportData& data, int code) {
  std::vector<double> f_scores;
  for (const MapAccuracy& run : data.accuracy->runs)
    for (const ClassAccuracy& of_run : measure(run.confusion).classes)
      if (of_run.code == code) f_scores.push_back(of_run.f_score);
  return Words{data.language}.plus_minus(mean_interval(f_scores).half_width, 2);
}

std::string names_of(const ReportData& data, const std::vector<int>& codes) {
  std::vector<std::string> names;
  for (const int code : codes) names.push_back(class_name(data.nomenclature, code));
  return join_list(names, ", ");
}

// What accuracy.json says of the reference and of a map is English (stages/validate.cpp, validate_command.cpp), with names in between.
std::string said_by_validate(const std::string& text, const Words& w) {
  if (w.language == Language::en) return escape_markup(text);
  struct Phrase {
    std::string_view english, french;
    bool begins = true;  // the text; else it stands after a name
  };
  constexpr Phrase kPhrases[] = {{"pixels of the reference polygons that the models did not learn from",
                                  "pixels des polygones de référence dont les modèles n’ont rien appris"},
                                 {"pixels of the reference polygons that no seed learned from and that were kept for the final map",
                                  "pixels des polygones de référence gardés pour la carte finale, dont aucun tirage n’a rien appris"},
                                 {"; without those of ", " ; sans ceux de ", false},
                                 {", whose samples were drawn after the models had learned",
                                  ", dont les échantillons ont été tirés après l’apprentissage des modèles", false},
                                 {"pixels of the polygons of ", "pixels des polygones de "},
                                 {" without a class are left out)", " sans classe sont écartés)", false},
                                 {"points of ", "points de "},
                                 {"blocks of ", "blocs de "},
                                 {" (sampling: ", " (échantillonnage : ", false},
                                 {"confusion matrices", "matrices de confusion"},
                                 {"sum of ", "somme de "},
                                 {"seed ", "tirage "},
                                 {"final map", "carte finale"}};
  std::string said = text;
  for (const Phrase& phrase : kPhrases)
    if (const auto at = text.find(phrase.english); at == 0 || (at != std::string::npos && !phrase.begins))
      said.replace(said.rfind(phrase.english), phrase.english.size(), phrase.french);
  return escape_markup(said);
}

// What the surroundings of the reference may expect, and what a place far from it may.
std::string parts_table(const AccuracyReport& accuracy, const Words& w) {
  if (!accuracy.far_from_learners) return "";
  std::string rows;
  for (const auto& [part, name] :
       {std::pair{&accuracy.near_learners, w("by polygons, in blocks that a model learned from", "par polygones, dans les blocs appris")},
        {&accuracy.far_from_learners, w("by blocks that no model learned from", "par blocs, dont aucun modèle n’a rien appris")}}) {
    if (!*part || (*part)->confusion.total() == 0) continue;
    const Accuracy of_part = measure((*part)->confusion);
    rows += join_text("<tr><th scope=\"row\">", name, "</th>");
    for (const std::int64_t n : {(*part)->blocks.value_or(0), (*part)->polygons.value_or(0), of_part.total})
      rows += "<td class=\"n\">" + grouped(static_cast<double>(n)) + "</td>";
    for (const double value : {of_part.overall, of_part.kappa, of_part.macro_f}) rows += "<td class=\"n\">" + w.number(value, 3) + "</td>";
    rows += "</tr>\n";
  }
  return join_text(
      "<p>",
      w("Neighbouring fields are alike. Polygons near those that a model learned from say what the surroundings of the reference may "
        "expect; whole blocks say what a place without reference polygons may.",
        "Les parcelles voisines se ressemblent. Les polygones proches de ceux dont un modèle a appris disent ce que peuvent attendre "
        "les alentours de la référence ; les blocs entiers, un lieu sans polygone de référence."),
      "</p>\n<div class=\"wide\" tabindex=\"0\"><table class=\"lines\"><thead><tr><th scope=\"col\">", w("Judged", "Évaluée"),
      "</th><th class=\"n\" scope=\"col\">", w("blocks", "blocs"), "</th><th class=\"n\" scope=\"col\">", w("polygons", "polygones"),
      "</th><th class=\"n\" scope=\"col\">pixels</th><th class=\"n\" scope=\"col\">", w("overall accuracy", "exactitude globale"),
      "</th><th class=\"n\" scope=\"col\">kappa</th><th class=\"n\" scope=\"col\">", w("mean F-score", "F-score moyen"),
      "</th></tr></thead><tbody>\n", rows, "</tbody></table></div>\n");
}

// The matrix of a sample. Measures of it, like precision, would be those of the points, not of the map.
std::string points_section(const ReportData& data, const MapAccuracy& map) {
  const Words w{data.language};
  const AccuracyReport& accuracy = *data.accuracy;
  const std::string units = sample_units(accuracy, 2, w);
  std::string text = join_text("<p>", w("Compared with ", "Comparée à : "), said_by_validate(accuracy.reference, w), w(": ", " ; "),
                               grouped(static_cast<double>(map.confusion.total())), " ", units, ". ");
  text += data.areas ? join_text(w("The matrix counts ", "La matrice compte les "), units,
                                 w(" without the weights of the sample’s design; the accuracies above have them.",
                                   " sans les poids du plan d’échantillonnage ; les exactitudes ci-dessus en tiennent compte."))
                     : w("The points are no probability sample: they are counted, and say nothing of areas.",
                         "Les points ne sont pas un échantillon aléatoire : ils sont comptés et ne disent rien des surfaces.");
  const Judged judged{units, w("map", "carte"), w};
  std::string html = text + "</p>\n<h3>" + w("Confusion matrix", "Matrice de confusion") + "</h3>\n" +
                     confusion_table(data.nomenclature, map.confusion, judged);
  if (map.calibration && map.calibration->total() > 0) html += reliability_chart(*map.calibration, judged);
  return section(
      "accuracy",
      accuracy.unit == "block" ? w("Blocks of the sample", "Blocs de l’échantillon") : w("Points of the sample", "Points de l’échantillon"),
      html);
}

std::string accuracy_section(const ReportData& data) {
  const MapAccuracy* map = main_accuracy(data);
  if (!map) return "";
  if (is_sampled(data)) return points_section(data, *map);
  const Words w{data.language};
  const Accuracy accuracy = measure(map->confusion);
  if (accuracy.total == 0)
    return section("accuracy", w("Accuracy", "Exactitude"),
                   join_text("<p>",
                             w("No pixel of a reference polygon tests the map: its accuracy is not known.",
                               "Aucun pixel d’un polygone de référence ne teste la carte : son exactitude n’est pas connue."),
                             "</p>"));
  const auto seeds = data.accuracy->runs.size();
  std::string text = join_text(
      "<p>", w("Compared with ", "Comparée à : "), said_by_validate(data.accuracy->reference, w), w(": ", " ; "),
      grouped(static_cast<double>(accuracy.total)), " pixels",
      map->polygons ? w(" of ", " de ") + grouped(static_cast<double>(*map->polygons)) + w(" polygons", " polygones") : std::string(),
      ". ");
  if (seeds > 1)
    text += join_text(w("Intervals are 95 % of Student’s t over ", "Les intervalles sont à 95 %, par le t de Student sur "), seeds,
                      w(" runs with different splits. The matrix is that of the ", " tirages différents. La matrice est celle de : "),
                      said_by_validate(map->name, w), ". ");
  if (map->unmapped > 0)
    text += join_text(w("On ", "Sur "), grouped(static_cast<double>(map->unmapped)),
                      w(" further reference pixels the map has no class. ", " autres pixels de référence, la carte n’a pas de classe. "));
  if (!map->not_judged.empty())
    text += join_text(w("Not judged, because no polygon of the class is held out: ", "Non évaluées, faute de polygone mis de côté : "),
                      names_of(data, map->not_judged), ". ");
  text += "</p>\n" + parts_table(*data.accuracy, w);
  std::string charts = score_table(
      data.nomenclature, accuracy, [&](int code) { return f_score_interval(data, code); }, w);
  if (map->calibration && map->calibration->total() > 0)
    charts = "<div class=\"beside scored\">" + charts + "<div>" + reliability_chart(*map->calibration, judged(w)) + "</div></div>\n";
  return section(
      "accuracy", w("Accuracy", "Exactitude"),
      text + charts +
          join_text("<h3>", w("Confusion matrix", "Matrice de confusion"), "</h3><p class=\"note\">",
                    w("Each row is a class of the reference: the classes of its pixels on the map, in percent of the row. Blue is "
                      "agreement. ",
                      "Chaque ligne est une classe de la référence : les classes de ses pixels sur la carte, en pour cent de la "
                      "ligne. Le bleu est l’accord. "),
                    "</p>\n") +
          confusion_table(data.nomenclature, map->confusion, judged(w)));
}

// Areas.

std::string area_text(const ReportData& data) {
  const Words w{data.language};
  const std::string marks = w("dot and line are estimate and 95 % interval, the tick is the count of pixels. ",
                              "le point et la ligne sont l’estimation et son intervalle à 95 %, le trait est le compte des pixels. ");
  if (is_sampled(data))
    return join_text(
        w("Areas counted on a map are biased if classes are confused. These are estimated from a probability sample, by its "
          "design (Stehman 2014; of clusters Cochran 1977), and so are the accuracies: ",
          "Les surfaces comptées sur une carte sont biaisées si des classes sont confondues. Celles-ci sont estimées par un échantillon "
          "aléatoire, selon son plan (Stehman 2014 ; pour des grappes Cochran 1977), et les exactitudes de même : "),
        marks);
  return join_text(
      w("Areas counted on a map are biased if classes are confused. The estimate corrects it with the confusion matrix (Olofsson et al. "
        "2014, stratified estimator), and gives its uncertainty: ",
        "Les surfaces comptées sur une carte sont biaisées si des classes sont confondues. L’estimation les corrige par la matrice de "
        "confusion (Olofsson et al. 2014, estimateur stratifié) et donne leur incertitude : "),
      marks,
      w("The intervals are those of a probability sample; held-out pixels of reference polygons are correlated and not placed at "
        "random, so the true uncertainty is larger.",
        "Les intervalles valent pour un échantillon aléatoire ; les pixels des polygones de référence mis de côté sont corrélés et ne "
        "sont pas tirés au hasard : l’incertitude réelle est plus grande."));
}

std::string area_section(const ReportData& data) {
  if (!data.areas || std::isnan(data.areas->overall.value)) return "";
  const Words w{data.language};
  const AreaAccuracy& areas = *data.areas;
  double largest = 0;
  for (const AreaEstimate& c : areas.classes) largest = std::max({largest, c.mapped_area, std::isnan(c.area.value) ? 0 : c.area.most()});
  if (largest <= 0) return "";
  constexpr double kWidth = 300;
  const auto x = [&](double area) { return number(4 + (kWidth - 8) * std::clamp(area / largest, 0.0, 1.0), 1); };

  std::string html = join_text(
      "<p>", area_text(data), "</p>\n<div class=\"wide\" tabindex=\"0\"><table class=\"areas\"><thead><tr><th scope=\"col\">",
      w("Class", "Classe"), "</th><th></th><th class=\"n\" scope=\"col\">", w("mapped, ha", "comptée, ha"),
      "</th><th class=\"n\" scope=\"col\">", w("estimate, ha", "estimée, ha"), "</th><th class=\"n\" scope=\"col\">",
      w("user’s", "utilisateur"), "</th><th class=\"n\" scope=\"col\">", w("producer’s", "producteur"), "</th></tr></thead><tbody>\n");
  for (const AreaEstimate& c : areas.classes) {
    if (c.mapped_area == 0 && !(c.area.value > 0)) continue;
    html += join_text("<tr><th scope=\"row\">", swatch(data.nomenclature, c.code), class_name(data.nomenclature, c.code),
                      "</th><td><svg class=\"whisker\" aria-hidden=\"true\" viewBox=\"0 0 ", kWidth,
                      " 16\"><line x1=\"4\" x2=\"4\" y1=\"0\" y2=\"16\" class=\"month\"/>");
    if (!std::isnan(c.area.value)) {
      const double half = std::isnan(c.area.half_width()) ? 0 : c.area.half_width();
      const bool no_spread = !std::isnan(c.area.low);
      html += join_text("<line x1=\"", x(no_spread ? c.area.low : c.area.value - half), "\" x2=\"",
                        x(no_spread ? c.area.high : c.area.value + half), "\" y1=\"8\" y2=\"8\" class=\"interval\"/><circle cx=\"",
                        x(c.area.value), "\" cy=\"8\" r=\"3.2\" class=\"estimate\"/>");
    }
    html += join_text("<line x1=\"", x(c.mapped_area), "\" x2=\"", x(c.mapped_area),
                      "\" y1=\"2\" y2=\"14\" class=\"count\"/></svg></td><td class=\"n\">", grouped(c.mapped_area), "</td><td class=\"n\">",
                      std::isnan(c.area.value) ? "–"
                                               : grouped(c.area.value) +
                                                     (std::isnan(c.area.low) ? " <small>±\u202f" + grouped(c.area.half_width())
                                                                             : join_text(" <small>(", grouped(c.area.low), w(" to ", " à "),
                                                                                         grouped(c.area.high), ")")) +
                                                     "</small>",
                      "</td><td class=\"n\">", w.number(c.users.value, 2), interval_of(c.users, 2, w), "</td><td class=\"n\">",
                      w.number(c.producers.value, 2), interval_of(c.producers, 2, w), "</td></tr>\n");
  }
  html +=
      join_text("</tbody></table></div>\n<p class=\"note\">",
                is_sampled(data) ? w("Overall accuracy ", "Exactitude globale : ")
                                 : w("Area-adjusted overall accuracy ", "Exactitude globale corrigée des surfaces : "),
                w.number(areas.overall.value, 3),
                std::isnan(areas.overall.low) ? " ± " + w.number(areas.overall.half_width(), 3) : interval_of(areas.overall, 3, w), ".");
  if (!areas.unsampled.empty())
    html += join_text(is_sampled(data)
                          ? w(" Strata without an interpreted point are left out", " Les strates sans point interprété sont omises")
                          : w(" Left out, because fewer than two reference pixels lie on them: ",
                              " Omises, car moins de deux pixels de référence y tombent : ") +
                                names_of(data, areas.unsampled),
                      w("; the estimates stand for ", " ; les estimations valent pour "), w.percent(areas.covered_share),
                      w(" of the map.", " de la carte."));
  return section("areas",
                 is_sampled(data) ? w("Areas and accuracies, estimated from a sample", "Surfaces et exactitudes, estimées par échantillon")
                                  : w("Areas, corrected for confusion", "Surfaces, corrigées des confusions"),
                 html + "</p>\n");
}

// Series of each class over the year: mean NDVI of its samples, one small chart a class.

std::string curve_section(const ReportData& data) {
  if (data.curves.empty()) return "";
  const Words w{data.language};
  std::string html = join_text(
      "<p>",
      w("NDVI of the reference samples, all valid observations of the year: mean and one standard deviation in every half month, and the "
        "number of observations. Classes with similar curves are often confused; a wide band means that a class contains several "
        "things, or that labels are wrong.",
        "NDVI des échantillons de référence, toutes les observations valides de l’année : moyenne et écart type par quinzaine, et nombre "
        "d’observations. Des classes aux courbes voisines sont souvent confondues ; une bande large signifie qu’une classe réunit "
        "plusieurs "
        "choses, ou que des étiquettes sont fausses."),
      "</p>\n<div class=\"curves\">");
  for (const ClassCurve& curve : data.curves) html += curve_chart(data.nomenclature, curve, ndvi_axis(), w);
  return section("curves", w("The year of each class", "L’année de chaque classe"),
                 html + "</div>\n" + curve_table(data.nomenclature, data.curves, ndvi_axis(), w));
}

}  // namespace

std::string report_html(const ReportData& data) {
  return page(data.title + " " + data.edition,
              head(data) + map_section(data) + quality_section(data) + regularised_section(data) +
                  (is_sampled(data) ? area_section(data) + confusion_section(data) + accuracy_section(data)
                                    : accuracy_section(data) + confusion_section(data) + area_section(data)) +
                  curve_section(data) + census_section(data) + unmapped_section(data) + file_section(data) + provenance_section(data),
              data.language, kMapViewer);
}

}  // namespace millesime
