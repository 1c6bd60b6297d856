#pragma once
// SearchSpace: what `tune` varies, a TOML file. A list holds the values to choose from; a table with `from` and `to` is a range, in whole
// numbers if both are, on a logarithmic scale with scale = "log". Sections are those of `millesime train`; [parameters] holds parameters
// of the architecture:
//
//   [train]
//   learning_rate = {from = 0.001, to = 0.02, scale = "log"}
//   label_smoothing = [0, 0.1]
//   [parameters]
//   d_model = [64, 128]

#include <random>
#include <string>
#include <vector>

namespace millesime {

struct SearchDimension {
  std::string key, place;            // "train.learning_rate", or a parameter ("d_model"); file and line, for messages
  std::vector<std::string> choices;  // of a list; empty: a range
  double from = 0, to = 0;
  bool logarithmic = false, whole = false;

  std::string draw(std::mt19937_64& generator) const;
  std::vector<std::string> extremes() const;  // the values of the list, or the ends of the range
};

struct SearchSpace {
  std::vector<SearchDimension> dimensions;

  // "train.learning_rate=0.0041", one a dimension.
  std::vector<std::string> draw(std::mt19937_64& generator) const;
};

// UserError with file and line for what is no space. Whether an option takes a value is known when it is set.
SearchSpace read_search_space(const std::string& file);

}  // namespace millesime
