// The classes that a reader will complain about: which way they are wrong, with what, where, and what would help.

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/reports/internal/map_sections.h"

namespace millesime {
namespace {

using namespace html;

constexpr std::size_t kMostClasses = 8, kMostPairs = 3;
constexpr double kGood = 0.9;              // F-score from which a class is not listed
constexpr double kOneSided = 1.5;          // wrong pixels one way for each the other way
constexpr std::int64_t kFewPolygons = 30;  // learned from
constexpr double kMost = 0.5;              // of the pixels of a pair
constexpr std::int64_t kSomePolygons = 3;
constexpr double kAlike = 0.7;  // distance of two mean curves, in deviations

// What of the class the map shows as another, and the reverse: pixels, or of a sample hectares of the map.
struct Wrong {
  int code = 0;
  double f_score = 0, lost = 0, added = 0;
};

std::vector<Wrong> wrong_pixels(const ConfusionMatrix& matrix) {
  std::vector<Wrong> wrong;
  for (const ClassAccuracy& of : measure(matrix).classes)
    wrong.push_back({of.code, of.f_score, static_cast<double>(of.reference - of.agreed), static_cast<double>(of.produced - of.agreed)});
  return wrong;
}

// From the estimates alone: what a page shows as mapped was counted, not estimated.
std::vector<Wrong> wrong_hectares(const AreaAccuracy& areas) {
  std::vector<Wrong> wrong;
  for (const AreaEstimate& of : areas.classes) {
    const double ground = std::isnan(of.area.value) ? 0 : of.area.value;
    const double right = ground > 0 && of.producers.value > 0 && of.users.value > 0 ? ground * of.producers.value : 0;
    const double mapped = right > 0 ? right / of.users.value : of.mapped_area;
    wrong.push_back({of.code, ground + mapped > 0 ? 2 * right / (ground + mapped) : 0, ground - right, mapped - right});
  }
  return wrong;
}

// The mean distance of two curves, in their deviations; infinite where they have no month in common.
double curve_distance(const ClassCurve& one, const ClassCurve& other) {
  double sum = 0;
  int n = 0;
  for (std::size_t i = 0; i < one.steps.size(); ++i) {
    const CurveStep &a = one.steps[i], &b = other.steps[i];
    const double spread = std::sqrt((a.deviation * a.deviation + b.deviation * b.deviation) / 2);
    if (a.observations == 0 || b.observations == 0 || spread <= 0) continue;
    sum += std::abs(a.mean - b.mean) / spread, ++n;
  }
  return n == 0 ? INFINITY : sum / n;
}

// Headings of the table, and of each text where a narrow screen has one below the other.
const char* confused_with(const Words& w) { return w("Confused with, where", "Confondue avec, où"); }
const char* would_help(const Words& w) { return w("What would help", "Ce qui aiderait"); }

class Complaints {
 public:
  explicit Complaints(const ReportData& data) : data_(data), w_{data.language} {}

  std::string rows(std::vector<Wrong> wrong) const {
    std::erase_if(wrong, [](const Wrong& c) { return c.lost + c.added <= 0 || c.f_score >= kGood; });
    std::ranges::stable_sort(wrong, std::greater{}, [](const Wrong& c) { return c.lost + c.added; });
    if (wrong.size() > kMostClasses) wrong.resize(kMostClasses);
    std::string rows;
    for (const Wrong& c : wrong) rows += row(c);
    return rows;
  }

 private:
  std::string row(const Wrong& c) const {
    std::vector<const PlacedConfusion*> pairs;
    for (const PlacedConfusion& pair : data_.accuracy->confusions)
      if ((pair.reference == c.code || pair.produced == c.code) && pairs.size() < kMostPairs) pairs.push_back(&pair);
    std::string places, helps;
    for (const PlacedConfusion* pair : pairs) places += "<p>" + place(*pair) + "</p>";
    for (const std::string& help : help_for(c, pairs)) helps += "<p>" + help + "</p>";
    return join_text("<tr><th scope=\"row\">", swatch(data_.nomenclature, c.code), name(c.code),
                     "</th><td class=\"n\" data-name=\"F-score\">", w_.number(c.f_score, 2), "</td><td>", direction(c),
                     "</td><td data-name=\"", confused_with(w_), "\">", places, "</td><td data-name=\"", would_help(w_), "\">", helps,
                     "</td></tr>\n");
  }

