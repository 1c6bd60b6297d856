// The map of a report: to zoom into, with its legend; confidence and validity; the map without small patches.

#include <algorithm>

#include <nlohmann/json.hpp>

#include "pipeline/core/error.h"
#include "pipeline/core/json_text.h"
#include "pipeline/core/text.h"
#include "pipeline/reports/internal/map_sections.h"

namespace millesime {
namespace {

using namespace html;
using Json = nlohmann::ordered_json;

std::string legend(const ReportData& data) {
  const Words w{data.language};
  double largest = 0;
  for (const ClassSummary& c : data.summary.classes) largest = std::max(largest, static_cast<double>(c.pixels));
  std::string html = join_text("<table class=\"legend\"><thead><tr><th></th><th scope=\"col\">", w("Class", "Classe"), "</th>");
  if (data.summary.mapped_ha) html += "<th class=\"n\" scope=\"col\">ha</th>";
  const bool has_confidence = !data.confidence.picture.samples.empty();
  html += join_text("<th class=\"n\" scope=\"col\">", w("share", "part"), "</th><th></th>");
  if (has_confidence)
    html += join_text("<th class=\"n\" scope=\"col\" title=\"", w("mean confidence, %", "confiance moyenne, %"), "\">conf.</th>");
  html += "</tr></thead><tbody>\n";
  for (const ClassSummary& c : data.summary.classes) {
    const double share = static_cast<double>(c.pixels) / static_cast<double>(std::max<std::int64_t>(1, data.summary.mapped));
    html += join_text("<tr data-code=\"", c.code, "\"><td>", swatch(data.nomenclature, c.code), "</td><td class=\"name\">",
                      class_name(data.nomenclature, c.code), "</td>");
    if (data.summary.mapped_ha) html += "<td class=\"n\">" + grouped(c.ha) + "</td>";
    html += join_text("<td class=\"n\">", w.percent(share),
                      "</td><td class=\"bar\"><i style=\"width:", number(100 * static_cast<double>(c.pixels) / largest, 1), "%\"></i></td>",
                      has_confidence ? "<td class=\"n\">" + number(c.confidence, 0) + "</td>" : std::string(), "</tr>\n");
  }
  return html + "</tbody></table>\n";
}

// What map_viewer.js reads.

Json levels_json(const std::vector<PyramidLevel>& levels) {
  Json json = Json::array();
  for (const PyramidLevel& level : levels) json.push_back({level.factor, level.cols, level.rows, level.tiles});
  return json;
}

Json ramp_json(const ColorRamp& ramp) {
  Json json = Json::array();
  for (const Color& color : ramp.stops) json.push_back(color.hex());
  return json;
}

Json words_json(const Words& w) {
  return {
      {"map",
       w("Map. The arrows move it, plus and minus zoom, Home shows the whole; what is in the middle is read out.",
         "Carte. Les flèches la déplacent, plus et moins changent l’échelle, Origine la montre entière ; ce qui est au milieu est lu.")},
      {"help", w("Drag to move. Zoom with two fingers, a double click, the wheel (after a click, or with Ctrl), or + and −.",
                 "Glisser pour déplacer. Changer d’échelle avec deux doigts, un double clic, la molette (après un clic, ou avec Ctrl), ou "
                 "+ et −.")},
      {"nearer", w("Zoom in", "Agrandir")},
      {"farther", w("Zoom out", "Réduire")},
      {"whole", w("Whole map", "Carte entière")},
      {"layer", w("Layer", "Couche")},
      {"all", w("Show all classes", "Montrer toutes les classes")},
      {"none", w("Hide all", "Tout masquer")},
      {"outside", w("outside of the map", "hors de la carte")},
      {"nothing", w("no class", "aucune classe")},
      {"open", w("To see every pixel, open %:", "Pour voir chaque pixel, ouvrir % :")},
      {"otherFile", w("% is none of the maps of this page.", "% n’est aucune des cartes de cette page.")},
      {"otherGrid", w("% has another size than the map of this page.", "% n’a pas la taille de la carte de cette page.")},
      {"noRanges", w("%: this server does not give parts of files (HTTP ranges), so the map is shown reduced.",
                     "% : ce serveur ne donne pas de parties de fichiers (plages HTTP) ; la carte est montrée réduite.")},
      {"packing", w("The map is compressed in a way that a page cannot read; open it in a GIS to see every pixel.",
                    "La carte est compressée d’une façon qu’une page ne sait pas lire ; l’ouvrir dans un SIG pour voir chaque pixel.")},
  };
}

std::string viewer_data(const ReportData& data) {
  const Words w{data.language};
  const Grid& grid = data.summary.grid;
  Json json = {{"cols", grid.cols},
               {"rows", grid.rows},
               {"x0", grid.x0},
               {"y0", grid.y0},
               {"pw", grid.pixel_width},
               {"ph", grid.pixel_height},
               {"metres", data.summary.in_degrees ? 0 : grid.pixel_width},
               {"words", words_json(w)}};
  const std::vector<std::uint8_t> value = picture_values(data.nomenclature);
  for (const LandClass& c : data.nomenclature.classes)
    json["classes"].push_back(
        {{"code", c.code}, {"value", value[static_cast<std::size_t>(c.code)]}, {"name", c.name}, {"color", c.color.hex()}});
  json["layers"].push_back({{"title", w("Classes", "Classes")}, {"file", data.map.file}, {"levels", levels_json(data.map.levels)}});
  const auto add_numbers = [&](const ReportLayer& layer, const char* title, const char* unit, const ColorRamp& ramp, int maximum) {
    if (layer.levels.empty()) return;
    json["layers"].push_back({{"title", title},
                              {"short", lower(title)},
                              {"unit", unit},
                              {"file", layer.file},
                              {"ramp", ramp_json(ramp)},
                              {"max", maximum},
                              {"levels", levels_json(layer.levels)}});
  };
  add_numbers(data.confidence, w("Confidence", "Confiance"), "\u202f%", confidence_ramp(), 100);
  add_numbers(data.validity, w("Validity", "Validité"), "", validity_ramp(), std::max(1, data.summary.highest_validity));
  std::string text = json_text(json);
  for (std::size_t at = 0; (at = text.find("</", at)) != std::string::npos; at += 3) text.replace(at, 2, "<\\/");  // no end of the script
  return "<script type=\"application/json\" id=\"map-data\">" + text + "</script>\n";
}

}  // namespace

std::string map_section(const ReportData& data) {
  const Words w{data.language};
  const Grid& grid = data.summary.grid;
  const std::string caption =
      join_text(w("The map of ", "La carte de "), escape_markup(data.edition), w("; the product has ", " ; le produit a "),
                grouped(grid.cols), " × ", grouped(grid.rows), w(" px of ", " px de "), grid.pixel_width,
                data.summary.in_degrees ? w("° in ", "° en ") : w(" m in ", " m en "), escape_markup(grid.crs.substr(0, 40)), ".");
  std::string shown = picture(data.map.picture, class_palette(data.nomenclature),
                              join_text(w("Land-cover map of ", "Carte d’occupation des sols de "), data.edition)) +
                      "<figcaption>" + caption + "</figcaption>";
  return section("map", w("The map", "La carte"),
                 "<div class=\"beside\"><figure id=\"map-figure\">" + shown + "</figure><div class=\"wide\">" + legend(data) +
                     "</div></div>\n" + (data.map.levels.empty() ? "" : viewer_data(data)));
}

std::string quality_section(const ReportData& data) {
  const Words w{data.language};
  std::string html;
  if (!data.confidence.picture.samples.empty())
    html += figure(
        picture(data.confidence.picture, number_palette(confidence_ramp(), 100), w("Confidence of the map", "Confiance de la carte")) +
            color_bar(confidence_ramp(), 100, "%"),
        join_text(w("Confidence: the probability of the class that was chosen. Mean over the map ",
                    "Confiance : la probabilité de la classe retenue. Moyenne sur la carte : "),
                  w.number(data.summary.confidence, 1), "\u202f%."));
  if (!data.validity.picture.samples.empty())
    html += figure(picture(data.validity.picture, number_palette(validity_ramp(), data.summary.highest_validity),
                           w("Number of valid acquisitions", "Nombre d’acquisitions valides")) +
                       color_bar(validity_ramp(), data.summary.highest_validity, "acquisitions"),
                   join_text(w("Validity: acquisitions of the year without cloud, shadow or gap. Mean over the map ",
                               "Validité : acquisitions de l’année sans nuage, ombre ni lacune. Moyenne sur la carte : "),
                             w.number(data.summary.validity, 1), "."));
  return html.empty() ? ""
                      : section("quality", w("How certain, and from how many images", "Quelle certitude, et sur combien d’images"),
                                "<div class=\"pair\">" + html + "</div>\n");
}

std::string regularised_section(const ReportData& data) {
  if (!data.regularised && !data.polygons) return "";
  const Words w{data.language};
  std::string html;
  if (data.regularised) {
    const Grid& grid = data.regularised->grid;
    html += join_text(
        "<p>",
        w("The same map without patches below the minimum mapping unit, at ",
          "La même carte sans les taches inférieures à l’unité minimale de collecte, à "),
        grid.pixel_width, data.summary.in_degrees ? "°" : " m",
        w(". Small patches take the class around them, so rare and thin things lose area; classes that may be one pixel wide gain it. "
          "For areas, use the full map.",
          ". Les petites taches prennent la classe qui les entoure : ce qui est rare ou fin perd de la surface ; les classes "
          "qui peuvent n’avoir qu’un pixel de large en gagnent. Pour les surfaces, prendre la carte complète."),
        "</p>\n");
    if (data.summary.mapped_ha && data.regularised->mapped_ha) {
      html += join_text("<div class=\"wide\" tabindex=\"0\"><table class=\"lines\"><thead><tr><th scope=\"col\">", w("Class", "Classe"),
                        "</th><th class=\"n\" scope=\"col\">", w("map, ha", "carte, ha"), "</th><th class=\"n\" scope=\"col\">",
                        w("without small patches, ha", "régularisée, ha"), "</th><th class=\"n\" scope=\"col\">", w("ratio", "rapport"),
                        "</th></tr></thead><tbody>\n");
      for (const ClassSummary& c : data.summary.classes) {
        const auto found = std::ranges::find(data.regularised->classes, c.code, &ClassSummary::code);
        const double ha = found == data.regularised->classes.end() ? 0 : found->ha;
        html += join_text("<tr><th scope=\"row\">", swatch(data.nomenclature, c.code), class_name(data.nomenclature, c.code),
                          "</th><td class=\"n\">", grouped(c.ha), "</td><td class=\"n\">", grouped(ha), "</td><td class=\"n\">",
                          w.number(ha / c.ha, 2), "</td></tr>\n");
      }
      html += "</tbody></table></div>\n";
    }
  }
  if (data.polygons)
    html += join_text("<p>", grouped(static_cast<double>(*data.polygons)),
                      w(" polygons tile the plane, with the shares of the classes of the full map in each.",
                        " polygones pavent le plan, chacun avec les parts des classes de la carte complète."),
                      "</p>\n");
  return section("regularised", w("Without small patches", "Sans les petites taches"), html);
}

}  // namespace millesime
