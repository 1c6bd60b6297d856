#pragma once
// A configuration that the program writes: what differs from the defaults, each line with a comment on where it comes from.

#include <string>
#include <vector>

#include "pipeline/stages/config.h"

namespace millesime {

// The options of `options` (config.declare()) whose origin is not "default", as TOML; the origin is the comment of the line. Sources become
// tables [[source]].
std::string to_commented_toml(const Options& options, const std::vector<SourceOptions>& sources);

// Years of the products of a source over its tiles, with their numbers, as the names of the products tell them. Nothing is opened.
std::vector<std::pair<int, int>> years_of_source(const SourceOptions& source, const std::vector<std::string>& tiles);

// "  # text", one line whatever the text holds.
std::string comment(const std::string& text);

}  // namespace millesime