  std::string name(int code) const { return class_name(data_.nomenclature, code); }
  std::string pixels(std::int64_t n) const { return grouped(static_cast<double>(n)); }
  bool sampled() const { return !data_.accuracy->sampling.empty(); }
  // In pixels, or hectares of the map.
  std::string amount(double n) const {
    if (!sampled()) return grouped(n) + " px";
    return (n < 100 ? w_.number(n, 1) : grouped(n)) + " ha";
  }

  std::string direction(const Wrong& c) const {
    const char* what = c.added > kOneSided * c.lost   ? w_("over-mapped", "surestimée")
                       : c.lost > kOneSided * c.added ? w_("under-mapped", "sous-estimée")
                                                      : w_("confused both ways", "confondue dans les deux sens");
    return join_text(what, w_.colon(), w_("it has ", "elle a pris "), amount(c.added),
                     w_(" of other classes, and lost ", " à d’autres classes et en a perdu "), amount(c.lost));
  }

  std::string place(const PlacedConfusion& pair) const {
    const std::string from = sampled() ? join_text(" (", pixels(pair.pixels), " ", sample_units(*data_.accuracy, pair.pixels, w_), ")")
                                       : join_text(w_(", in ", ", dans "), pixels(pair.polygons),
                                                   pair.polygons == 1 ? w_(" polygon", " polygone") : w_(" polygons", " polygones"));
    std::string text = join_text(amount(sampled() ? pair.hectares : static_cast<double>(pair.pixels)), w_(" of ", " de "),
                                 name(pair.reference), w_(" shown as ", " classés en "), name(pair.produced), from);
    if (!std::isnan(pair.longitude))
      text += join_text(w_("; ", " ; "), pixels(pair.there), w_(" of them around ", " d’entre eux vers "), degrees(pair.latitude, 'N', 'S'),
                        " ", degrees(pair.longitude, 'E', w_.language == Language::fr ? 'O' : 'W'));
    return text;
  }

  std::string degrees(double value, char positive, char negative) const {
    return join_text(w_.number(std::abs(value), 3), "°\u00a0", value < 0 ? negative : positive);
  }

  std::vector<std::string> help_for(const Wrong& c, const std::vector<const PlacedConfusion*>& pairs) const {
    std::vector<std::string> helps;
    const auto learned = data_.accuracy->learned_polygons.find(c.code);
    if (learned != data_.accuracy->learned_polygons.end() && learned->second < kFewPolygons)
      helps.push_back(
          join_text(w_("More reference polygons: models learned from ", "Plus de polygones de référence : les modèles ont appris de "),
                    learned->second,
                    w_(" of it (<code>samples next</code> says where).", " d’entre eux (<code>samples next</code> dit où en ajouter).")));
    std::set<int> asked;  // the other classes
    for (const PlacedConfusion* pair : pairs) {
      const int other = pair->reference == c.code ? pair->produced : pair->reference;
      const auto n = static_cast<double>(pair->pixels);
      const bool one_polygon = !sampled() && static_cast<double>(pair->in_one_polygon) > kMost * n && pair->polygons >= kSomePolygons;
      if (one_polygon)
        helps.push_back(join_text(
            w_("One polygon of ", "Un seul polygone de "), name(pair->reference),
            w_(" has most of its pixels shown as ", " porte la plupart de ses pixels classés en "), name(pair->produced),
            w_(": is its label right? (<code>samples audit</code>)", " : son étiquette est-elle juste ? (<code>samples audit</code>)")));
      else if (static_cast<double>(pair->there) > kMost * n && pair->polygons >= kSomePolygons)
        helps.push_back(
            join_text(w_("Reference polygons of ", "Des polygones de référence de "), name(pair->reference), w_(" and ", " et "),
                      name(pair->produced),
                      w_(" in the place that is named: most of it is there.", " à l’endroit indiqué, où se trouve la plupart.")));
      if (!asked.insert(other).second) continue;
      if (alike(c.code, other))
        helps.push_back(
            join_text(w_("NDVI cannot tell it from ", "Le NDVI ne la distingue pas de "), name(other),
                      w_(": elevation, slope, an embedding or last year’s register (<code>[[exogenous]]</code>), or radar "
                         "(<code>[[source]]</code>) may, or, where one grows elsewhere than the other, <code>model.coordinates</code>",
                         " : l’altitude, la pente, un plongement (embedding) ou le registre de l’année d’avant "
                         "(<code>[[exogenous]]</code>), ou le radar (<code>[[source]]</code>) le peuvent, ou, si l’une ne pousse pas où "
                         "pousse l’autre, <code>model.coordinates</code>"),
                      same_group(c.code, other) ? w_("; the map of groups does not need it (<code>classify.levels</code>).",
                                                     " ; la carte des groupes s’en passe (<code>classify.levels</code>).")
                                                : "."));
    }
    if (helps.empty())
      helps.push_back(
          w_("No single cause: a larger mean of models (<code>train.effort = \"best\"</code>), and labels that are looked through "
             "(<code>samples audit</code>).",
             "Pas de cause unique : une moyenne de plus de modèles (<code>train.effort = \"best\"</code>) et des étiquettes "
             "relues (<code>samples audit</code>)."));
    return helps;
  }

