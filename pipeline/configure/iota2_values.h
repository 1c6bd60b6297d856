#pragma once
// The values of an iota2 configuration. UserError with file and line where one is of another kind.

#include <filesystem>
#include <string>
#include <vector>

#include "pipeline/core/iota2_file.h"

namespace millesime {

bool is_none(const Iota2Entry& entry);  // None, or nothing
std::string text_of(const Iota2Entry& entry);
bool flag_of(const Iota2Entry& entry);
double number_of(const Iota2Entry& entry);
std::vector<std::string> words_of(const Iota2Entry& entry);  // a list, or a text of words
std::string number_text(double value);                       // "0.5", "10"

// Where paths lead, and what is to be said of them.
struct Iota2Places {
  std::filesystem::path folder;  // of the configuration
  std::vector<std::string>& notes;

  std::string absolute(const std::string& path) const;
  std::string path_of(const Iota2Entry& entry);  // absolute; a note where nothing is there
};

struct Iota2Setting {  // of our configuration
  std::string key;
  std::vector<std::string> values;
  bool list = false;
};
std::vector<Iota2Setting> sample_selection(const Iota2Entry& told, Iota2Places& places);
std::vector<Iota2Setting> sample_augmentation(const Iota2Entry& told, Iota2Places& places);
// Of "-classifier.rf.min 5 -classifier.rf.max 25", or of a mapping of the same names.
std::vector<Iota2Setting> forest_options(const Iota2Entry& told, Iota2Places& places);

}  // namespace millesime
