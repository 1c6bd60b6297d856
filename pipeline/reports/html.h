#pragma once
// Parts of HTML reports: formatted numbers, sections, figures, tables, the page itself. A page is one file without scripts and without
// external resources, so that it opens offline and in ten years.

#include <string>
#include <utility>
#include <vector>

#include "pipeline/core/nomenclature.h"
#include "pipeline/core/raster.h"
#include "pipeline/io/color_ramp.h"
#include "pipeline/io/picture.h"

namespace millesime {

// Two columns of a table, e.g. an option and its value; any text.
using NamedValue = std::pair<std::string, std::string>;

namespace html {

// Formatted numbers; NaN is a dash.
std::string number(double value, int decimals);
std::string grouped(double value);  // 1 234 567 with narrow blanks
std::string percent(double share, int decimals = 1);
std::string plus_minus(double half_width, int decimals);  // " ± 0.012" in small print, or "" without an interval

// Classes, as markup. A code that is not in the nomenclature is "class 7" and grey.
std::string class_name(const Nomenclature& nomenclature, int code);
std::string class_color(const Nomenclature& nomenclature, int code);  // "#rrggbb"
std::string swatch(const Nomenclature& nomenclature, int code);

// Parts of a page. `content`, `caption` and `value` are markup, `title` too.
std::string picture(const Raster<std::uint8_t>& raster, const Palette& palette, const std::string& description);
std::string color_bar(const ColorRamp& ramp, int maximum, const std::string& unit);
std::string figure(const std::string& content, const std::string& caption);
std::string section(const std::string& id, const std::string& title, const std::string& content);
std::string key_figure(const std::string& value, const std::string& name);
std::string header(const std::string& eyebrow, const std::string& title, const std::string& figures);

std::string facts(const std::vector<NamedValue>& rows);

std::string page(const std::string& title, const std::string& body);  // `title` is text

}  // namespace html
}  // namespace millesime
