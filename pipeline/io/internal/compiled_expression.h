#pragma once
// Inside pipeline/io only: regular expressions of sensors, which are asked for with every tile and every name.

#include <regex>
#include <string>

namespace millesime {

std::regex compiled(const std::string& expression);  // compiled once a process. Throws std::regex_error.

}  // namespace millesime
