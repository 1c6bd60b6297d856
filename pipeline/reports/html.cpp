#include "pipeline/reports/html.h"

#include <cmath>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"

namespace millesime::html {
namespace {

const LandClass* class_of(const Nomenclature& nomenclature, int code) {
  const auto index = nomenclature.index_of_code(code);
  return index ? &nomenclature.at(*index) : nullptr;
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
.epochs{width:100%;max-width:760px;display:block}.bars{width:100%;max-width:520px;display:block}.bar0{fill:var(--blue)}.axis0{stroke:var(--soft)}.spread{stroke:var(--ink);stroke-width:1.3}
.timeline{width:100%;min-width:720px}.month{stroke:var(--line)}.axis{stroke:#eef0f2}
circle.found{fill:var(--blue)}circle.merged{fill:#5aae61;stroke:#1b7837}circle.superseded{fill:none;stroke:#8d99a5;stroke-width:1.5}circle.damaged{fill:#fff;stroke:var(--rust);stroke-width:2.4}
.key{font-size:13px;color:var(--soft);max-width:none}.key i{display:inline-block;width:11px;height:11px;border-radius:50%;margin:0 5px 0 14px;vertical-align:-1px}
.key .found{background:var(--blue);margin-left:0}.key .merged{background:#5aae61}.key .superseded{border:2px solid #8d99a5}.key .damaged{border:2.5px solid var(--rust)}
.troubles{font-size:13px}.facts{width:auto;font-size:13px}.facts th{font-weight:500;color:var(--soft);padding-right:22px;white-space:nowrap;vertical-align:top}.facts td{overflow-wrap:anywhere}
.folds{width:100%;max-width:820px;display:block}.counts,.pairs,.summary,.classes{width:auto}.counts td,.pairs td,.summary td,.classes td{padding-right:18px}.counts tbody tr,.pairs tbody tr,.summary tbody tr,.classes tbody tr{border-bottom:1px solid #eef0f2}
.reliability{display:grid;grid-template-columns:repeat(auto-fill,minmax(250px,1fr));gap:20px}.warning{border-left:3px solid var(--rust);padding-left:12px}
.models{display:grid;grid-template-columns:repeat(auto-fill,minmax(320px,1fr));gap:20px}
details{margin-top:16px}summary{cursor:pointer;color:var(--blue)}
@media(max-width:860px){.beside,.pair,.scored{grid-template-columns:1fr}main{padding:24px 16px}h1{font-size:32px}}
@media print{body{font-size:11px}main{max-width:none;padding:0}section{break-inside:avoid-page;margin-top:22px}.bar i,.swatch,.ramp i,.matrix td,.key i{print-color-adjust:exact;-webkit-print-color-adjust:exact}.wide{overflow:visible}}
)css";

}  // namespace

std::string number(double value, int decimals) { return std::isnan(value) ? "–" : fixed(value, decimals); }

std::string grouped(double value) {  // 1 234 567 with narrow blanks
  std::string digits = number(std::round(value), 0);
  for (int i = static_cast<int>(digits.size()) - 3; i > (digits[0] == '-' ? 1 : 0); i -= 3)
    digits.insert(static_cast<std::size_t>(i), "\u202f");
  return digits;
}

std::string percent(double share, int decimals) { return std::isnan(share) ? "–" : number(100 * share, decimals) + "\u202f%"; }

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

std::string plus_minus(double half_width, int decimals) {
  return std::isnan(half_width) ? "" : " <small>±\u202f" + number(half_width, decimals) + "</small>";
}

std::string class_name(const Nomenclature& nomenclature, int code) {
  const LandClass* c = class_of(nomenclature, code);
  return c ? escape_markup(c->name) : join_text("class ", code);
}

std::string class_color(const Nomenclature& nomenclature, int code) {
  const LandClass* c = class_of(nomenclature, code);
  return c ? c->color.hex() : "#999999";
}

std::string swatch(const Nomenclature& nomenclature, int code) {
  return "<i class=\"swatch\" style=\"background:" + class_color(nomenclature, code) + "\"></i>";
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
  for (const auto& [name, value] : rows) html += "<tr><th>" + escape_markup(name) + "</th><td>" + escape_markup(value) + "</td></tr>\n";
  return html + "</tbody></table>\n";
}

std::string page(const std::string& title, const std::string& body) {
  return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
         "content=\"width=device-width,initial-scale=1\"><title>" +
         escape_markup(title) + "</title><style>" + kStyle + "</style></head>\n<body><main>\n" + body + "</main></body></html>\n";
}

}  // namespace millesime::html
