#include "pipeline/reports/html.h"

#include <cmath>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/reports/internal/page_parts.h"

namespace millesime::html {
namespace {

const LandClass* class_of(const Nomenclature& nomenclature, int code) {
  const auto index = nomenclature.index_of_code(code);
  return index ? &nomenclature.at(*index) : nullptr;
}

}  // namespace

std::string Words::number(double value, int decimals) const {
  std::string text = html::number(value, decimals);
  if (language == Language::fr)
    if (const std::size_t point = text.find('.'); point != std::string::npos) text[point] = ',';
  return text;
}

std::string Words::percent(double share, int decimals) const { return std::isnan(share) ? "–" : number(100 * share, decimals) + "\u202f%"; }

std::string Words::plus_minus(double half_width, int decimals) const {
  return std::isnan(half_width) ? "" : " <small>±\u202f" + number(half_width, decimals) + "</small>";
}

std::string number(double value, int decimals) { return std::isnan(value) ? "–" : fixed(value, decimals); }

std::string grouped(double value) {  // 1 234 567 with narrow blanks
  std::string digits = number(std::round(value), 0);
  for (int i = static_cast<int>(digits.size()) - 3; i > (digits[0] == '-' ? 1 : 0); i -= 3)
    digits.insert(static_cast<std::size_t>(i), "\u202f");
  return digits;
}

std::string percent(double share, int decimals) { return Words{}.percent(share, decimals); }

std::string picture(const Raster<std::uint8_t>& raster, const Palette& palette, const std::string& description) {
  return join_text("<img class=\"map\" alt=\"", escape_markup(description), "\" width=\"", raster.grid.cols, "\" height=\"",
                   raster.grid.rows, "\" src=\"", embedded_png(raster, palette), "\">");
}

std::string figure(const std::string& content, const std::string& caption) {
  return "<figure>" + content + "<figcaption>" + caption + "</figcaption></figure>\n";
}

std::string section(const std::string& id, const std::string& title, const std::string& content) {
  return "<section id=\"" + id + "\"><h2>" + title + "</h2>\n" + content + "</section>\n";
}

std::string plus_minus(double half_width, int decimals) { return Words{}.plus_minus(half_width, decimals); }

std::string class_name(const Nomenclature& nomenclature, int code) {
  const LandClass* c = class_of(nomenclature, code);
  return c ? escape_markup(c->name) : std::to_string(code);
}

std::string class_color(const Nomenclature& nomenclature, int code) {
  const LandClass* c = class_of(nomenclature, code);
  return c ? c->color.hex() : "#999999";
}

std::string swatch(const Nomenclature& nomenclature, int code) {
  return "<i class=\"swatch\" style=\"background:" + class_color(nomenclature, code) + "\" aria-hidden=\"true\"></i>";
}

std::string color_bar(const ColorRamp& ramp, int maximum, const std::string& unit) {
  std::string stops;
  for (const Color& color : ramp.stops) stops += (stops.empty() ? "" : ",") + color.hex();
  return join_text("<div class=\"ramp\"><i style=\"background:linear-gradient(90deg,", stops, ")\"></i><span>0</span><span>", maximum / 2,
                   "</span><span>", maximum, " ", unit, "</span></div>");
}

std::string key_figure(const std::string& value, const std::string& name) {
  return "<div><b>" + value + "</b><span>" + name + "</span></div>";
}

std::string header(const std::string& eyebrow, const std::string& title, const std::string& figures) {
  return "<header><p class=\"eyebrow\">" + eyebrow + "</p><h1>" + title + "</h1>\n<div class=\"figures\">" + figures + "</div></header>\n";
}

std::string facts(const std::vector<NamedValue>& rows) {
  std::string html = "<table class=\"facts\"><tbody>\n";
  for (const auto& [name, value] : rows)
    html += "<tr><th scope=\"row\">" + escape_markup(name) + "</th><td>" + escape_markup(value) + "</td></tr>\n";
  return html + "</tbody></table>\n";
}

std::string behind(const std::string& title, const std::string& table) {
  return "<details class=\"behind\"><summary>" + title + "</summary><div class=\"wide\" tabindex=\"0\">" + table + "</div></details>\n";
}

std::string page(const std::string& title, const std::string& body, Language language, const std::string& script) {
  std::string text =
      join_text("<!doctype html>\n<html lang=\"", code_of(language),
                "\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><meta "
                "name=\"color-scheme\" content=\"light dark\"><title>",
                escape_markup(title), "</title><style>\n", kPageStyle, "</style></head>\n<body><main>\n", body, "</main>");
  if (!script.empty()) text += "<script>\n" + script + "</script>";
  return text + "</body></html>\n";
}

}  // namespace millesime::html
