#pragma once
// Parts of HTML reports: words, formatted numbers, sections, figures, tables, the page itself. A page is one file without external
// resources, so that it opens offline and in ten years; what a script adds is there without it, too, as picture or table.

#include <string>
#include <utility>
#include <vector>

#include "pipeline/core/language.h"
#include "pipeline/core/nomenclature.h"
#include "pipeline/core/raster.h"
#include "pipeline/io/color_ramp.h"
#include "pipeline/io/picture.h"

namespace millesime {

// Two columns of a table, e.g. an option and its value; any text.
using NamedValue = std::pair<std::string, std::string>;

namespace html {

// The language of a page: its texts, written down in all languages beside each other, and numbers in them; NaN is a dash.
struct Words {
  Language language = Language::en;
  const char* operator()(const char* english, const char* french) const { return say(language, english, french); }
  const char* colon() const { return language == Language::fr ? "\u00a0: " : ": "; }
  std::string number(double value, int decimals) const;  // 0.25 or 0,25
  std::string percent(double share, int decimals = 1) const;
  std::string plus_minus(double half_width, int decimals) const;  // " ± 0.012" in small print, or "" without an interval
};

// Formatted numbers, in English and for style sheets and drawings; NaN is a dash.
std::string number(double value, int decimals);
std::string grouped(double value);  // 1 234 567 with narrow blanks
std::string percent(double share, int decimals = 1);
std::string plus_minus(double half_width, int decimals);  // " ± 0.012" in small print, or "" without an interval

// Classes, as markup. A code that is not in the nomenclature is its number and grey.
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

// A table that says what a drawing shows, behind a line to open.
std::string behind(const std::string& title, const std::string& table);

// `title` is text; `script`: JavaScript for what is in the body, or "".
std::string page(const std::string& title, const std::string& body, Language language = Language::en, const std::string& script = "");

}  // namespace html
}  // namespace millesime
