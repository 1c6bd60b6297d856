#pragma once
// The keys of an iota2 configuration and what becomes of each: one table, from which `millesime import` works and `millesime config iota2`
// prints a page. Names of both generations of iota2 are one key: "argTrain.sampleSelection" of 2019 to 2021 and
// "arg_train.sample_selection" of 2022 on differ in capitals and underscores only.

#include <string>
#include <string_view>
#include <vector>

namespace millesime {

enum class Fate { taken, not_needed, absent };
std::string_view to_text(Fate fate);  // "taken over", "not needed", "not there"

struct Iota2Key {
  std::string_view sections;  // where it may stand, separated by blanks; keys moved from one version to the next
  std::string_view name;      // as of 2022; "*": every key of these sections
  Fate fate;
  std::string_view what;  // key of our configuration; why it is not needed; what to do instead
};

const std::vector<Iota2Key>& iota2_keys();

// "argtrain" of "arg_train" and "argTrain".
std::string iota2_name(std::string_view name);

// UserError at `where` for a section or a key that iota2 does not have, with the nearest one.
const Iota2Key& find_iota2_key(const std::string& section, const std::string& key, const std::string& where);

std::string iota2_page();  // the table, as Markdown

}  // namespace millesime
