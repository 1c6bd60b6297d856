#pragma once
// Small operations on text that several layers need.

#include <string>
#include <string_view>
#include <vector>

namespace millesime {

std::vector<std::string> split_text(std::string_view text, char separator);
std::string join_list(const std::vector<std::string>& parts, std::string_view separator);
std::string_view trim(std::string_view text);
std::string lower(std::string_view text);
bool is_utf8(std::string_view text);

std::string fixed(double value, int decimals);  // 0.250; "nan" for what is no number

std::string escape_markup(std::string_view text);  // for XML and HTML, in text and in attributes

// The candidate nearest to `name` by edit distance, or "" if none is near enough to be a typing error.
std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace millesime