  bool alike(int one, int other) const {
    const auto curve = [&](int code) { return std::ranges::find(data_.curves, code, &ClassCurve::code); };
    const auto a = curve(one), b = curve(other);
    return a != data_.curves.end() && b != data_.curves.end() && curve_distance(*a, *b) < kAlike;
  }

  bool same_group(int one, int other) const {
    const auto group = [&](int code) {
      const auto index = data_.nomenclature.index_of_code(code);
      return index ? data_.nomenclature.at(*index).parent : 0;
    };
    return group(one) != 0 && group(one) == group(other);
  }

  const ReportData& data_;
  Words w_;
};

}  // namespace

std::string sample_units(const AccuracyReport& accuracy, std::int64_t n, const html::Words& w) {
  if (accuracy.unit == "block") return n == 1 ? w("block", "bloc") : w("blocks", "blocs");
  return n == 1 ? "point" : "points";
}

std::string confusion_section(const ReportData& data) {
  if (!data.accuracy || data.accuracy->confusions.empty()) return "";
  const AccuracyReport& accuracy = *data.accuracy;
  const bool sampled = !accuracy.sampling.empty();
  const ConfusionMatrix* matrix = judging_matrix(accuracy);
  if (sampled ? !data.areas : !matrix) return "";
  const Words w{data.language};
  const std::string rows = Complaints(data).rows(sampled ? wrong_hectares(*data.areas) : wrong_pixels(*matrix));
  if (rows.empty()) return "";
  return section(
      "complaints", w("Classes to improve", "Classes à améliorer"),
      join_text(
          "<p>",
          sampled
              ? w("The classes of which most area is wrong, by the design of the sample: which way they are wrong, with what and where, "
                  "and what would help. What few of its units tell is uncertain.",
                  "Les classes dont le plus de surface est fausse, selon le plan de l’échantillon : dans quel sens, avec quelle autre et "
                  "où, et ce qui aiderait. Ce que disent peu de ses unités est incertain.")
              : w("The classes with the most wrong pixels among those that are judged, which way they are wrong, with what and where, and "
                  "what would help.",
                  "Les classes aux plus nombreux pixels faux parmi ceux qui sont évalués, dans quel sens, avec quelle autre et où, et ce "
                  "qui "
                  "aiderait."),
          "</p>\n<div class=\"wide\" tabindex=\"0\"><table class=\"lines stacked\"><thead><tr><th scope=\"col\">", w("Class", "Classe"),
          "</th><th class=\"n\" scope=\"col\">F-score</th><th scope=\"col\">", w("Direction", "Sens"), "</th><th scope=\"col\">",
          confused_with(w), "</th><th scope=\"col\">", would_help(w), "</th></tr></thead><tbody>\n", rows, "</tbody></table></div>\n"));
}

}  // namespace millesime
